//! Runs collectors and publishes what they found.

mod publish;
mod restore;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use mongodb::Database;
use mongodb::bson::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};

use super::group::{Collected, Group, Run, Selection};
use super::handing_on::HandingOn;
use super::job_history::JobHistory;
use super::log::{Failure, log_refresh};
use super::options::{Hooks, RefreshOptions};
use super::report::{CollectorReport, Progress, Report, Scope, Trigger};
use super::shared::Bonds;
use super::snapshot::{ReadReport, SnapshotStore};
use super::turns::{Claim, CustomRun, Turns};
use super::writes::{Look, LookError};
use crate::collect::{Definition, Reading};
use crate::database::{DatabaseError, Health};
use crate::metric::Text;

/// How long custom metrics that were counted wait for others to be published together.
const CUSTOM_INTERVAL: Duration = Duration::from_secs(1);

/// What runs of every kind share.
pub(super) struct Runner<P> {
    pub(super) database: Database,
    pub(super) health: Health,
    /// The built-in gauges.
    pub(super) gauges: Group,
    /// Held by the running refresh of built-in gauges, from its first query to its line in the history.
    pub(super) refreshing: tokio::sync::Mutex<()>,
    pub(super) custom: Group,
    /// The runs of custom metrics.
    pub(super) turns: Arc<Turns>,
    pub(super) options: RefreshOptions,
    pub(super) hooks: Hooks<P>,
    pub(super) store: Arc<SnapshotStore<P>>,
    pub(super) history: JobHistory,
    /// The moment of the newest data that was published: nothing older is read.
    pub(super) shown: Mutex<Option<Timestamp>>,
    /// What binds this instance to the others, in a service.
    pub(super) bonds: OnceLock<Bonds<P>>,
    /// Held while a snapshot is made of the last one and published.
    pub(super) publishing: tokio::sync::Mutex<()>,
    /// The highest number from the lease whose snapshot was shown; 0 before the first.
    pub(super) given: AtomicU64,
    /// Whether what is shown has not been handed on: there was no number for it, or it could not be stored.
    pub(super) is_own: watch::Sender<bool>,
    /// When a snapshot that could not be stored is handed on once more.
    pub(super) handing_on: Mutex<HandingOn>,
    /// The highest number that was met in the database.
    pub(super) highest: AtomicU64,
    /// The report of the last refresh, be it scheduled, asked for or for a change.
    pub(super) last_report: Mutex<Option<Arc<Report>>>,
    /// What the hooks are told, for those who watch for a while.
    pub(super) steps: broadcast::Sender<Progress>,
}

