//! When refreshes happen: at start-up, then every interval with a little jitter; sooner after a refresh that
//! brought nothing at all. The only file that knows the scheduler crate.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::future::BoxFuture;
use rand::RngExt;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

use crate::update::{Trigger, UpdateMetricsJob};

/// The shortest interval accepted.
pub const MIN_INTERVAL: Duration = Duration::from_secs(5 * 60);
/// The longest interval accepted.
pub const MAX_INTERVAL: Duration = Duration::from_secs(15 * 60);
/// The jitter, as a share of the interval, that keeps instances started together apart.
const MAX_JITTER: f64 = 0.1;
/// The pauses after refreshes in which every collector failed: doubling from the first to the last.
const RETRY_PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(30));

/// The scheduler could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the refresh schedule could not be set up: {0}")]
pub struct ScheduleError(#[from] JobSchedulerError);

/// The running schedule.
pub struct Schedule {
    scheduler: JobScheduler,
    next_run: Arc<Mutex<Option<SystemTime>>>,
}

impl Schedule {
    /// When the next scheduled refresh is due; none while one runs.
    #[must_use]
    pub fn next_run(&self) -> Option<SystemTime> {
        *self.next_run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts no more refreshes. One under way goes on.
    pub async fn stop(&mut self) {
        if let Err(error) = self.scheduler.shutdown().await {
            tracing::warn!(%error, "the refresh schedule did not stop");
        }
    }
}

/// Refreshes now, and from then on every `interval`.
///
/// # Errors
/// When the scheduler cannot be started.
pub async fn start<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    interval: Duration,
) -> Result<Schedule, ScheduleError> {
    let scheduler = JobScheduler::new().await?;
    scheduler.start().await?;
    let next_run = Arc::new(Mutex::new(None));
    let rounds = Rounds { job, interval, scheduler: scheduler.clone(), next_run: next_run.clone() };
    tokio::spawn(rounds.round(Trigger::Startup, 0));
    Ok(Schedule { scheduler, next_run })
}

/// Each round refreshes and then schedules the next, so that a refresh longer than the interval delays the next
/// instead of meeting it.
struct Rounds<P> {
    job: UpdateMetricsJob<P>,
    interval: Duration,
    scheduler: JobScheduler,
    next_run: Arc<Mutex<Option<SystemTime>>>,
}

impl<P: Send + Sync + 'static> Rounds<P> {
    fn round(self, trigger: Trigger, failures: u32) -> BoxFuture<'static, ()> {
        // Boxed, because a round schedules the next one and its type would contain itself.
        Box::pin(async move {
            let (failures, trigger) = match self.job.refresh(trigger).await {
                Ok(report) if !report.is_total_failure() => (0, Trigger::Schedule),
                _ => (failures.saturating_add(1), trigger),
            };
            self.schedule(trigger, failures).await;
        })
    }

    async fn schedule(self, trigger: Trigger, failures: u32) {
        let pause = pause(self.interval, failures, rand::rng().random_range(0.0..=1.0));
        *self.next_run.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemTime::now() + pause);
        let (scheduler, next_run) = (self.scheduler.clone(), self.next_run.clone());
        let round = Mutex::new(Some(self));
        let job = Job::new_one_shot_async(pause, move |_, _| {
            let round = round.lock().unwrap_or_else(PoisonError::into_inner).take();
            let next_run = next_run.clone();
            Box::pin(async move {
                *next_run.lock().unwrap_or_else(PoisonError::into_inner) = None;
                if let Some(round) = round {
                    // A task of its own: it schedules its successor with the scheduler that waits for this one.
                    tokio::spawn(round.round(trigger, failures));
                }
            })
        });
        let added = match job {
            Ok(job) => scheduler.add(job).await.map(|_| ()),
            Err(error) => Err(error),
        };
        if let Err(error) = added {
            tracing::error!(%error, "no further refresh could be scheduled; restart the service");
        }
    }
}

/// How long to wait for the next refresh; `luck` is between 0 and 1.
fn pause(interval: Duration, failures: u32, luck: f64) -> Duration {
    if failures == 0 {
        return interval.mul_f64(1.0 + MAX_JITTER * luck);
    }
    let (first, last) = RETRY_PAUSES;
    (first * 2_u32.saturating_pow(failures - 1).min(64)).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_jitter_adds_up_to_a_tenth() {
        assert_eq!(pause(MIN_INTERVAL, 0, 0.0), Duration::from_secs(300));
        assert_eq!(pause(MIN_INTERVAL, 0, 1.0), Duration::from_secs(330));
    }

    #[test]
    fn after_refreshes_that_brought_nothing_the_next_comes_sooner_but_ever_less_so() {
        let pauses = (1..8).map(|failures| pause(MIN_INTERVAL, failures, 0.5).as_secs());
        assert_eq!(pauses.collect::<Vec<_>>(), [2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(pause(MIN_INTERVAL, u32::MAX, 0.5).as_secs(), 30);
    }
}
