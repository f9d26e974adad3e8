//! The base as it was last seen, and the documents that can be deleted because they are in it.

use std::collections::VecDeque;
use std::time::Instant;

use rand::RngExt;

use super::batches::MEMORY;
use super::document::{BaseHead, FORM};
use super::position::Position;

/// What is known of the base in the database.
#[derive(Default)]
pub(super) struct Base {
    /// None if there is no base.
    pub(super) stamp: Option<i64>,
    pub(super) epoch: i64,
    pub(super) position: Position,
    /// What was in the bases that this instance wrote, oldest first.
    written: VecDeque<(Instant, Position)>,
}

impl Base {
    /// Takes note of the base that is there.
    pub(super) fn seen(&mut self, head: Option<&BaseHead>) {
        self.stamp = head.map(|head| head.stamp);
        self.position = head.map(BaseHead::position).unwrap_or_default();
        if let Some(head) = head {
            self.epoch = head.epoch;
        }
    }

    /// The head of a new base.
    pub(super) fn next(epoch: i64, position: &Position) -> BaseHead {
        BaseHead { form: FORM, stamp: rand::rng().random(), epoch, position: position.to_stored() }
    }

    /// This instance wrote the base.
    pub(super) fn wrote(&mut self, head: &BaseHead, now: Instant) {
        self.seen(Some(head));
        self.written.push_back((now, head.position()));
    }

    /// The documents up to these can be deleted: they are in a base, and no batch in them is younger than the time for
    /// which batches are remembered.
    pub(super) fn deletable(&mut self, now: Instant) -> Option<Position> {
        let mut deletable = None;
        while let Some((written, _)) = self.written.front()
            && now.saturating_duration_since(*written) >= MEMORY
        {
            deletable = self.written.pop_front().map(|(_, position)| position);
        }
        deletable
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_in_a_base_can_be_deleted_when_its_batches_need_not_be_remembered() {
        let (mut base, start) = (Base::default(), Instant::now());
        let mut position = Position::default();
        for number in 1..=2 {
            position.advance(1, number, 0);
            base.wrote(&Base::next(0, &position), start + Duration::from_secs(60) * u32::try_from(number).unwrap());
        }
        assert_eq!(base.deletable(start + MEMORY), None);
        assert_eq!(base.deletable(start + MEMORY + Duration::from_secs(60)).unwrap().last(1), 1);
        assert_eq!(base.deletable(start + MEMORY + Duration::from_secs(600)).unwrap().last(1), 2);
        assert_eq!(base.deletable(start + 2 * MEMORY), None);
    }
}
