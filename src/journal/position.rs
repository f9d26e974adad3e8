//! How far a state has come: for each writer, its last document that is in the state.
//!
//! A writer is one start of one process. Its documents are numbered from 1 without gaps, because it sends the next one
//! only when it knows that the last one was kept. So two states of one epoch can be compared by these numbers alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The random id of a writer.
pub(super) type WriterId = i64;

/// For how long a base names a writer that is silent, in seconds. Far longer than a document of it can be under way.
const WRITER_LIFETIME: i64 = 7 * 24 * 60 * 60;

/// The age in seconds from which one base may have dropped a writer that another instance still lists.
const MAYBE_FORGOTTEN: i64 = WRITER_LIFETIME - 24 * 60 * 60;

/// The last document of each writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    last: BTreeMap<WriterId, Last>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Last {
    number: i64,
    /// When the document was made, in seconds since the Unix epoch by the server's clock.
    at: i64,
}

/// The last document of a writer, as it stands in a base.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct WriterPosition {
    #[serde(rename = "w")]
    pub(super) writer: WriterId,
    #[serde(rename = "n")]
    pub(super) number: i64,
    pub(super) at: i64,
}

/// What a document is to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is in the state already.
    Known,
    /// It is the next one of its writer.
    Next,
    /// Documents before it are missing.
    Gap,
}

impl Position {
    /// The number of the writer's last document; 0 for a writer without one.
    pub(super) fn last(&self, writer: WriterId) -> i64 {
        self.last.get(&writer).map_or(0, |last| last.number)
    }

    /// What the document with this number is to the state.
    pub(super) fn place(&self, writer: WriterId, number: i64) -> Place {
        let last = self.last(writer);
        match number {
            number if number <= last => Place::Known,
            number if number == last + 1 => Place::Next,
            _ => Place::Gap,
        }
    }

    /// The state now holds the writer's documents up to this one.
    pub(super) fn advance(&mut self, writer: WriterId, number: i64, at: i64) {
        let last = self.last.entry(writer).or_default();
        *last = Last { number: number.max(last.number), at: at.max(last.at) };
    }

    /// Advances to whichever of both is further, writer by writer.
    pub(super) fn raise(&mut self, other: &Self) {
        for (&writer, last) in &other.last {
            self.advance(writer, last.number, last.at);
        }
    }

    /// Every writer with the number of its last document.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WriterId, i64)> {
        self.last.iter().map(|(&writer, last)| (writer, last.number))
    }

    /// Whether a state at this position holds every document of a state at the other one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.iter().all(|(writer, number)| self.last(writer) >= number)
    }

    /// How many documents this position is ahead of another one.
    pub(super) fn documents_since(&self, other: &Self) -> i64 {
        let ahead = self.iter().map(|(writer, number)| number.saturating_sub(other.last(writer)).max(0));
        ahead.fold(0, i64::saturating_add)
    }

    /// Whether the database has less than this state: of some writer, neither the base nor the journal has the last
    /// document. Something was dropped or restored, and this state has to be written again.
    pub(super) fn is_lost(&self, base: &Self, heads: &Self, now: i64) -> bool {
        self.last.iter().any(|(&writer, last)| {
            base.last(writer).max(heads.last(writer)) < last.number && now.saturating_sub(last.at) < MAYBE_FORGOTTEN
        })
    }

    /// Forgets writers that have been silent for long and have no documents in the journal.
    pub(super) fn forget_silent(&mut self, heads: &Self, now: i64) {
        let is_recent = |last: &Last| now.saturating_sub(last.at) < WRITER_LIFETIME;
        self.last.retain(|writer, last| heads.last.contains_key(writer) || is_recent(last));
    }

    /// The form in a base.
    pub(super) fn to_stored(&self) -> Vec<WriterPosition> {
        let writers = self.last.iter();
        writers.map(|(&writer, last)| WriterPosition { writer, number: last.number, at: last.at }).collect()
    }

    /// The position of a base.
    pub(super) fn from_stored(stored: &[WriterPosition]) -> Self {
        let mut position = Self::default();
        for writer in stored {
            position.advance(writer.writer, writer.number, writer.at);
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn at(documents: &[(WriterId, i64)]) -> Position {
        let mut position = Position::default();
        for &(writer, number) in documents {
            position.advance(writer, number, NOW);
        }
        position
    }

    #[test]
    fn each_document_is_applied_once_and_in_order() {
        let mut position = at(&[(1, 4)]);
        assert_eq!(
            (position.place(1, 4), position.place(1, 5), position.place(1, 6)),
            (Place::Known, Place::Next, Place::Gap)
        );
        assert_eq!((position.place(2, 1), position.place(2, 2)), (Place::Next, Place::Gap));
        position.advance(1, 5, NOW);
        position.advance(1, 3, NOW);
        assert_eq!(position.last(1), 5);
    }

    #[test]
    fn a_damaged_number_at_the_end_of_its_range_is_taken_like_any_other() {
        let position = at(&[(1, i64::MAX), (2, i64::MAX)]);
        assert_eq!(position.place(1, i64::MAX), Place::Known);
        assert_eq!(position.documents_since(&Position::default()), i64::MAX);
    }

    #[test]
    fn a_state_holds_another_one_if_it_is_behind_for_no_writer() {
        assert!(at(&[(1, 2), (2, 1)]).holds(&at(&[(1, 2)])));
        assert!(at(&[(1, 2)]).holds(&Position::default()));
        assert!(!at(&[(1, 2), (2, 1)]).holds(&at(&[(1, 1), (2, 2)])));
        assert_eq!(at(&[(1, 9), (2, 1)]).documents_since(&at(&[(1, 2), (2, 3)])), 7);
    }

    #[test]
    fn what_neither_base_nor_journal_has_is_lost() {
        let shown = at(&[(1, 9), (2, 5)]);
        assert!(!shown.is_lost(&at(&[(1, 9)]), &at(&[(2, 5)]), NOW));
        assert!(shown.is_lost(&at(&[(1, 7)]), &at(&[(2, 5)]), NOW));
        assert!(shown.is_lost(&Position::default(), &Position::default(), NOW));
    }

    #[test]
    fn a_writer_is_forgotten_after_a_week_and_not_taken_for_lost_shortly_before() {
        let mut position = at(&[(1, 9), (2, 5)]);
        assert!(!position.is_lost(&Position::default(), &Position::default(), NOW + MAYBE_FORGOTTEN));
        position.forget_silent(&at(&[(2, 5)]), NOW + WRITER_LIFETIME);
        assert_eq!(position.to_stored().iter().map(|last| last.writer).collect::<Vec<_>>(), [2]);
    }
}
