//! Which batches were counted lately.
//!
//! The unique index of the journal decides. This memory answers without asking the database, and still does when the
//! journal was dropped.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// For how long a batch is remembered.
pub(super) const MEMORY: Duration = Duration::from_secs(10 * 60);

/// How many batches are remembered here, about 20 MB. Beyond that, the database alone decides.
const MAX_BATCHES: usize = 1 << 19;

/// The batches of the last ten minutes.
#[derive(Default)]
pub(super) struct RecentBatches {
    by_digest: HashMap<i64, i32>,
    oldest_first: VecDeque<(i64, Instant)>,
}

impl RecentBatches {
    /// Remembers a durable batch.
    pub(super) fn remember(&mut self, digest: i64, events: i32, now: Instant) {
        if self.by_digest.len() < MAX_BATCHES && self.by_digest.insert(digest, events).is_none() {
            self.oldest_first.push_back((digest, now));
        }
    }

    /// The events of a batch that was counted, if that is known.
    pub(super) fn events(&self, digest: i64) -> Option<i32> {
        self.by_digest.get(&digest).copied()
    }

    /// Forgets what is older than ten minutes.
    pub(super) fn forget_old(&mut self, now: Instant) {
        while let Some(&(digest, at)) = self.oldest_first.front()
            && now.saturating_duration_since(at) >= MEMORY
        {
            self.by_digest.remove(&digest);
            self.oldest_first.pop_front();
        }
    }
}

/// The first bytes of the SHA-256 of a batch's id: the same in every version, and 64 bits are enough among a million.
pub(super) fn digest(id: &str) -> i64 {
    let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = Sha256::digest(id).into();
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_remembered_for_ten_minutes() {
        let (mut batches, start) = (RecentBatches::default(), Instant::now());
        batches.remember(digest("a"), 7, start);
        batches.forget_old(start + MEMORY - Duration::from_secs(1));
        assert_eq!(batches.events(digest("a")), Some(7));
        assert_eq!(batches.events(digest("b")), None);
        batches.forget_old(start + MEMORY);
        assert_eq!(batches.events(digest("a")), None);
        assert!(batches.oldest_first.is_empty());
    }
}
