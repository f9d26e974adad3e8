//! When a snapshot that could not be stored is handed on once more.

use std::time::{Duration, Instant};

use crate::database::Backoff;

/// The pause before the next attempt; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How long what is counted waits to be stored before it is shown. Reading must not depend on a write, so whoever
/// cannot store for longer than an election takes shows it all the same.
const PATIENCE: Duration = Duration::from_secs(10);

/// The attempts to store snapshots for other instances and the next process.
pub(super) struct HandingOn {
    attempts: Backoff,
    /// Since when none could be stored.
    failing_since: Option<Instant>,
}

impl HandingOn {
    pub(super) fn new() -> Self {
        Self { attempts: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), failing_since: None }
    }

    /// Whether it is time for another attempt.
    pub(super) fn is_due(&self) -> bool {
        self.attempts.is_over()
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::new();
    }

    /// Notes a failure. Returns whether the snapshot, if it `may_wait`, is not to be shown yet.
    pub(super) fn failed(&mut self, may_wait: bool) -> bool {
        let waits = self.failing_since.get_or_insert_with(Instant::now).elapsed() < PATIENCE && may_wait;
        if !waits {
            self.attempts.fail();
        }
        waits
    }
}
