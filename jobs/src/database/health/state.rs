//! What the health of the database can be.

use std::time::{Instant, SystemTime};

/// Whether MongoDB answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Nothing was heard yet, nor waited for long enough to mean anything.
    Connecting,
    /// Reads and writes are possible.
    Up,
    /// Reads are possible, writes are not: there is no primary.
    ReadOnly(Outage),
    /// Nothing is possible.
    Away(Outage),
}

/// A time without the database, or without writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it began, by the wall clock: to be shown.
    pub since: SystemTime,
    /// When it began, by the monotonic clock: to tell how long it lasts.
    pub began: Instant,
    /// Why, as a sentence without a full stop: "MongoDB at db:27017 refuses connections".
    pub reason: String,
}

impl HealthState {
    /// Whether something is not possible that should be.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::ReadOnly(_) | Self::Away(_))
    }
}
