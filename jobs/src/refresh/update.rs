//! `UpdateMetricsJob`: one refresh at a time. Collectors run side by side, and their results are published together.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use mongodb::Database;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::job_history::JobHistory;
use super::log::{Failure, log_refresh};
use super::moment::Moment;
use super::report::{CollectorReport, Progress, Report, Trigger};
use super::snapshot::{Collector, Published, Snapshot, SnapshotStore};
use crate::collect::{Budgeted, Definition, collect};
use crate::database::Health;

/// The name under which Playarr knows the job.
pub const JOB_NAME: &str = "UpdateMetricsJob";

/// A refresh ended without a report: preparing the snapshot panicked, or the process is shutting down.
#[derive(Debug, thiserror::Error)]
#[error("the refresh ended without a result; see the log for the reason, then refresh again")]
pub struct RefreshError;

/// The limits of a refresh.
#[derive(Clone, Debug)]
pub struct RefreshOptions {
    /// How many collectors run at once.
    pub concurrency: usize,
    /// The time limit of each collector.
    pub timeout: Duration,
    /// The most series of each gauge.
    pub series_budget: usize,
}

/// What a refresh calls: it knows neither the readers of the snapshot nor the observers of its progress.
pub struct Hooks<P> {
    /// Prepares what is published with the snapshot. Runs on a thread for blocking work.
    pub prepare: Box<dyn Fn(&Snapshot) -> P + Send + Sync>,
    /// Is told of every step. Must not block.
    pub progress: Box<dyn Fn(&Progress) + Send + Sync>,
}

/// The job that keeps the snapshot fresh. Clones are handles to the same job.
pub struct UpdateMetricsJob<P> {
    inner: Arc<Inner<P>>,
}

impl<P> Clone for UpdateMetricsJob<P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

struct Inner<P> {
    database: Database,
    health: Health,
    definitions: Vec<Definition>,
    options: RefreshOptions,
    hooks: Hooks<P>,
    store: Arc<SnapshotStore<P>>,
    history: JobHistory,
    /// The refresh started last. Requests join it until it has its report.
    latest: Mutex<Option<PendingReport>>,
    /// Held by the running refresh, from its first query to its line in the history.
    refresh_guard: tokio::sync::Mutex<()>,
    /// How the last refresh ended.
    ended: watch::Sender<Option<Arc<Report>>>,
}

/// The report of a refresh: `None` until it has published its snapshot. The sender is dropped if it never will.
type PendingReport = watch::Receiver<Option<Arc<Report>>>;

fn is_pending(report: &PendingReport) -> bool {
    report.borrow().is_none() && report.has_changed().is_ok()
}

impl<P: Send + Sync + 'static> UpdateMetricsJob<P> {
    /// A job that fills `store` from `database`, whose `health` explains failures that need no line in the log.
    #[must_use]
    pub fn new(
        database: Database,
        health: Health,
        definitions: Vec<Definition>,
        options: RefreshOptions,
        store: Arc<SnapshotStore<P>>,
        hooks: Hooks<P>,
    ) -> Self {
        let history = JobHistory::new(&database, health.clone(), JOB_NAME);
        let inner = Inner {
            database,
            health,
            definitions,
            options,
            hooks,
            store,
            history,
            latest: Mutex::new(None),
            refresh_guard: tokio::sync::Mutex::new(()),
            ended: watch::Sender::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Refreshes the snapshot, or joins the refresh that is running, and returns its report.
    ///
    /// The refresh goes on if the returned future is dropped.
    ///
    /// # Errors
    /// When the refresh panicked or the runtime shuts down.
    pub async fn refresh(&self, trigger: Trigger) -> Result<Arc<Report>, RefreshError> {
        let mut report = self.start(trigger);
        let report = report.wait_for(Option::is_some).await.map_err(|_| RefreshError)?;
        report.clone().ok_or(RefreshError)
    }

    /// Starts a refresh, or joins the one that is running, without waiting for it.
    pub fn start(&self, trigger: Trigger) -> PendingReport {
        let mut latest = self.inner.latest.lock();
        // One that has published its snapshot cannot be joined: it would not show what has changed since.
        if let Some(running) = latest.as_ref().filter(|report| is_pending(report)) {
            return running.clone();
        }
        let (sender, receiver) = watch::channel(None);
        *latest = Some(receiver.clone());
        drop(latest);
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let _guard = inner.refresh_guard.lock().await;
            // A task of its own, so that the next refresh can begin even if this one panics.
            let report = tokio::spawn(inner.clone().run(trigger, sender)).await.ok().flatten();
            inner.ended.send_replace(report);
        });
        receiver
    }

    /// Whether a refresh is running that has not published its snapshot yet.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.inner.latest.lock().as_ref().is_some_and(is_pending)
    }

    /// Waits until no refresh is running, its line in the history included.
    pub async fn idle(&self) {
        drop(self.inner.refresh_guard.lock().await);
    }

    /// Ends the runs that `job_history` says are running: left behind by a kill, or by an earlier version.
    pub(super) async fn end_abandoned_runs(&self) {
        self.inner.history.end_abandoned_runs().await;
    }

    /// Changes each time a refresh has ended, to its report; to `None` if it ended without one.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<Arc<Report>>> {
        self.inner.ended.subscribe()
    }
}