impl<P: Send + Sync + 'static> Runner<P> {
    /// Whether this instance counts, and not another one for it.
    pub(super) fn refreshes(&self) -> bool {
        self.bonds.get().is_none_or(|bonds| bonds.lease.role().refreshes())
    }

    /// Tells of a step.
    fn progress(&self, step: &Progress) {
        (self.hooks.progress)(step);
        // An error says that nobody watches.
        let _ = self.steps.send(step.clone());
    }

    /// Looks at the writes to every collection that a gauge is counted from.
    ///
    /// # Errors
    /// When the database does not say, or is not to be asked.
    pub(super) async fn look(&self) -> Result<Look, LookError> {
        if !self.options.change_detection {
            return Err(LookError::Refused("CHANGE_DETECTION is off".to_owned()));
        }
        let definitions = self.gauges.definitions().into_iter().chain(self.custom.definitions());
        let collections = definitions.flat_map(|definition| definition.collections()).collect();
        Look::at(&self.database, &collections).await
    }

    /// Runs the collectors of the built-in gauges, publishes, and then starts those of custom metrics. The report is
    /// handed to `published` before it is written to the history.
    pub(super) async fn refresh(
        self: Arc<Self>,
        scope: Scope,
        trigger: Trigger,
        published: impl FnOnce(Arc<Report>),
    ) -> Option<Arc<Report>> {
        self.restore().await;
        let (started, clock) = (SystemTime::now(), Instant::now());
        let look = self.look().await.ok();
        let reuses = look.as_ref().filter(|_| scope == Scope::Changed);
        let selection = reuses.map_or(Selection::All, Selection::Outdated);
        let (gauges, custom) = (self.gauges.select(&selection), self.custom.select(&selection));
        let generation = self.store.load().snapshot.generation + 1;
        self.progress(&Progress::Started { generation, trigger, collectors: gauges.len() });

        let (mut collected, read) = self.collect(gauges, look.as_ref(), true).await;
        let failures = take_failures(&mut collected);
        let report = |generation, mut collectors: Vec<CollectorReport>| {
            let built_in: BTreeSet<Text> =
                self.gauges.definitions().iter().map(|definition| definition.name.clone()).collect();
            collectors.retain(|collector| built_in.contains(collector.name.as_str()));
            Some(Report { generation, trigger, started, duration: clock.elapsed(), collectors })
        };
        let report = self.publish(collected, read, reuses.is_some(), report).await?.report?;
        self.log(report.clone(), failures, clock).await;
        self.progress(&Progress::Finished(report.clone()));
        published(report.clone());
        // One that is still being counted will be counted again by the next refresh.
        let custom = self.turns.run_free(custom);
        if !custom.is_empty() {
            tokio::spawn(self.clone().refresh_custom(custom, trigger, look));
        }
        self.history.finished(&report).await;
        Some(report)
    }

    /// Runs collectors of built-in gauges at one moment, and says how they read if any ran.
    async fn collect(
        &self,
        definitions: Vec<Arc<Definition>>,
        look: Option<&Look>,
        shows_steps: bool,
    ) -> (Vec<Collected>, Option<ReadReport>) {
        if definitions.is_empty() {
            return (Vec::new(), None);
        }
        let (last, reading) = (self.store.load(), self.reading(look).await);
        let (database, options) = (&self.database, &self.options);
        let run = Run { database, reading: &reading, look, last: &last.snapshot, options };
        let step = |one: &Collected| {
            if shows_steps {
                self.progress(&Progress::Collected(CollectorReport::of(&one.collector)));
            }
        };
        let collected: Vec<_> =
            self.gauges.run(definitions, &run, self.options.concurrency).inspect(step).collect().await;
        let is_consistent = collected.iter().all(|one| one.is_consistent);
        let lags = reading.as_ref().map(|reading| reading.lags.clone()).unwrap_or_default();
        if collected.iter().any(|one| one.failure.is_none()) {
            self.remember(&reading);
        }
        (collected, Some(ReadReport { is_consistent, lags }))
    }

    /// When and where to read what was written before a look.
    async fn reading(&self, look: Option<&Look>) -> Result<Reading, DatabaseError> {
        let (secondaries, shown) = (self.health.secondaries(), *self.shown.lock());
        let earliest = shown.max(look.and_then(|look| look.moment));
        Reading::choose(&self.database, &secondaries, self.options.max_staleness, earliest).await
    }

    fn remember(&self, reading: &Result<Reading, DatabaseError>) {
        let mut shown = self.shown.lock();
        *shown = (*shown).max(reading.as_ref().ok().and_then(Reading::time));
    }

    /// Runs the collectors of built-in gauges whose data changed, by this look, and publishes.
    pub(super) async fn refresh_changed(
        self: Arc<Self>,
        definitions: Vec<Arc<Definition>>,
        look: &Look,
    ) -> Option<Arc<Report>> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let (mut collected, read) = self.collect(definitions, Some(look), false).await;
        let failures = take_failures(&mut collected);
        let report = |generation, mut collectors: Vec<CollectorReport>| {
            collectors.retain(|collector| !collector.is_kept);
            let trigger = Trigger::Change;
            Some(Report { generation, trigger, started, duration: clock.elapsed(), collectors })
        };
        let report = self.publish(collected, read, false, report).await?.report?;
        self.gauges.rest(&report.collectors, report.duration);
        self.log(report.clone(), failures, clock).await;
        self.progress(&Progress::Updated(report.clone()));
        Some(report)
    }

    /// Counts custom metrics, each in its turn, and publishes them now and then.
    pub(super) async fn refresh_custom(
        self: Arc<Self>,
        mut custom: CustomRun,
        trigger: Trigger,
        look: Option<Look>,
    ) -> Option<Arc<Report>> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let (last, reading) = (self.store.load(), self.reading(look.as_ref()).await);
        let mut generation = last.snapshot.generation;
        let (mut reports, mut failures) = (Vec::new(), Vec::new());
        let (database, options) = (&self.database, &self.options);
        let run = Run { database, reading: &reading, look: look.as_ref(), last: &last.snapshot, options };
        let mut counted = pin!(custom.count(&self.custom, &run, &self.refreshing));
        while let Some(one) = counted.next().await {
            let mut ready = vec![one];
            // What is ready shows, however long the others take.
            let end = tokio::time::Instant::now() + CUSTOM_INTERVAL;
            while let Ok(Some(one)) = tokio::time::timeout_at(end, counted.next()).await {
                ready.push(one);
            }
            let (mut collected, claims): (Vec<_>, Vec<Claim>) = ready.into_iter().unzip();
            failures.extend(take_failures(&mut collected));
            let published = self.publish(collected, None, false, |_, _| None).await?;
            generation = published.generation;
            let new: Vec<_> = published.collectors.into_iter().filter(|collector| !collector.is_kept).collect();
            if trigger == Trigger::Change {
                self.custom.rest(&new, new.iter().map(|collector| collector.duration).sum());
            }
            reports.extend(new);
            // Only now: what this run has counted must not replace what a later one publishes.
            drop(claims);
        }
        let report = Arc::new(Report { generation, trigger, started, duration: clock.elapsed(), collectors: reports });
        if !report.collectors.is_empty() {
            self.log(report.clone(), failures, clock).await;
            self.progress(&Progress::Updated(report.clone()));
        }
        Some(report)
    }

    /// Logs what a refresh did. Whether an outage explains its failures may take some seconds to know, for which nobody
    /// waits.
    async fn log(&self, report: Arc<Report>, failures: Vec<Failure>, started: Instant) {
        let health = self.health.clone();
        if failures.is_empty() {
            log_refresh(&report, &[], &health, started).await;
        } else {
            tokio::spawn(async move { log_refresh(&report, &failures, &health, started).await });
        }
    }
}

fn take_failures(collected: &mut [Collected]) -> Vec<Failure> {
    collected.iter_mut().filter_map(|collected| collected.failure.take()).collect()
}
