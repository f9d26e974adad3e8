//! The limits of a refresh, and what it calls.

use std::time::Duration;

use super::report::Progress;
use super::snapshot::Snapshot;

/// The limits of a refresh.
#[derive(Clone, Debug)]
pub struct RefreshOptions {
    /// How many collectors run at once.
    pub concurrency: usize,
    /// The time limit of each collector.
    pub timeout: Duration,
    /// The most series of each gauge.
    pub series_budget: usize,
    /// A secondary that is further behind the primary is not read.
    pub max_staleness: Duration,
    /// Whether the database is asked what was written, so that only what changed is counted again.
    pub change_detection: bool,
}

/// Prepares what is published with a snapshot, from what was prepared for the last one.
pub type Prepare<P> = Box<dyn Fn(&Snapshot, &P) -> P + Send + Sync>;

/// What a refresh calls: it knows neither the readers of the snapshot nor the observers of its progress.
pub struct Hooks<P> {
    /// Runs on a thread for blocking work.
    pub prepare: Prepare<P>,
    /// Is told of every step. Must not block.
    pub progress: Box<dyn Fn(&Progress) + Send + Sync>,
}
