//! When refreshes happen: at start-up, then an interval and a little jitter after each; sooner after one that failed.
//! The only file that knows the scheduler crate.

use std::time::{Duration, SystemTime};

use rand::RngExt;
use tokio::sync::watch;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use super::report::{Report, Trigger};
use super::update::UpdateMetricsJob;

/// The shortest interval accepted.
pub const MIN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The longest interval accepted.
pub const MAX_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The jitter, as a share of the interval, that keeps instances started together apart.
const MAX_JITTER: f64 = 0.1;
/// The pause after a refresh that failed; it doubles with each further one.
const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest pause while every collector fails: asking a database that is away costs nothing, and it is back soon.
/// (While only some fail, it grows up to the interval: they may be what the database suffers from.)
const LONGEST_RETRY_WHILE_AWAY: Duration = Duration::from_secs(30);

/// The scheduler could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the refresh schedule could not be set up: {0}")]
pub struct ScheduleError(#[from] JobSchedulerError);

/// The running schedule.
pub struct Schedule {
    scheduler: JobScheduler,
    next_run: watch::Receiver<Option<SystemTime>>,
}

impl Schedule {
    /// When the next scheduled refresh is due; none before the first has ended, in the past while one runs. Changes
    /// after each refresh.
    #[must_use]
    pub fn next_run(&self) -> watch::Receiver<Option<SystemTime>> {
        self.next_run.clone()
    }

    /// Starts no more refreshes. One under way goes on.
    pub async fn stop(&mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the refresh schedule did not stop");
        }
    }
}

/// Refreshes now, and from then on an `interval` after each refresh, whatever set that off.
///
/// # Errors
/// When the scheduler cannot be started.
pub async fn schedule_refreshes<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    interval: Duration,
) -> Result<Schedule, ScheduleError> {
    let scheduler = JobScheduler::new().await?;
    scheduler.start().await?;
    let (planned, next_run) = watch::channel(None);
    tokio::spawn(plan(job, interval, scheduler.clone(), planned));
    Ok(Schedule { scheduler, next_run })
}

/// Plans the next refresh whenever one has ended. So none starts while one runs, and an outage that a manual refresh
/// runs into is followed up as well.
async fn plan<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    interval: Duration,
    scheduler: JobScheduler,
    next_run: watch::Sender<Option<SystemTime>>,
) {
    let mut ended = job.ended();
    let mut trigger = Trigger::Startup;
    let mut failures = 0_u32;
    let mut planned = None;
    job.start(trigger);
    while ended.changed().await.is_ok() {
        let report = ended.borrow_and_update().clone();
        let outcome = Outcome::of(report.as_deref());
        failures = if outcome == Outcome::Success { 0 } else { failures.saturating_add(1) };
        if outcome != Outcome::TotalFailure {
            trigger = Trigger::Schedule;
        }
        let pause = pause(interval, outcome, failures, rand::rng().random_range(0.0..=1.0));
        if let Some(superseded) = planned.take() {
            // It is gone already if it was what started the refresh that ended.
            let _ = scheduler.remove(&superseded).await;
        }
        let job = job.clone();
        let one_shot = Job::new_one_shot_async(pause, move |_, _| {
            job.start(trigger);
            Box::pin(std::future::ready(()))
        });
        let added = match one_shot {
            Ok(one_shot) => scheduler.add(one_shot).await,
            Err(error) => Err(error),
        };
        match added {
            Ok(id) => planned = Some(id),
            Err(error) => {
                tracing::error!(%error, "no further refresh could be scheduled; restart the service");
            }
        }
        next_run.send_replace(Some(SystemTime::now() + pause));
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Success,
    SomeFailed,
    TotalFailure,
}

impl Outcome {
    fn of(report: Option<&Report>) -> Self {
        match report {
            Some(report) if report.is_success() => Self::Success,
            Some(report) if !report.is_total_failure() => Self::SomeFailed,
            _ => Self::TotalFailure,
        }
    }
}

/// How long to wait for the next refresh after this many failed ones in a row; `luck` is between 0 and 1.
fn pause(interval: Duration, outcome: Outcome, failures: u32, luck: f64) -> Duration {
    let retry = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    let regular = interval.mul_f64(1.0 + MAX_JITTER * luck);
    match outcome {
        Outcome::Success => regular,
        Outcome::SomeFailed => retry.min(regular),
        Outcome::TotalFailure => retry.min(LONGEST_RETRY_WHILE_AWAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pauses(outcome: Outcome) -> Vec<u64> {
        (1..=10).map(|failures| pause(MIN_INTERVAL, outcome, failures, 0.5).as_secs()).collect()
    }

    #[test]
    fn the_jitter_adds_up_to_a_tenth() {
        assert_eq!(pause(MIN_INTERVAL, Outcome::Success, 0, 0.0), Duration::from_secs(300));
        assert_eq!(pause(MIN_INTERVAL, Outcome::Success, 0, 1.0), Duration::from_secs(330));
    }

    #[test]
    fn while_the_database_is_away_it_is_asked_every_half_a_minute() {
        assert_eq!(pauses(Outcome::TotalFailure), [2, 4, 8, 16, 30, 30, 30, 30, 30, 30]);
        assert_eq!(pause(MIN_INTERVAL, Outcome::TotalFailure, u32::MAX, 0.5).as_secs(), 30);
    }

    #[test]
    fn a_collector_that_keeps_failing_soon_waits_for_the_interval() {
        assert_eq!(pauses(Outcome::SomeFailed), [2, 4, 8, 16, 32, 64, 128, 256, 315, 315]);
    }
}
