//! What is known of the history of snapshots.

use std::time::SystemTime;

use super::head::Head;

/// What is known of the history.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The heads of its snapshots, the newest first.
    pub heads: Vec<Head>,
    /// What it takes, in bytes, compressed.
    pub bytes: u64,
    /// What it may take, in bytes; 0 if it is off.
    pub max_bytes: u64,
    /// Why the last snapshot could not be remembered.
    pub problem: Option<String>,
}

impl History {
    /// At most this many of its snapshots, evenly spread, the oldest first. The newest is one of them.
    #[must_use]
    pub fn points(&self, most: usize) -> Vec<&Head> {
        // One that stands for its hour and its day counts once.
        let mut heads: Vec<_> = self.heads.iter().rev().collect();
        heads.dedup_by_key(|head| head.taken_at);
        let step = heads.len().div_ceil(most.max(1)).max(1);
        let skipped = heads.len().saturating_sub(1) % step;
        heads.into_iter().skip(skipped).step_by(step).collect()
    }

    /// The snapshot whose values were taken closest to a moment.
    #[must_use]
    pub fn closest(&self, moment: SystemTime) -> Option<&Head> {
        let distance = |head: &&Head| {
            let after = head.taken_at.duration_since(moment);
            after.unwrap_or_else(|before| before.duration())
        };
        self.heads.iter().min_by_key(distance)
    }
}
