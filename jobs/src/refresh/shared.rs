//! What instances on one database have in common: a lease, and the snapshots that they hand on.

use std::pin::Pin;
use std::sync::Arc;

use mongodb::bson::Timestamp;

use super::report::Report;
use super::snapshot::{Published, Snapshot};
use crate::lease::Lease;

/// A snapshot on its way to another instance, or to the next process.
#[derive(Clone, Debug, Default)]
pub struct SharedSnapshot {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The report of the last refresh, be it scheduled, asked for or for a change.
    pub report: Option<Arc<Report>>,
    /// The moment of its newest data, by the clock of a replica set: nothing older is shown after it.
    pub moment: Option<Timestamp>,
}

/// What came of handing a snapshot on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareOutcome {
    /// The others can show it.
    Shared,
    /// The database is away, or no majority has confirmed it: the next process may not find it.
    Unreached,
    /// It cannot be stored, for a reason that is said elsewhere. The others can show it once that is mended.
    NotStored,
    /// Another instance has handed on a later one.
    Superseded {
        /// Its number.
        generation: u64,
    },
}

/// A task under way.
type Pending<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Reads the last snapshot that was handed on, if there is one.
pub type Recall = Box<dyn Fn() -> Pending<Option<SharedSnapshot>> + Send + Sync>;

/// Hands a snapshot on, with the report of the last refresh and the moment of its newest data.
pub type Share<P> =
    Box<dyn Fn(Arc<Published<P>>, Option<Arc<Report>>, Option<Timestamp>) -> Pending<ShareOutcome> + Send + Sync>;

/// What binds the refreshes of several instances together.
pub struct Bonds<P> {
    /// Who refreshes.
    pub lease: Lease,
    /// How a new process and those who follow get a snapshot.
    pub recall: Recall,
    /// How they are given one.
    pub share: Share<P>,
}
