//! How far a state has come: for each writer, the number of its last document that is in the state.
//!
//! A writer is one start of one process. Its documents are numbered from 1 without gaps, because it sends the next one
//! only when it knows that the last one was kept. So two states of the same epoch can be compared by these numbers alone.

use std::collections::BTreeMap;

/// The random id of a writer.
pub(super) type WriterId = i64;

/// The last document of each writer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Position {
    last: BTreeMap<WriterId, u64>,
}

/// What a document is to a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is in the state already.
    Known,
    /// It is the next one of its writer.
    Next,
    /// Documents before it are missing.
    Gap,
}

impl Position {
    /// The number of the writer's last document; 0 for a writer without one.
    pub(super) fn last(&self, writer: WriterId) -> u64 {
        self.last.get(&writer).copied().unwrap_or_default()
    }

    /// What the document with this number is to the state.
    pub(super) fn place(&self, writer: WriterId, number: u64) -> Next {
        let last = self.last(writer);
        match number {
            number if number <= last => Next::Known,
            number if number == last + 1 => Next::Next,
            _ => Next::Gap,
        }
    }

    /// The state now holds the writer's documents up to this one.
    pub(super) fn advance(&mut self, writer: WriterId, number: u64) {
        let last = self.last.entry(writer).or_default();
        *last = number.max(*last);
    }

    /// Every writer with the number of its last document.
    pub(super) fn iter(&self) -> impl Iterator<Item = (WriterId, u64)> {
        self.last.iter().map(|(&writer, &number)| (writer, number))
    }

    /// Whether a state at this position holds every document of a state at the other one.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.iter().all(|(writer, number)| self.last(writer) >= number)
    }

    /// The writers of which the database has less than this state: neither the base nor the journal has the last
    /// document. Something was dropped or restored, and this state has to be written again.
    pub(super) fn lost(&self, base: &Self, journal: &Self) -> Vec<WriterId> {
        let is_lost =
            |&(writer, number): &(WriterId, u64)| base.last(writer).max(journal.last(writer)) < number;
        self.iter().filter(is_lost).map(|(writer, _)| writer).collect()
    }
}

impl FromIterator<(WriterId, u64)> for Position {
    fn from_iter<I: IntoIterator<Item = (WriterId, u64)>>(documents: I) -> Self {
        let mut position = Self::default();
        for (writer, number) in documents {
            position.advance(writer, number);
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(documents: &[(WriterId, u64)]) -> Position {
        documents.iter().copied().collect()
    }

    #[test]
    fn each_document_is_applied_once_and_in_order() {
        let mut position = at(&[(1, 4)]);
        assert_eq!(
            (position.place(1, 4), position.place(1, 5), position.place(1, 6)),
            (Next::Known, Next::Next, Next::Gap)
        );
        assert_eq!((position.place(2, 1), position.place(2, 2)), (Next::Next, Next::Gap));
        position.advance(1, 5);
        position.advance(1, 3);
        assert_eq!(position.last(1), 5);
    }

    #[test]
    fn a_state_holds_another_one_if_it_is_behind_for_no_writer() {
        assert!(at(&[(1, 2), (2, 1)]).holds(&at(&[(1, 2)])));
        assert!(at(&[(1, 2)]).holds(&Position::default()));
        assert!(!at(&[(1, 2), (2, 1)]).holds(&at(&[(1, 1), (2, 2)])));
    }

    #[test]
    fn what_neither_base_nor_journal_has_is_lost() {
        let shown = at(&[(1, 9), (2, 5), (3, 1)]);
        assert_eq!(shown.lost(&at(&[(1, 9)]), &at(&[(2, 5), (3, 1)])), Vec::<WriterId>::new());
        assert_eq!(shown.lost(&at(&[(1, 7)]), &at(&[(2, 5)])), [1, 3]);
        assert_eq!(shown.lost(&Position::default(), &Position::default()), [1, 2, 3]);
    }
}
