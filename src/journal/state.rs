//! The state that scrapes show, and how documents get into it.

use std::collections::VecDeque;
use std::time::Instant;

use super::batches::RecentBatches;
use super::document::JournalEntry;
use super::position::{Place, Position, WriterId};
use crate::live::{Clock, Live, Totals};

/// How many documents of this instance are remembered, and how many series they may hold together, about 3 MB.
const MAX_OWN: usize = 1_024;
const MAX_OWN_SERIES: usize = 10_000;

/// The totals that are shown, and which documents are in them.
pub(super) struct State {
    pub(super) live: Live,
    pub(super) position: Position,
    pub(super) batches: RecentBatches,
    /// The clock of the server.
    pub(super) clock: Clock,
    /// The last documents of this instance. If the journal is lost, no other instance may have read them.
    own: VecDeque<JournalEntry>,
    own_series: usize,
}

impl State {
    pub(super) fn new(live: Live) -> Self {
        let (position, batches) = Default::default();
        Self { live, position, batches, clock: Clock::of_system(), own: VecDeque::new(), own_series: 0 }
    }

    /// Takes the time of the server, in seconds since the Unix epoch.
    pub(super) fn set_time(&mut self, seconds: i64) {
        self.clock = Clock::new(seconds);
        self.live.set_clock(self.clock);
    }

    /// Applies a durable document of this instance, unless it is in the state already.
    pub(super) fn apply_own(&mut self, entry: JournalEntry) {
        // While it was not known whether the document was kept, it may have been read like those of others.
        if self.position.place(entry.id.writer, entry.id.number) != Place::Known {
            self.live.add(&entry.families, &entry.reports, entry.at);
            self.position.advance(entry.id.writer, entry.id.number, entry.at);
        }
        for (&digest, &events) in entry.batches.iter().zip(&entry.events) {
            self.batches.remember(digest, events, Instant::now());
        }
        self.own_series += entry.series();
        self.own.push_back(entry);
        while (self.own.len() > MAX_OWN || self.own_series > MAX_OWN_SERIES)
            && let Some(oldest) = self.own.pop_front()
        {
            self.own_series -= oldest.series();
        }
    }

    /// The last documents of this instance, oldest first.
    pub(super) fn own(&self) -> impl Iterator<Item = &JournalEntry> {
        self.own.iter()
    }

    /// Applies documents of a writer in order, as far as there is no gap. Returns the number before the gap.
    pub(super) fn apply(&mut self, entries: &[JournalEntry]) -> Option<Gap> {
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
    pub(super) fn remember_batches(&mut self, entry: &JournalEntry) {
        for (&digest, &events) in entry.batches.iter().zip(&entry.events) {
            self.batches.remember(digest, events, Instant::now());
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
    fn before(entry: &JournalEntry) -> Self {
        Self { writer: entry.id.writer, last: entry.id.number - 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::document::{EntryId, FORM};
    use super::*;
    use crate::live::{CacheOperation, CacheOutcome, ConnectionReport, Event, Label, MediaType, StreamRequest};

    fn entries(events: &[(u8, u8, u16)]) -> Vec<JournalEntry> {
        let live = Live::new();
        let mut numbers = [0; 3];
        let entry = |&(writer, kind, duration): &(u8, u8, u16)| {
            let users = ["alice", "bob", "eve"];
            let event: Event<'_> = if kind < 3 {
                let duration_seconds = std::time::Duration::from_millis(duration.into()).into();
                let user = Label::new(users[usize::from(kind)]).unwrap();
                StreamRequest { user, media_type: MediaType::Movies, duration_seconds }.into()
            } else {
                CacheOperation { operation: CacheOutcome::Hit }.into()
            };
            let families = live.sum(&[event]).to_series();
            let number = &mut numbers[usize::from(writer)];
            *number += 1;
            let report = ConnectionReport { reporter: format!("r{writer}"), connections: i64::from(kind), at: *number };
            JournalEntry {
                families,
                at: *number,
                reports: vec![report],
                form: FORM,
                ..JournalEntry::without_counts(EntryId { writer: writer.into(), number: *number })
            }
        };
        events.iter().map(entry).collect()
    }

    fn shown(state: &State) -> (Vec<crate::live::FamilySeries>, Vec<ConnectionReport>) {
        state.live.totals()
    }

    fn state() -> State {
        let live = Live::new();
        live.keep_elsewhere();
        live.show(Totals::default());
        State::new(live)
    }

    #[test]
    fn a_document_of_this_instance_that_was_read_like_those_of_others_counts_once() {
        let all = entries(&[(0, 0, 100), (0, 3, 0)]);
        let (mut expected, mut state) = (state(), state());
        assert!(expected.apply(&all).is_none());
        assert!(state.apply(&all[..1]).is_none(), "it was not known whether the first one was kept");
        all.into_iter().for_each(|entry| state.apply_own(entry));
        assert_eq!((&state.position, shown(&state)), (&expected.position, shown(&expected)));
    }

    proptest! {
        #[test]
        fn in_whichever_order_writers_are_read_the_totals_are_the_same(
            events in prop::collection::vec((0_u8..3, 0_u8..6, any::<u16>()), 1..40),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let all = entries(&events);
            let mut in_order = state();
            prop_assert!(in_order.apply(&all).is_none());

            // Documents come in any order, several times, and with gaps that are filled later.
            let mut mixed = state();
            for pick in picks {
                let _ = mixed.apply(std::slice::from_ref(pick.get(&all)));
            }
            for writer in 0..3 {
                let of_writer: Vec<_> = all.iter().filter(|entry| entry.id.writer == writer).cloned().collect();
                prop_assert!(mixed.apply(&of_writer).is_none());
            }
            prop_assert_eq!(&mixed.position, &in_order.position);
            prop_assert_eq!(shown(&mixed), shown(&in_order));
        }
    }
}
