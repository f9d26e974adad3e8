//! Every family at one moment.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use playarr_jobs::custom::PREFIX;
use playarr_jobs::metric::{Family, Text};
use playarr_jobs::refresh::Snapshot;

use crate::catalog::{Catalog, Origin};
use crate::custom::{RunningMetric, RunningMetrics};
use crate::selector::{Chosen, Selector, SelectorError, choose};
use crate::telemetry::snapshot_families;

/// Every family at one moment, in the order of the exposition. The gauges are of one snapshot.
pub(crate) struct View {
    /// The generation of the snapshot.
    pub(crate) generation: u64,
    /// When the snapshot was taken; `None` before the first.
    pub(crate) taken_at: Option<SystemTime>,
    /// The families.
    pub(crate) families: Vec<Arc<Family>>,
    /// What else is known of each family, in the same order.
    pub(crate) facts: Vec<Facts>,
}

/// What is known of a family beside its samples.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// What its values count or measure; empty if that is not known.
    pub(crate) unit: Text,
    /// How many series the budget folded away.
    pub(crate) folded: usize,
    /// What an admin can change, if it is a custom metric that runs.
    pub(crate) custom: Option<RunningMetric>,
    /// When its values were taken. A failed collector shows its last good ones.
    pub(crate) taken_at: SystemTime,
}

/// Origin and unit of each family of the catalog.
static KNOWN: LazyLock<HashMap<Text, (Origin, Text)>> = LazyLock::new(|| {
    Catalog::default().entries.into_iter().map(|entry| (entry.name, (entry.origin, entry.unit))).collect()
});

impl View {
    /// The gauges of a snapshot, what the service says of their collection, and other families as they are now.
    /// `custom` says what is known of custom metrics.
    #[must_use]
    pub(crate) fn of(snapshot: &Snapshot, custom: &RunningMetrics, now: impl IntoIterator<Item = Arc<Family>>) -> Self {
        let taken_at = snapshot.taken_at.map(|moment| moment.time());
        let mut view = Self { generation: snapshot.generation, taken_at, families: Vec::new(), facts: Vec::new() };
        for collector in &snapshot.collectors {
            let taken = collector.last_success.or(snapshot.taken_at).map(|moment| moment.time());
            if let (Some(family), Some(taken)) = (&collector.family, taken) {
                let origin = if family.name.starts_with(PREFIX) { Origin::Custom } else { Origin::Database };
                view.push(family.clone(), origin, taken, collector.folded);
                if let Some(facts) = view.facts.last_mut().filter(|facts| facts.origin == Origin::Custom) {
                    facts.custom = custom.get(&family.name).cloned();
                    facts.unit = facts.custom.as_ref().map_or_else(Text::default, |metric| metric.unit.clone());
                }
            }
        }
        for family in snapshot_families(snapshot) {
            view.push(Arc::new(family), Origin::Service, taken_at.unwrap_or_else(SystemTime::now), 0);
        }
        for family in now {
            view.push(family, Origin::Live, SystemTime::now(), 0);
        }
        view
    }

    fn push(&mut self, family: Arc<Family>, origin: Origin, taken_at: SystemTime, folded: usize) {
        let (origin, unit) = KNOWN.get(&family.name).cloned().unwrap_or((origin, Text::default()));
        self.families.push(family);
        self.facts.push(Facts { origin, unit, folded, custom: None, taken_at });
    }

    /// The series that any of the selectors chooses; all if there is no selector.
    ///
    /// # Errors
    /// When it takes too long.
    pub(crate) fn choose(&self, selectors: &[Selector]) -> Result<Vec<Chosen>, SelectorError> {
        choose(&self.families, selectors)
    }
}
