//! Which batches were counted already, so that a client can send one again when it does not know.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// For how long a batch is remembered.
const MEMORY: Duration = Duration::from_secs(10 * 60);

/// How many batches are remembered: about 20 MB of memory, and together with the totals less than the 16 MB that a
/// document of MongoDB can have. Far more than anybody sends in ten minutes who lets a batch fill up.
const MOST: usize = 1 << 19;

/// A batch that was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BatchMark {
    /// The first bytes of the SHA-256 of its id: the same in every version, and 64 bits are enough among a million.
    pub(super) digest: u64,
    /// How many events it had.
    pub(super) events: u16,
    /// When it was counted, by the [`Clock`].
    pub(super) at: u32,
}

impl BatchMark {
    pub(super) fn is_remembered(&self, now: u32) -> bool {
        u64::from(now.saturating_sub(self.at)) < MEMORY.as_secs()
    }
}

/// What is to be done with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is new: count it.
    Count(BatchMark),
    /// It was counted before and had this many events.
    Counted(u16),
    /// No more batches can be remembered, and one that is not remembered could be counted twice.
    Full,
}

/// The batches of the last ten minutes.
#[derive(Default)]
pub(super) struct Batches {
    events: HashMap<u64, u16>,
    oldest_first: VecDeque<BatchMark>,
}

impl Batches {
    /// Remembers a batch with this id, if it is new.
    pub(super) fn take(&mut self, id: &str, events: u16, now: u32) -> Turn {
        while let Some(oldest) = self.oldest_first.front().filter(|mark| !mark.is_remembered(now)) {
            self.events.remove(&oldest.digest);
            self.oldest_first.pop_front();
        }
        let digest = digest(id);
        if let Some(&events) = self.events.get(&digest) {
            return Turn::Counted(events);
        }
        if self.events.len() >= MOST {
            return Turn::Full;
        }
        let mark = BatchMark { digest, events, at: now };
        self.remember(mark);
        Turn::Count(mark)
    }

    /// Remembers a batch that another run of the service counted.
    pub(super) fn remember(&mut self, mark: BatchMark) {
        if self.events.len() < MOST && self.events.insert(mark.digest, mark.events).is_none() {
            self.oldest_first.push_back(mark);
        }
    }
}

fn digest(id: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(id).into();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// Seconds that only go forward, whatever is done to the system's clock. They begin late enough that a batch of the
/// last run can be older than this one.
pub(super) struct Clock {
    started: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { started: Instant::now() }
    }

    pub(super) fn seconds(&self) -> u32 {
        u32::try_from(MEMORY.as_secs() + self.started.elapsed().as_secs()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_counted_once_in_ten_minutes() {
        let mut batches = Batches::default();
        assert!(matches!(batches.take("a", 3, 1_000), Turn::Count(_)));
        assert!(matches!(batches.take("b", 4, 1_300), Turn::Count(_)));
        assert_eq!(batches.take("a", 3, 1_599), Turn::Counted(3));
        assert!(matches!(batches.take("a", 3, 1_600), Turn::Count(_)));
        assert_eq!(batches.take("b", 9, 1_600), Turn::Counted(4));
    }

    #[test]
    fn a_batch_that_could_not_be_remembered_is_refused() {
        let mut batches = Batches::default();
        for digest in 0..MOST as u64 {
            batches.remember(BatchMark { digest, events: 1, at: 1_000 });
        }
        assert_eq!(batches.take("one more", 1, 1_001), Turn::Full);
        assert!(matches!(batches.take("one more", 1, 1_600), Turn::Count(_)));
        assert_eq!(batches.events.len(), 1);
    }
}
