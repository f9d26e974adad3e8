//! When refreshes happen: at start-up, then an interval and a little jitter after each; sooner after one that failed.
//! The only file that knows the scheduler crate.
//!
//! The crate plans by the wall clock, and a wall clock may be set. So it only proposes a refresh; whether one is due is
//! decided by the monotonic clock. Set forward, the crate proposes too early, and the rest of the pause is planned
//! again. Set back, it proposes too late, and the refresh that is overdue is planned again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::moment::Moment;
use super::report::{Report, Scope, Trigger};
use super::update::UpdateMetricsJob;
use crate::lease::InstanceRole;
use crate::tasks::restart_after_panics;

/// The shortest interval accepted.
pub const MIN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The longest interval accepted.
pub const MAX_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The largest jitter, as a share of the interval. It keeps instances apart that start together.
const MAX_JITTER: f64 = 0.1;
/// The pause after a refresh that failed; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest pause while every collector fails: asking a database that is away costs nothing, and it may be back
/// soon. While only some fail, the pause grows up to the interval: they may be what the database suffers from.
const MAX_RETRY_WHILE_AWAY: Duration = Duration::from_secs(30);
/// How much too early the crate may be: it plans by whole seconds.
const EARLY: Duration = Duration::from_secs(1);
/// How much too late the crate may be: it looks at its plan twice a second.
const LATE: Duration = Duration::from_secs(3);

/// The scheduler could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the refresh schedule could not be set up: {0}")]
pub struct ScheduleError(#[from] JobSchedulerError);

/// The running schedule.
pub struct Schedule {
    scheduler: JobScheduler,
    planning: JoinHandle<()>,
    next_run: watch::Receiver<Option<Moment>>,
}

impl Schedule {
    /// When the next scheduled refresh is due: `None` before the first has ended, in the past while one runs. Changes
    /// after each refresh.
    #[must_use]
    pub fn next_run(&self) -> watch::Receiver<Option<Moment>> {
        self.next_run.clone()
    }

    /// Starts no more refreshes. One that is running goes on.
    pub async fn stop(&mut self) {
        self.planning.abort();
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the refresh schedule did not stop");
        }
    }
}

/// Refreshes as soon as this instance is the one to do so, and from then on an `interval` after each refresh, however
/// that one was started. Plans none while another instance refreshes.
///
/// # Errors
/// When the scheduler cannot be started.
pub async fn schedule_refreshes<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    interval: Duration,
    roles: watch::Receiver<InstanceRole>,
) -> Result<Schedule, ScheduleError> {
    let scheduler = JobScheduler::new().await?;
    scheduler.start().await?;
    // A task of its own: the first refresh does not wait for it.
    tokio::spawn({
        let job = job.clone();
        async move { job.end_abandoned_runs().await }
    });
    let (planned, next_run) = watch::channel(None);
    let proposing = scheduler.clone();
    let planning = tokio::spawn(restart_after_panics(move || {
        plan(job.clone(), interval, roles.clone(), Proposals::new(proposing.clone()), planned.clone())
    }));
    Ok(Schedule { scheduler, planning, next_run })
}

/// Plans the next refresh whenever one has ended. So none starts while one runs, and an outage that a manual refresh
/// meets is followed up as well.
async fn plan<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    interval: Duration,
    mut roles: watch::Receiver<InstanceRole>,
    mut proposals: Proposals,
    next_run: watch::Sender<Option<Moment>>,
) {
    let mut ended = job.ended();
    let mut trigger = Trigger::Startup;
    let mut failures = 0_u32;
    let mut due: Option<Instant> = None;
    let mut refreshes = false;
    // It may have changed before.
    roles.mark_changed();
    loop {
        tokio::select! {
            change = roles.changed() => {
                if change.is_err() {
                    return;
                }
                let (before, role) = (refreshes, roles.borrow_and_update().clone());
                refreshes = role.refreshes();
                if refreshes && !before {
                    job.start(Scope::All, trigger);
                } else if !refreshes {
                    due = None;
                    next_run.send_replace(None);
                }
                if matches!(role, InstanceRole::Follower { .. }) {
                    trigger = Trigger::Schedule;
                }
            }
            change = ended.changed() => {
                if change.is_err() {
                    return;
                }
                let report = ended.borrow_and_update().clone();
                let outcome = RefreshOutcome::of(report.as_deref());
                failures = outcome.failures_in_a_row(failures);
                if outcome != RefreshOutcome::TotalFailure {
                    trigger = Trigger::Schedule;
                }
                if !refreshes {
                    continue;
                }
                let next = Moment::after(pause(interval, outcome, failures, rand::rng().random_range(0.0..=1.0)));
                due = Some(next.instant());
                proposals.at(next.instant()).await;
                next_run.send_replace(Some(next));
            }
            () = proposals.next(due) => {
                if let Some(moment) = due && Instant::now() + EARLY < moment {
                    proposals.at(moment).await;
                } else if due.take().is_some() {
                    job.start(Scope::All, trigger);
                }
            }
        }
    }
}

