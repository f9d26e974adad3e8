//! Starts and stops the task that keeps live metrics.

use std::sync::Arc;

use mongodb::Database;
use playarr_jobs::database::Health;
use playarr_jobs::tasks::restart_after_panics;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;

use super::handle::{Journal, JournalState};
use super::task::{KeeperOptions, Task};
use crate::live::Live;
use crate::telemetry::Telemetry;

/// The task, as others hold it.
pub(crate) struct Keeper {
    journal: Journal,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts it. From here on live metrics show when they are committed, and none show before the journal is read.
    #[must_use]
    pub(crate) fn start(
        live: Live,
        telemetry: Telemetry,
        database: &Database,
        health: &Health,
        options: KeeperOptions,
    ) -> Self {
        live.keep_elsewhere();
        let (state, is_kept) = watch::channel(JournalState::Starting);
        let (journal, requests) = Journal::new(is_kept);
        let (stop, stopped) = watch::channel(false);
        let requests = Arc::new(Mutex::new(requests));
        let (database, health) = (database.clone(), health.clone());
        let task = restart_after_panics(move || {
            // Of a task that panicked, only what was committed is left.
            live.keep_elsewhere();
            state.send_replace(JournalState::Starting);
            let (live, telemetry, database, health) =
                (live.clone(), telemetry.clone(), database.clone(), health.clone());
            let (requests, state, stopped) = (requests.clone(), state.clone(), stopped.clone());
            async move {
                let requests = requests.lock_owned().await;
                Task::new(live, telemetry, &database, &health, options, requests, state).run(stopped).await;
            }
        });
        Self { journal, stop, task: tokio::spawn(task) }
    }

    /// Hands batches to it.
    #[must_use]
    pub(crate) fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// Commits for the last time and ends.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the live metrics could not be committed at the end");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use playarr_jobs::metric::Points;

    use super::super::RecordError;
    use super::*;
    use crate::live::{AdminChange, CacheOperation, CacheOutcome, Label, UserOperation};

    /// How often the cache was hit, as scrapes show it.
    fn hits(live: &Live) -> Option<f64> {
        let families = live.gather();
        let family = families.iter().find(|family| family.name == "playarr_cache_operations_total")?;
        let Points::Numbers(counts) = &family.points else { panic!("not a counter") };
        Some(counts.iter().sum())
    }

    async fn until_hits(live: &Live, expected: f64) {
        let shown = async {
            while hits(live) != Some(expected) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), shown).await.expect("it shows");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_panic_of_the_keeper_loses_nothing_that_was_shown_and_it_goes_on() {
        let database = playarr_sandbox::mongodb().await.unwrap().database();
        let mut options = mongodb::options::ClientOptions::parse(database.uri()).await.unwrap();
        let health = Health::of_client(&mut options);
        let connected = mongodb::Client::with_options(options).unwrap().database(database.name());
        let (live, telemetry) = (Live::new(), Telemetry::new(health.clone()).unwrap());
        let options = KeeperOptions { commit_interval: Duration::from_secs(1), series_expiry: Duration::ZERO };
        let keeper = Keeper::start(live.clone(), telemetry, &connected, &health, options);
        let hit = || live.record(&CacheOperation { operation: CacheOutcome::Hit }.into());
        hit();
        until_hits(&live, 1.0).await;
        // A series with an open label, for the filter to look at.
        live.record(&UserOperation { operation: AdminChange::Create, username: Label::repaired("alice") }.into());
        hit();
        until_hits(&live, 2.0).await;

        let panics = keeper.journal().forget(Box::new(|_, _| panic!("a bug")), true).await;
        assert!(matches!(panics, Err(RecordError::Stopping)), "{panics:?}");
        hit();
        until_hits(&live, 3.0).await;
        keeper.stop().await;
    }
}