impl<P: Send + Sync + 'static> Inner<P> {
    async fn run(
        self: Arc<Self>,
        trigger: Trigger,
        reported: watch::Sender<Option<Arc<Report>>>,
    ) -> Option<Arc<Report>> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let last = self.store.load();
        let generation = last.snapshot.generation + 1;
        (self.hooks.progress)(&Progress::Started { generation, trigger });

        let (collectors, failures) = self.collect_all(&last.snapshot).await;
        let succeeded = collectors.iter().any(Collector::is_successful);
        let taken_at = if succeeded { Some(Moment::now()) } else { last.snapshot.taken_at };
        let snapshot = Snapshot { generation, taken_at, collectors };
        drop(last);

        let this = self.clone();
        let collectors = tokio::task::spawn_blocking(move || {
            let prepared = (this.hooks.prepare)(&snapshot);
            let collectors = snapshot.collectors.iter().map(CollectorReport::of).collect();
            this.store.publish(Published { snapshot, prepared });
            collectors
        })
        .await
        .inspect_err(|error| tracing::error!(%error, "preparing the snapshot failed; the last one stays"))
        .ok()?;

        let report = Arc::new(Report { generation, trigger, started, duration: clock.elapsed(), collectors });
        self.clone().log(report.clone(), failures, clock).await;
        (self.hooks.progress)(&Progress::Finished(report.clone()));
        reported.send_replace(Some(report.clone()));
        self.history.finished(&report).await;
        Some(report)
    }

    /// Logs what a refresh did. Whether an outage explains its failures may take some seconds to know, for which nobody
    /// waits.
    async fn log(self: Arc<Self>, report: Arc<Report>, failures: Vec<Failure>, started: Instant) {
        if failures.is_empty() {
            log_refresh(&report, &[], &self.health, started).await;
        } else {
            tokio::spawn(async move { log_refresh(&report, &failures, &self.health, started).await });
        }
    }

    /// Runs every collector; one that fails keeps what the last snapshot had.
    async fn collect_all(&self, last: &Snapshot) -> (Vec<Collector>, Vec<Failure>) {
        let tasks: Vec<_> = (0..self.definitions.len()).map(|position| self.collect_one(position, last)).collect();
        let mut collectors: Vec<_> =
            futures_util::stream::iter(tasks).buffer_unordered(self.options.concurrency.max(1)).collect().await;
        collectors.sort_unstable_by_key(|(position, ..)| *position);
        let (collectors, failures): (Vec<_>, Vec<_>) =
            collectors.into_iter().map(|(_, collector, failure)| (collector, failure)).unzip();
        (collectors, failures.into_iter().flatten().collect())
    }

    async fn collect_one(&self, position: usize, last: &Snapshot) -> (usize, Collector, Option<Failure>) {
        let definition = &self.definitions[position];
        let clock = Instant::now();
        let outcome = collect(&self.database, definition, self.options.series_budget, self.options.timeout).await;
        let duration = clock.elapsed();
        let name = definition.name.clone();
        let (collector, failure) = match outcome {
            Ok(Budgeted { family, folded }) => {
                let (family, last_success) = (Some(Arc::new(family)), Some(Moment::now()));
                (Collector { name, family, folded, duration, last_success, error: None }, None)
            }
            Err(error) => {
                let last = last.collectors.get(position);
                let (collector, message) = (name.clone(), error.to_string());
                let failed = Collector {
                    name,
                    family: last.and_then(|last| last.family.clone()),
                    folded: last.map_or(0, |last| last.folded),
                    duration,
                    last_success: last.and_then(|last| last.last_success),
                    error: Some(message.clone()),
                };
                (failed, Some(Failure { collector, message, error: error.database_error() }))
            }
        };
        (self.hooks.progress)(&Progress::Collected(CollectorReport::of(&collector)));
        (position, collector, failure)
    }
}
