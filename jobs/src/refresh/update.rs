//! `UpdateMetricsJob`: one refresh at a time. Collectors run side by side, and their results are published together.
//!
//! Custom metrics never delay the built-in gauges: their collectors begin when the built-in ones are published, run one
//! after the other, and are published as they come. One that takes long delays none of the others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mongodb::Database;
use parking_lot::Mutex;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use super::group::{Group, Selection};
use super::handing_on::HandingOn;
use super::job_history::JobHistory;
use super::options::{Hooks, RefreshOptions};
use super::report::{Progress, Report, Scope, Trigger};
use super::runner::Runner;
use super::shared::{Bonds, SharedSnapshot};
use super::snapshot::SnapshotStore;
use super::turns::Turns;
use super::writes::LookError;
use crate::collect::Definition;
use crate::database::Health;
use crate::metric::Text;

/// The name under which Playarr knows the job.
pub const JOB_NAME: &str = "UpdateMetricsJob";

/// There is no report of a refresh.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RefreshError {
    /// It ended without one: preparing the snapshot panicked, another instance refreshes now, or the process stops.
    #[error("the refresh ended without a result; see the log for the reason, then refresh again")]
    Ended,
    /// The instance that refreshes could not be asked.
    #[error("another instance refreshes, and could not be asked to: {reason}")]
    NotAsked {
        /// Why not.
        reason: String,
    },
}

/// How many steps of refreshes somebody who watches may be behind.
const STEPS: usize = 256;

