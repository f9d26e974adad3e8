//! What keeps the journal and the totals small: folding, expiry, and forgetting what an admin chose.

use std::time::{Duration, Instant};

use super::follower::JournalError;
use super::handle::{Forget, RecordError};
use super::task::Task;

/// So many documents are folded at the next look, fewer after [`FOLD_AGE`].
const FOLD_DOCUMENTS: i64 = 200;

/// The longest time that documents stay beside the base.
const FOLD_AGE: Duration = Duration::from_secs(10 * 60);

impl Task {
    /// Folds old documents into the base, and deletes those that are in it for long.
    pub(super) async fn fold(&mut self) -> Result<(), String> {
        let folded = async {
            self.follower.set_time().await?;
            self.follower.doubt_indexes();
            self.follower.clean().await?;
            let unfolded = self.follower.unfolded();
            let is_due = unfolded >= FOLD_DOCUMENTS || self.folded.elapsed() >= FOLD_AGE;
            if unfolded > 0 && is_due && self.follower.fold().await? {
                self.folded = Instant::now();
            }
            Ok::<_, JournalError>(())
        };
        match folded.await {
            Ok(()) => drop(self.folding.is_over()),
            Err(error) => self.folding.say(&error),
        }
        Ok(())
    }

    /// Removes series that nobody has moved for long.
    pub(super) async fn expire(&mut self) -> Result<(), String> {
        self.follower.state.live.release_unshown();
        let expiry = i64::try_from(self.options.series_expiry.as_secs()).unwrap_or(i64::MAX);
        if expiry == 0 {
            return Ok(());
        }
        let oldest = self.follower.state.clock.now().saturating_sub(expiry);
        match self.follower.remove(|_, _, moved| moved < oldest).await {
            Ok(Some(removed)) if removed > 0 => {
                tracing::info!(series = removed, "removed live series that nobody had moved for long");
            }
            Ok(_) => {}
            Err(error) => self.folding.say(&error),
        }
        Ok(())
    }

    /// Removes series that an admin chose.
    pub(super) async fn forget(&mut self, forget: Forget) {
        let Forget { filter, is_dry_run, reply } = forget;
        if is_dry_run {
            let _ = reply.send(Ok(self.follower.count(|family, labels, _| filter(family, labels))));
            return;
        }
        // Another instance may write a base meanwhile; then its base is read and the removal tried again.
        for _ in 0..5 {
            match self.follower.remove(|family, labels, _| filter(family, labels)).await {
                Ok(Some(removed)) => {
                    let _ = reply.send(Ok(removed));
                    return;
                }
                Ok(None) => {}
                Err(error) => {
                    self.folding.say(&error);
                    break;
                }
            }
            if let Err(error) = self.follower.poll(true).await {
                self.following.say(&error);
                break;
            }
        }
        let _ = reply.send(Err(RecordError::Away));
    }
}
