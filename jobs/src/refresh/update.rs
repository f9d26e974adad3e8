//! `UpdateMetricsJob`: one refresh at a time, each collector on its own, the outcome published at once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use futures_util::StreamExt;
use mongodb::Database;
use tokio::sync::watch;

use super::job_history::JobHistory;
use super::report::{CollectorReport, Progress, Report, Trigger};
use super::snapshot::{Collector, Published, Snapshot, SnapshotStore};
use crate::collect::{Budgeted, Definition, collect};

/// The name under which Playarr knows the job.
pub const JOB_NAME: &str = "UpdateMetricsJob";

/// A refresh ended without a report.
#[derive(Debug, thiserror::Error)]
#[error("the refresh was broken off (the log says why); start another")]
pub struct RefreshError;

/// How a refresh goes about it.
#[derive(Clone, Debug)]
pub struct RefreshOptions {
    /// How many collectors run side by side.
    pub concurrency: usize,
    /// The time each collector has.
    pub timeout: Duration,
    /// How many series each gauge may have.
    pub series_budget: usize,
}

/// How what a refresh found is made ready for its readers, and who hears of it.
pub struct Hooks<P> {
    /// Prepares what readers want ready-made. Runs on a thread for blocking work.
    pub prepare: Box<dyn Fn(&Snapshot) -> P + Send + Sync>,
    /// Hears of every step. Must not block.
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
    definitions: Vec<Definition>,
    options: RefreshOptions,
    hooks: Hooks<P>,
    store: Arc<SnapshotStore<P>>,
    history: JobHistory,
    /// The last refresh begun, for later comers to join until it has its report.
    flight: Mutex<Option<Flight>>,
    /// Held by the refresh that runs, from its first query to its note in the history.
    turn: tokio::sync::Mutex<()>,
    /// How the last refresh ended.
    ended: watch::Sender<Option<Arc<Report>>>,
}

type Flight = watch::Receiver<Option<Arc<Report>>>;

/// Whether it has no report yet and may still have one: one that panicked has dropped its sender.
fn is_under_way(flight: &Flight) -> bool {
    flight.borrow().is_none() && flight.has_changed().is_ok()
}

impl<P: Send + Sync + 'static> UpdateMetricsJob<P> {
    /// A job that fills `store` from `database`.
    #[must_use]
    pub fn new(
        database: Database,
        definitions: Vec<Definition>,
        options: RefreshOptions,
        store: Arc<SnapshotStore<P>>,
        hooks: Hooks<P>,
    ) -> Self {
        let history = JobHistory::new(&database, JOB_NAME);
        let (flight, turn, ended) = (Mutex::new(None), tokio::sync::Mutex::new(()), watch::Sender::new(None));
        let inner = Inner { database, definitions, options, hooks, store, history, flight, turn, ended };
        Self { inner: Arc::new(inner) }
    }

    /// Refreshes the snapshot, or joins the refresh under way, and returns its report.
    ///
    /// The refresh goes on if the caller goes away.
    ///
    /// # Errors
    /// When the refresh panicked or the runtime shuts down.
    pub async fn refresh(&self, trigger: Trigger) -> Result<Arc<Report>, RefreshError> {
        let mut flight = self.start(trigger);
        // Without a report the sender is dropped.
        let landed = flight.wait_for(Option::is_some).await.map_err(|_| RefreshError)?;
        landed.clone().ok_or(RefreshError)
    }

    /// Starts a refresh, unless one is under way, without waiting for it.
    pub fn start(&self, trigger: Trigger) -> Flight {
        let mut flight = self.inner.flight.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has published its snapshot is too late to join: what changed since would not be in it.
        if let Some(under_way) = flight.as_ref().filter(|flight| is_under_way(flight)) {
            return under_way.clone();
        }
        let (landing, receiver) = watch::channel(None);
        *flight = Some(receiver.clone());
        drop(flight);
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let _turn = inner.turn.lock().await;
            // A task of its own, so that even a panic in it lets the next refresh begin.
            let report = tokio::spawn(inner.clone().run(trigger, landing)).await.ok().flatten();
            inner.ended.send_replace(report);
        });
        receiver
    }

    /// Whether a refresh is under way that has not published its snapshot yet.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.inner.flight.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(is_under_way)
    }

    /// Waits until no refresh is under way, the note in the history included.
    pub async fn idle(&self) {
        drop(self.inner.turn.lock().await);
    }

    /// Tells each time a refresh has ended, with its report if it has one.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<Arc<Report>>> {
        self.inner.ended.subscribe()
    }
}

impl<P: Send + Sync + 'static> Inner<P> {
    async fn run(
        self: Arc<Self>,
        trigger: Trigger,
        landing: watch::Sender<Option<Arc<Report>>>,
    ) -> Option<Arc<Report>> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let last = self.store.load();
        let generation = last.snapshot.generation + 1;
        (self.hooks.progress)(&Progress::Started { generation, trigger });

        // The note in the history waits for nobody and nobody for it, least of all a database that is away.
        let (collectors, ()) = tokio::join!(self.collect_all(&last.snapshot), self.history.running());
        let succeeded = collectors.iter().any(Collector::is_successful);
        let taken_at = if succeeded { Some(SystemTime::now()) } else { last.snapshot.taken_at };
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
        report.log();
        (self.hooks.progress)(&Progress::Finished(report.clone()));
        landing.send_replace(Some(report.clone()));
        self.history.finished(&report).await;
        Some(report)
    }

    /// Runs every collector; one that fails keeps what the last snapshot had.
    async fn collect_all(&self, last: &Snapshot) -> Vec<Collector> {
        let tasks: Vec<_> =
            (0..self.definitions.len()).map(|position| self.collect_one(position, last)).collect();
        let mut collectors: Vec<_> = futures_util::stream::iter(tasks)
            .buffer_unordered(self.options.concurrency.max(1))
            .collect()
            .await;
        collectors.sort_unstable_by_key(|(position, _)| *position);
        collectors.into_iter().map(|(_, collector)| collector).collect()
    }

    async fn collect_one(&self, position: usize, last: &Snapshot) -> (usize, Collector) {
        let definition = &self.definitions[position];
        let clock = Instant::now();
        let outcome =
            collect(&self.database, definition, self.options.series_budget, self.options.timeout).await;
        let duration = clock.elapsed();
        let name = definition.name.clone();
        let collector = match outcome {
            Ok(Budgeted { family, folded }) => Collector {
                name,
                family: Some(Arc::new(family)),
                folded,
                duration,
                last_success: Some(SystemTime::now()),
                error: None,
            },
            Err(error) => {
                let last = last.collectors.get(position);
                Collector {
                    name,
                    family: last.and_then(|last| last.family.clone()),
                    folded: last.map_or(0, |last| last.folded),
                    duration,
                    last_success: last.and_then(|last| last.last_success),
                    error: Some(error.to_string()),
                }
            }
        };
        (self.hooks.progress)(&Progress::Collected(CollectorReport::of(&collector)));
        (position, collector)
    }
}
