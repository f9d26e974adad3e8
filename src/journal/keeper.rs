//! Starts and stops the task that keeps live metrics.

use mongodb::Database;
use tokio::sync::watch;
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
    pub(crate) fn start(live: Live, telemetry: Telemetry, database: &Database, options: KeeperOptions) -> Self {
        live.keep_elsewhere();
        let (state, is_kept) = watch::channel(JournalState::Starting);
        let (journal, requests) = Journal::new(is_kept);
        let (stop, stopped) = watch::channel(false);
        let task = Task::new(live, telemetry, database, options, requests, state);
        Self { journal, stop, task: tokio::spawn(task.run(stopped)) }
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
