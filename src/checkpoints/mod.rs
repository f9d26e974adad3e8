//! Keeps the live metrics over restarts: restored once at the start, saved on an interval and at the end.
//!
//! They are kept in MongoDB and not in a file, because the database is what an instance that is installed anew still
//! has: no volume to mount, nothing to back up besides, nothing that a container with a read-only root lacks. While the
//! database is away nothing can be saved; what is counted meanwhile is saved when it is back.

mod process;
mod store;

use std::time::Duration;

use mongodb::Database;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior};

use crate::live::Live;
use crate::telemetry::{RestoreOutcome, Telemetry};
use store::{Before, Claim, HEARTBEAT, Held, StoreError};

/// The pause before a checkpoint that could not be read is looked for again.
const RETRY: Duration = Duration::from_secs(1);

/// The task that restores and saves the live metrics.
pub struct Checkpoints {
    is_restored: watch::Receiver<bool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Checkpoints {
    /// Starts it, for the instance that listens on `address`.
    #[must_use]
    pub fn start(
        live: Live,
        telemetry: Telemetry,
        database: Database,
        address: String,
        interval: Duration,
    ) -> Self {
        live.keep_batches(true);
        let (restored, is_restored) = watch::channel(false);
        let (stop, stopped) = watch::channel(false);
        let keeper = Keeper { live, telemetry, database, address, interval, restored, stopped };
        Self { is_restored, stop, task: tokio::spawn(keeper.run()) }
    }

    /// Tells when the live metrics are what they will be: restored, or known not to be. Before that, nobody should see
    /// them: counters that start low and jump look as if all of it had happened at once.
    pub fn restored(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_restored = self.is_restored.clone();
        async move {
            // An error says that the task has ended, which it does not before the service.
            let _ = is_restored.wait_for(|is_restored| *is_restored).await;
        }
    }

    /// Saves for the last time and lets go of the checkpoint, so that any instance may take it over.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the live metrics were not saved at the end");
        }
    }
}

struct Keeper {
    live: Live,
    telemetry: Telemetry,
    database: Database,
    address: String,
    interval: Duration,
    restored: watch::Sender<bool>,
    stopped: watch::Receiver<bool>,
}

impl Keeper {
    async fn run(self) {
        let claimed = tokio::select! {
            claimed = self.claim() => claimed,
            _ = stopped(self.stopped.clone()) => {
                tracing::warn!("the live metrics were not saved: the database was never reached");
                return;
            }
        };
        let Some((held, before)) = claimed else {
            self.live.keep_batches(false);
            self.outcome(RestoreOutcome::Refused);
            return;
        };
        self.restore(before).await;

        let (mut save, mut heartbeat) = (every(self.interval), every(HEARTBEAT));
        let mut failing = false;
        loop {
            let release = tokio::select! {
                _ = save.tick() => false,
                _ = heartbeat.tick() => {
                    // If this fails, so will the next save, which tells.
                    let _ = held.show_life().await;
                    continue;
                }
                () = stopped(self.stopped.clone()) => true,
            };
            let saved = self.save(&held, release).await;
            let is_saved = saved.is_ok();
            self.telemetry.checkpoints().saved(is_saved);
            match saved {
                Ok(()) if failing => tracing::info!("the live metrics are saved again"),
                Err(error) if error.is_refusal() => {
                    tracing::error!(%error, "the live metrics are not saved any more: a restart will lose what is counted from now on");
                    self.live.keep_batches(false);
                    return;
                }
                Err(error) if !failing || release => {
                    tracing::warn!(%error, "the live metrics could not be saved");
                }
                _ => {}
            }
            failing = !is_saved;
            if release {
                return;
            }
        }
    }

    /// The document of this instance; none if the database does not let us have one.
    async fn claim(&self) -> Option<(Held, Before)> {
        let mut claim = Claim::new(&self.database, self.address.clone());
        let mut failing = false;
        loop {
            match claim.attempt().await {
                Ok(claimed) => return Some(claimed),
                Err(error) if error.is_refusal() => {
                    tracing::error!(%error, "live metrics start from 0 and will not be saved: give the service write access to the collection settings");
                    return None;
                }
                Err(error) if !failing => {
                    tracing::warn!(%error, "the live metrics of the last run cannot be read yet");
                }
                Err(_) => {}
            }
            failing = true;
            tokio::time::sleep(RETRY).await;
        }
    }

    async fn restore(&self, before: Before) {
        let (checkpoint, age) = match before {
            Before::Checkpoint(checkpoint, age) => (checkpoint, age),
            Before::Nothing => {
                tracing::info!("no live metrics of an earlier run: counting starts from 0");
                return self.outcome(RestoreOutcome::Absent);
            }
            Before::Garbage(why) => return self.damaged(&why),
        };
        let live = self.live.clone();
        match tokio::task::spawn_blocking(move || live.restore(&checkpoint, age)).await {
            Ok(Ok(left_out)) => {
                for family in left_out {
                    tracing::warn!(
                        family,
                        "some series are not what they were in the last run and start from 0"
                    );
                }
                tracing::info!("restored the live metrics of the last run");
                self.outcome(RestoreOutcome::Restored);
            }
            Ok(Err(error)) => self.damaged(&error),
            Err(error) => self.damaged(&error),
        }
    }

    fn damaged(&self, why: &dyn std::fmt::Display) {
        tracing::error!(%why, "the checkpoint of the live metrics is damaged: counting starts from 0");
        self.outcome(RestoreOutcome::Damaged);
    }

    fn outcome(&self, outcome: RestoreOutcome) {
        self.telemetry.checkpoints().restored(outcome);
        self.restored.send_replace(true);
    }

    async fn save(&self, held: &Held, release: bool) -> Result<(), StoreError> {
        let (live, telemetry) = (self.live.clone(), self.telemetry.clone());
        let make = move || {
            crate::scrape::carry_scrapes(&telemetry, &live);
            if release { live.last_checkpoint() } else { live.checkpoint() }
        };
        let checkpoint = tokio::task::spawn_blocking(make).await?;
        held.save(checkpoint, release).await
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn stopped(mut stopped: watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
