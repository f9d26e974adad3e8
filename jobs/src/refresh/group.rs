//! Collectors that run together: those of the built-in gauges, and those of custom metrics.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use mongodb::Database;
use parking_lot::Mutex;

use super::last_run::LastRun;
use super::log::Failure;
use super::moment::Moment;
use super::options::RefreshOptions;
use super::report::CollectorReport;
use super::snapshot::{Collector, Snapshot};
use super::writes::Look;
use crate::collect::{Budgeted, Definition, Reading, SourceError, collect};
use crate::database::DatabaseError;
use crate::metric::Text;

/// Definitions whose collectors run for the same reasons.
pub(super) struct Group {
    definitions: Mutex<Vec<Arc<Definition>>>,
    /// Those that only run when they are asked for by name.
    paused: Mutex<BTreeSet<Text>>,
    /// The last run of each collector.
    last_runs: Mutex<HashMap<Text, LastRun>>,
}

/// Which collectors of a group run.
#[derive(Debug)]
pub(super) enum Selection<'a> {
    /// All that are not paused.
    All,
    /// Those of these names, paused or not.
    Named(&'a BTreeSet<Text>),
    /// Those that may have something new to count, by this look. None that is paused.
    Outdated(&'a Look),
    /// As `Outdated`, without those that rest after a change.
    Due(&'a Look),
}

/// What the collectors of a run share.
pub(super) struct Run<'a> {
    pub(super) database: &'a Database,
    /// When and where they read; why they cannot, if so.
    pub(super) reading: &'a Result<Reading, DatabaseError>,
    /// The writes before it.
    pub(super) look: Option<&'a Look>,
    pub(super) last: &'a Snapshot,
    pub(super) options: &'a RefreshOptions,
}

/// What a collector did.
pub(super) struct Collected {
    pub(super) definition: Arc<Definition>,
    pub(super) collector: Collector,
    pub(super) failure: Option<Failure>,
    /// Whether all its queries read at the moment of the run.
    pub(super) is_consistent: bool,
}

impl Group {
    pub(super) fn new(definitions: Vec<Definition>) -> Self {
        Self {
            definitions: Mutex::new(definitions.into_iter().map(Arc::new).collect()),
            paused: Mutex::default(),
            last_runs: Mutex::default(),
        }
    }

    /// The definitions as they are now.
    pub(super) fn definitions(&self) -> Vec<Arc<Definition>> {
        self.definitions.lock().clone()
    }

    /// Replaces the definitions and returns the names of those that are new or different.
    pub(super) fn replace(&self, definitions: Vec<Definition>) -> BTreeSet<Text> {
        let mut current = self.definitions.lock();
        let mut new = BTreeSet::new();
        let replaced = definitions.into_iter().map(|definition| {
            let same = current.iter().find(|current| ***current == definition);
            same.cloned().unwrap_or_else(|| {
                new.insert(definition.name.clone());
                Arc::new(definition)
            })
        });
        *current = replaced.collect();
        let names: BTreeSet<_> = current.iter().map(|definition| definition.name.clone()).collect();
        drop(current);
        self.last_runs.lock().retain(|name, _| names.contains(name));
        new
    }

    pub(super) fn pause(&self, names: BTreeSet<Text>) {
        *self.paused.lock() = names;
    }

    /// The definitions whose collectors are to run.
    pub(super) fn select(&self, selection: &Selection<'_>) -> Vec<Arc<Definition>> {
        let mut definitions = self.definitions();
        let (paused, last_runs) = (self.paused.lock(), self.last_runs.lock());
        let last_run = |definition: &Arc<Definition>| {
            last_runs.get(&definition.name).filter(|last| Arc::ptr_eq(&last.definition, definition))
        };
        definitions.retain(|definition| {
            let is_active = !paused.contains(&definition.name);
            match selection {
                Selection::All => is_active,
                Selection::Named(names) => names.contains(&definition.name),
                Selection::Outdated(look) => {
                    is_active && last_run(definition).is_none_or(|last| last.may_be_outdated(look))
                }
                Selection::Due(look) => is_active && last_run(definition).is_none_or(|last| last.is_due(look)),
            }
        });
        definitions
    }

    /// Lets the collectors of a run for a change, which took `duration` in all, rest.
    pub(super) fn rest(&self, collectors: &[CollectorReport], duration: Duration) {
        let mut last_runs = self.last_runs.lock();
        for collector in collectors {
            if let Some(last) = last_runs.get_mut(collector.name.as_str()) {
                last.rest(collector.duration, duration);
            }
        }
    }

    /// Forgets what these collectors have counted, in `duration` in all, since it was not published: they are due again
    /// when they have rested.
    pub(super) fn forget(&self, collectors: &[Text], duration: Duration) {
        let mut last_runs = self.last_runs.lock();
        for name in collectors {
            if let Some(last) = last_runs.get_mut(name) {
                last.forget();
                last.rest(duration, duration);
            }
        }
    }

    /// Runs collectors, at most `concurrency` at once, and hands each on when it is done. One that fails keeps what the
    /// last snapshot had, if that was counted by the same definition.
    pub(super) fn run<'a>(
        &'a self,
        definitions: Vec<Arc<Definition>>,
        run: &'a Run<'a>,
        concurrency: usize,
    ) -> impl futures_util::Stream<Item = Collected> + 'a {
        let tasks = definitions.into_iter().map(move |definition| self.collect_one(definition, run));
        futures_util::stream::iter(tasks).buffer_unordered(concurrency.max(1))
    }

    /// Runs a collector.
    pub(super) async fn collect_one(&self, definition: Arc<Definition>, run: &Run<'_>) -> Collected {
        let clock = Instant::now();
        let (outcome, is_consistent) = run.count(&definition).await;
        let duration = clock.elapsed();
        let name = definition.name.clone();
        let last = run.last.collector(&name).filter(|_| !self.has_replaced(&definition));
        let (collector, failure) = match outcome {
            Ok(Budgeted { family, folded }) => {
                // The same values stay the same family, so that they are not rendered again.
                let same = last.and_then(|last| last.family.clone()).filter(|last| **last == family);
                let family = Some(same.unwrap_or_else(|| Arc::new(family)));
                let last_success = Some(Moment::now());
                (Collector { name, family, folded, duration, last_success, error: None }, None)
            }
            Err(error) => {
                let message = error.to_string();
                let failed = Collector {
                    family: last.and_then(|last| last.family.clone()),
                    folded: last.map_or(0, |last| last.folded),
                    last_success: last.and_then(|last| last.last_success),
                    name: name.clone(),
                    duration,
                    error: Some(message.clone()),
                };
                let is_known = last.is_some_and(|last| last.error.as_ref() == Some(&message));
                (failed, Some(Failure { collector: name, message, error: error.database_error(), is_known }))
            }
        };
        // One that was replaced meanwhile says nothing of its successor.
        if self.definitions.lock().iter().any(|current| Arc::ptr_eq(current, &definition)) {
            let mut last_runs = self.last_runs.lock();
            let before = last_runs.get(&definition.name);
            let last_run = LastRun::new(definition.clone(), run.look, failure.is_none(), before);
            last_runs.insert(definition.name.clone(), last_run);
        }
        Collected { definition, collector, failure, is_consistent }
    }

    /// Whether the gauge of this name was last counted by another definition, which this one has replaced.
    fn has_replaced(&self, definition: &Arc<Definition>) -> bool {
        let last_runs = self.last_runs.lock();
        last_runs.get(&definition.name).is_some_and(|last| !Arc::ptr_eq(&last.definition, definition))
    }
}

impl Run<'_> {
    /// Counts a gauge, and says whether at the moment of the run. Where that is gone (an index was made since, or the
    /// run took too long), the gauge is counted once more, as it is now.
    async fn count(&self, definition: &Definition) -> (Result<Budgeted, SourceError>, bool) {
        let reading = match self.reading {
            Ok(reading) => reading,
            Err(error) => return (Err(SourceError::Database(error.clone())), false),
        };
        let budget = definition.budget.unwrap_or(self.options.series_budget);
        let timeout = self.options.timeout;
        match collect(self.database, reading, definition, budget, timeout).await {
            Err(error) if error.is_moment_gone() => {
                let reading = reading.without_one_moment();
                (collect(self.database, &reading, definition, budget, timeout).await, false)
            }
            outcome => (outcome, reading.is_consistent()),
        }
    }
}
