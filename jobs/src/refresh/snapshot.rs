//! The snapshot: what one refresh found, immutable, and the store in which the next one replaces it.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::moment::Moment;
use crate::collect::Lag;
use crate::metric::{Family, Text};

/// The gauges of one refresh.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The number of the refresh; 0 before the first.
    pub generation: u64,
    /// When a refresh last brought new values, even if from a single collector only.
    pub taken_at: Option<Moment>,
    /// One collector for each gauge that was counted yet: the built-in ones in the order of their definitions, then
    /// custom metrics.
    pub collectors: Vec<Collector>,
    /// How the last refresh of built-in gauges read the database.
    pub read: ReadReport,
}

/// How a refresh read the database.
#[derive(Clone, Debug, Default)]
pub struct ReadReport {
    /// Whether all its queries read at one moment.
    pub is_consistent: bool,
    /// How far each secondary was behind the primary.
    pub lags: Vec<Lag>,
}

/// A gauge and how it was collected.
#[derive(Clone, Debug)]
pub struct Collector {
    /// The name of the gauge.
    pub name: Text,
    /// The last good values; `None` if no run has succeeded yet.
    pub family: Option<Arc<Family>>,
    /// How many series the budget folded away in the last good values.
    pub folded: usize,
    /// How long the last run took.
    pub duration: Duration,
    /// When the last good values were taken.
    pub last_success: Option<Moment>,
    /// Why the last run failed, if it did.
    pub error: Option<String>,
}

impl Snapshot {
    /// Whether any values were ever taken.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.taken_at.is_some()
    }

    /// The gauge of this name.
    #[must_use]
    pub fn collector(&self, name: &str) -> Option<&Collector> {
        self.collectors.iter().find(|collector| collector.name == name)
    }
}

impl Collector {
    /// How many series the gauge shows.
    #[must_use]
    pub fn series(&self) -> usize {
        self.family.as_ref().map_or(0, |family| family.len())
    }

    /// Whether the last run succeeded.
    #[must_use]
    pub fn is_successful(&self) -> bool {
        self.error.is_none()
    }
}

/// A snapshot together with what is prepared from it for its readers (its rendered text), so that both change at once.
#[derive(Debug, Default)]
pub struct Published<P> {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// What was prepared from it.
    pub prepared: P,
}

/// The current snapshot. Readers never wait and never see half of one.
#[derive(Debug)]
pub struct SnapshotStore<P> {
    current: ArcSwap<Published<P>>,
}

impl<P> SnapshotStore<P> {
    /// A store that holds what was prepared for the time before the first refresh.
    #[must_use]
    pub fn new(before: P) -> Self {
        Self { current: ArcSwap::from_pointee(Published { snapshot: Snapshot::default(), prepared: before }) }
    }

    /// The current snapshot; it stays as it is for as long as it is held.
    #[must_use]
    pub fn load(&self) -> Arc<Published<P>> {
        self.current.load_full()
    }

    /// Whether this is still the current snapshot.
    #[must_use]
    pub fn is_current(&self, published: &Arc<Published<P>>) -> bool {
        Arc::ptr_eq(&self.current.load(), published)
    }

    pub(crate) fn publish(&self, published: Arc<Published<P>>) {
        self.current.store(published);
    }
}