/// The crate's side: one planned job at a time, which proposes a refresh when it runs.
struct Proposals {
    scheduler: JobScheduler,
    planned: Option<Job>,
    proposed: Arc<Notify>,
}

impl Proposals {
    fn new(scheduler: JobScheduler) -> Self {
        Self { scheduler, planned: None, proposed: Arc::new(Notify::new()) }
    }

    /// Plans a proposal, in place of the one planned before.
    async fn at(&mut self, moment: Instant) {
        if let Some(superseded) = self.planned.take() {
            // It may run at this very moment, and is then gone already.
            let _ = self.scheduler.remove(&superseded.guid()).await;
        }
        let proposed = self.proposed.clone();
        let pause = moment.saturating_duration_since(Instant::now());
        let job = Job::new_one_shot_async(pause, move |_, _| {
            proposed.notify_one();
            Box::pin(std::future::ready(()))
        });
        match self.add(job).await {
            Ok(job) => self.planned = Some(job),
            Err(error) => {
                tracing::error!(%error, "a refresh could not be scheduled; trying again when it is due");
            }
        }
    }

    async fn add(&self, job: Result<Job, JobSchedulerError>) -> Result<Job, JobSchedulerError> {
        let job = job?;
        self.scheduler.add(job.clone()).await?;
        Ok(job)
    }

    /// Waits for a proposal. One that does not come although a refresh is due is planned again.
    async fn next(&mut self, due: Option<Instant>) {
        let Some(due) = due else {
            self.proposed.notified().await;
            self.planned = None;
            return;
        };
        // Not later each time that something else ends this wait.
        let mut limit = due + LATE;
        while tokio::time::timeout_at(limit.into(), self.proposed.notified()).await.is_err() {
            self.at(Instant::now()).await;
            limit = Instant::now() + LATE;
        }
        // It has run. The crate removes it, and logs an error if somebody else does.
        self.planned = None;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RefreshOutcome {
    Success,
    SomeFailed,
    TotalFailure,
}

impl RefreshOutcome {
    fn of(report: Option<&Report>) -> Self {
        match report {
            Some(report) if report.is_success() => Self::Success,
            Some(report) if !report.is_total_failure() => Self::SomeFailed,
            _ => Self::TotalFailure,
        }
    }

    /// How many have failed in a row with this one, where so many had before it.
    fn failures_in_a_row(self, before: u32) -> u32 {
        if self == Self::Success { 0 } else { before.saturating_add(1) }
    }
}

/// How long to wait for the next refresh after this many failed ones in a row; `random` is a number from 0 to 1.
fn pause(interval: Duration, outcome: RefreshOutcome, failures: u32, random: f64) -> Duration {
    let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    let regular = interval.mul_f64(1.0 + MAX_JITTER * random);
    match outcome {
        RefreshOutcome::Success => regular,
        RefreshOutcome::SomeFailed => retry.min(regular),
        RefreshOutcome::TotalFailure => retry.min(MAX_RETRY_WHILE_AWAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(outcome: RefreshOutcome) -> Vec<u64> {
        (1..=10).map(|failures| pause(MIN_INTERVAL, outcome, failures, 0.5).as_secs()).collect()
    }

    #[test]
    fn the_jitter_adds_up_to_a_tenth() {
        assert_eq!(pause(MIN_INTERVAL, RefreshOutcome::Success, 0, 0.0), Duration::from_secs(300));
        assert_eq!(pause(MIN_INTERVAL, RefreshOutcome::Success, 0, 1.0), Duration::from_secs(330));
    }

    #[test]
    fn while_the_database_is_away_it_is_asked_every_half_a_minute() {
        assert_eq!(pauses(RefreshOutcome::TotalFailure), [2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
        assert_eq!(pause(MIN_INTERVAL, RefreshOutcome::TotalFailure, u32::MAX, 0.5).as_secs(), 30);
    }

    #[test]
    fn after_a_success_pauses_are_short_again() {
        let outcomes = [RefreshOutcome::SomeFailed, RefreshOutcome::TotalFailure, RefreshOutcome::Success];
        let mut failures = 0;
        let counts = outcomes.into_iter().cycle().take(5).map(|outcome| {
            failures = outcome.failures_in_a_row(failures);
            failures
        });
        assert_eq!(counts.collect::<Vec<_>>(), [1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_collector_that_keeps_failing_soon_waits_for_the_interval() {
        assert_eq!(pauses(RefreshOutcome::SomeFailed), [2, 4, 8, 16, 32, 64, 128, 256, 315, 315]);
    }
}
