//! The state that scrapes show, and how documents get into it.

use std::time::Instant;

use super::batches::RecentBatches;
use super::document::Entry;
use super::position::{Place, Position, WriterId};
use crate::live::{Clock, Live, Totals};

/// The totals that are shown, and which documents are in them.
pub(super) struct State {
    pub(super) live: Live,
    pub(super) position: Position,
    pub(super) batches: RecentBatches,
    /// The clock of the server.
    pub(super) clock: Clock,
}

impl State {
    pub(super) fn new(live: Live) -> Self {
        let (position, batches) = Default::default();
        Self { live, position, batches, clock: Clock::of_system() }
    }

    /// Takes the time of the server, in seconds since the Unix epoch.
    pub(super) fn set_time(&mut self, seconds: i64) {
        self.clock = Clock::new(seconds);
        self.live.set_clock(self.clock);
    }

    /// Applies a document of this instance, which is the next one of its writer and durable.
    pub(super) fn apply_own(&mut self, entry: &Entry) {
        self.live.add(&entry.families, &entry.reports, entry.at);
        self.position.advance(entry.id.writer, entry.id.number, entry.at);
        for (&digest, &events) in entry.batches.iter().zip(&entry.events) {
            self.batches.remember_own(digest, events, Instant::now());
        }
    }

    /// Applies documents of a writer in order, as far as there is no gap. Returns the number before the gap.
    pub(super) fn apply(&mut self, entries: &[Entry]) -> Option<Gap> {
        for entry in entries {
            match self.position.place(entry.id.writer, entry.id.number) {
                Place::Known => continue,
                Place::Gap => return Some(Gap::before(entry)),
                Place::Next => self.live.add(&entry.families, &entry.reports, entry.at),
            }
            self.position.advance(entry.id.writer, entry.id.number, entry.at);
            self.remember_batches(entry);
        }
        None
    }

    /// Shows other totals.
    pub(super) fn replace(&mut self, totals: Totals, position: Position) {
        self.live.show(totals);
        self.position = position;
    }

    /// Remembers the batches of a document of another instance.
    pub(super) fn remember_batches(&mut self, entry: &Entry) {
        for (&digest, &events) in entry.batches.iter().zip(&entry.events) {
            self.batches.remember_read(digest, events, Instant::now());
        }
    }
}

/// Documents of a writer that are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) writer: WriterId,
    /// The last one that is missing.
    pub(super) last: i64,
}

impl Gap {
    fn before(entry: &Entry) -> Self {
        Self { writer: entry.id.writer, last: entry.id.number - 1 }
    }
}
