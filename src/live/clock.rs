//! The time of the database, estimated between two reads of it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A time in seconds since the Unix epoch that was read at an instant and advances with the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    seconds: i64,
    read: Instant,
}

impl Clock {
    /// A clock that shows these seconds now.
    #[must_use]
    pub fn new(seconds: i64) -> Self {
        Self { seconds, read: Instant::now() }
    }

    /// The clock of this system.
    #[must_use]
    pub fn of_system() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::new(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }

    /// Seconds since the Unix epoch.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.seconds.saturating_add(i64::try_from(self.read.elapsed().as_secs()).unwrap_or(i64::MAX))
    }
}