/// Whether changes in the database are noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ChangeDetection {
    /// They are not looked for.
    #[default]
    Off,
    /// They are, every two seconds.
    On,
    /// The database does not tell. Scheduled refreshes go on.
    Refused {
        /// Why not.
        reason: String,
    },
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
    runner: Arc<Runner<P>>,
    /// The refresh started last. Requests join it until it has its report.
    latest: Mutex<Option<(Scope, PendingReport)>>,
    change_detection: Mutex<ChangeDetection>,
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
    /// `definitions` are those of the built-in gauges.
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
        let runner = Runner {
            database,
            health,
            gauges: Group::new(definitions),
            refreshing: tokio::sync::Mutex::new(()),
            custom: Group::new(Vec::new()),
            turns: Turns::new(),
            options,
            hooks,
            store,
            history,
            shown: Mutex::default(),
            bonds: OnceLock::new(),
            publishing: tokio::sync::Mutex::new(()),
            given: AtomicU64::new(0),
            is_own: watch::Sender::new(false),
            handing_on: Mutex::new(HandingOn::new()),
            highest: AtomicU64::new(0),
            last_report: Mutex::default(),
            steps: broadcast::Sender::new(STEPS),
        };
        let inner = Inner {
            runner: Arc::new(runner),
            latest: Mutex::new(None),
            change_detection: Mutex::default(),
            ended: watch::Sender::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Binds this instance to the others on the same database: only one of them refreshes.
    pub fn bind(&self, bonds: Bonds<P>) {
        // The first ones stay.
        let _ = self.inner.runner.bonds.set(bonds);
    }

    /// Shows the snapshot of before the start, unless there is a newer one.
    pub async fn restore(&self) {
        self.inner.runner.restore().await;
    }

    /// Shows a snapshot of the instance that refreshes, unless a later one is shown. Returns whether that worked.
    pub async fn adopt(&self, shared: SharedSnapshot) -> bool {
        self.inner.runner.adopt(shared).await
    }

    /// The highest number from the lease whose snapshot was shown here; `None` before the first.
    #[must_use]
    pub fn given_generation(&self) -> Option<u64> {
        Some(self.inner.runner.given.load(Ordering::Relaxed)).filter(|&given| given > 0)
    }

    /// The number of the snapshot that is shown.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.runner.store.load().snapshot.generation
    }

    /// Follows whether what is shown has not been handed on: no other instance shows it, nor would the next process.
    #[must_use]
    pub fn watch_own(&self) -> watch::Receiver<bool> {
        self.inner.runner.is_own.subscribe()
    }

    /// Publishes what is shown once more, for all instances, if it is this instance's own.
    pub async fn hand_on(&self) {
        let runner = &self.inner.runner;
        let is_due = *runner.is_own.borrow() && runner.handing_on.lock().is_due();
        if is_due && runner.store.load().snapshot.is_taken() {
            runner.publish(Vec::new(), None, false, |_, _| None).await;
        }
    }

    /// The steps of refreshes from now on.
    #[must_use]
    pub fn steps(&self) -> broadcast::Receiver<Progress> {
        self.inner.runner.steps.subscribe()
    }

    /// Refreshes all of the snapshot, or joins the refresh that is running, and returns its report.
    ///
    /// The refresh goes on if the returned future is dropped.
    ///
    /// # Errors
    /// When the refresh panicked or the runtime shuts down.
    pub async fn refresh(&self, trigger: Trigger) -> Result<Arc<Report>, RefreshError> {
        self.refresh_in(Scope::All, trigger).await
    }

    /// As [`UpdateMetricsJob::refresh`], in a scope.
    ///
    /// # Errors
    /// When the refresh panicked or the runtime shuts down.
    pub async fn refresh_in(&self, scope: Scope, trigger: Trigger) -> Result<Arc<Report>, RefreshError> {
        let mut report = self.start(scope, trigger);
        let report = report.wait_for(Option::is_some).await.map_err(|_| RefreshError::Ended)?;
        report.clone().ok_or(RefreshError::Ended)
    }

    /// Starts a refresh, or joins one that is running and counts as much, without waiting for it.
    pub fn start(&self, scope: Scope, trigger: Trigger) -> PendingReport {
        let mut latest = self.inner.latest.lock();
        // One that has published its snapshot cannot be joined: it would not show what has changed since.
        let running = latest.as_ref().filter(|(running, report)| *running >= scope && is_pending(report));
        if let Some((_, report)) = running {
            return report.clone();
        }
        let (sender, receiver) = watch::channel(None);
        *latest = Some((scope, receiver.clone()));
        drop(latest);
        let inner = self.inner.clone();
        tokio::spawn(async move {
            let _guard = inner.runner.refreshing.lock().await;
            let published = move |report| {
                sender.send_replace(Some(report));
            };
            // A task of its own, so that the next refresh can begin even if this one panics.
            let report = tokio::spawn(inner.runner.clone().refresh(scope, trigger, published)).await.ok().flatten();
            inner.ended.send_replace(report);
        });
        receiver
    }

    /// Whether a refresh is running that has not published its snapshot yet. Those of changes are not meant.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        self.inner.latest.lock().as_ref().is_some_and(|(_, report)| is_pending(report))
    }

    /// Waits until no refresh is running, its line in the history and custom metrics included.
    pub async fn idle(&self) {
        drop(self.inner.runner.refreshing.lock().await);
        self.inner.runner.turns.idle().await;
    }

    /// Changes each time a refresh has ended, to its report; to `None` if it ended without one. Those of changes and of
    /// custom metrics are not meant.
    #[must_use]
    pub fn ended(&self) -> watch::Receiver<Option<Arc<Report>>> {
        self.inner.ended.subscribe()
    }

    /// Replaces the definitions of custom metrics. What was removed leaves the snapshot at once; what is new or
    /// different is counted soon, and until then the old values stay. Who wants to wait for that has the task.
    ///
    /// The names must be none of the built-in gauges' and each must occur once.
    pub fn replace_custom(&self, definitions: Vec<Definition>) -> JoinHandle<()> {
        let runner = self.inner.runner.clone();
        let before = runner.custom.definitions();
        let new = runner.custom.replace(definitions);
        let after = runner.custom.definitions();
        tokio::spawn(async move {
            // Where another instance counts, it also learns of the change.
            if !runner.refreshes() {
                return;
            }
            if before.iter().any(|old| after.iter().all(|definition| definition.name != old.name)) {
                runner.publish(Vec::new(), None, false, |_, _| None).await;
            }
            if !new.is_empty() {
                run_custom(runner, &new).await;
            }
        })
    }

    /// Pauses the custom metrics of these names, and no others: they keep their last good values and run only in
    /// [`UpdateMetricsJob::refresh_custom`].
    pub fn pause_custom(&self, names: BTreeSet<Text>) {
        self.inner.runner.custom.pause(names);
    }

    /// Counts the custom metrics of these names, paused or not, and publishes them.
    ///
    /// Waits for those that are being counted.
    ///
    /// # Errors
    /// When preparing the snapshot panicked, or another instance refreshes.
    pub async fn refresh_custom(&self, names: BTreeSet<Text>) -> Result<Arc<Report>, RefreshError> {
        if !self.inner.runner.refreshes() {
            return Err(RefreshError::NotAsked { reason: "that is not possible for custom metrics".to_owned() });
        }
        run_custom(self.inner.runner.clone(), &names).await.ok_or(RefreshError::Ended)
    }

    /// Whether changes in the database are noticed.
    #[must_use]
    pub fn change_detection(&self) -> ChangeDetection {
        self.inner.change_detection.lock().clone()
    }

    /// Sets whether changes are noticed, and returns what it was before.
    pub(super) fn set_change_detection(&self, state: ChangeDetection) -> ChangeDetection {
        std::mem::replace(&mut self.inner.change_detection.lock(), state)
    }

    /// Counts and publishes what was written to since it was counted, if anything was.
    ///
    /// # Errors
    /// When the database does not say what was written.
    pub(super) async fn refresh_changed(&self) -> Result<(), LookError> {
        let runner = &self.inner.runner;
        if !runner.refreshes() {
            return Ok(());
        }
        let guard = runner.refreshing.lock().await;
        // While no refresh runs, so that the look is not older than what that counted.
        let look = runner.look().await?;
        let definitions = runner.gauges.select(&Selection::Due(&look));
        if !definitions.is_empty() {
            runner.clone().refresh_changed(definitions, &look).await;
        }
        drop(guard);
        let custom = runner.turns.run_free(runner.custom.select(&Selection::Due(&look)));
        if !custom.is_empty() {
            tokio::spawn(runner.clone().refresh_custom(custom, Trigger::Change, Some(look)));
        }
        Ok(())
    }

    /// Ends the runs that `job_history` says are running: left behind by a kill, or by an earlier version.
    pub(super) async fn end_abandoned_runs(&self) {
        self.inner.runner.history.end_abandoned_runs().await;
    }
}

async fn run_custom<P: Send + Sync + 'static>(runner: Arc<Runner<P>>, names: &BTreeSet<Text>) -> Option<Arc<Report>> {
    if !runner.refreshes() {
        // The instance that refreshes counts them.
        return None;
    }
    let look = runner.look().await.ok();
    let custom = runner.turns.run_all(runner.custom.select(&Selection::Named(names)));
    runner.refresh_custom(custom, Trigger::Manual, look).await
}
