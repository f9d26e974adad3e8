//! What others see of the journal: they hand batches in and wait for them to be kept.

use std::sync::Arc;
use std::time::Duration;

use playarr_jobs::metric::Spec;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::batches::digest;
use crate::live::Delta;

/// How many batches may wait. Each holds sums, not events.
const MAX_WAITING: usize = 4_096;

/// How much memory the batches may take that wait, or that are not known to be kept. The largest take a few MB.
const MAX_WAITING_BYTES: u32 = MAX_WAITING_MB << 20;
const MAX_WAITING_MB: u32 = 16;

/// How long a batch may wait. Longer than one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a batch was not recorded, though nothing is wrong with it.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// The journal was not read yet.
    #[error("the live metrics have not been read from MongoDB yet; send the batch again")]
    Starting,
    /// The database does not keep it now.
    #[error("MongoDB does not keep the batch now; send it again with the same batch_id")]
    Away,
    /// More batches wait than may.
    #[error(
        "the batches that wait to be kept are more than {MAX_WAITING}, or {MAX_WAITING_MB} MB; send it again later"
    )]
    Busy,
    /// The database will not keep any.
    #[error("events cannot be kept: {0}; the service counts only what it does itself, until it is started again")]
    ReadOnly(String),
    /// The service stops.
    #[error("the service stops; send the batch again")]
    Stopping,
}

/// How the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JournalState {
    /// It is not read yet.
    Starting,
    /// What is recorded is kept.
    Keeping,
    /// The last commit did not succeed; it is tried again.
    Away,
    /// The database may only be read, for this reason. Nothing is kept.
    ReadOnly(String),
}

impl JournalState {
    /// A word for it.
    #[must_use]
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Keeping => "kept",
            Self::Away => "waiting",
            Self::ReadOnly(_) => "in_memory",
        }
    }
}

/// Hands batches to the keeper of the journal. Clones are handles to the same one.
#[derive(Clone)]
pub(crate) struct Journal {
    requests: mpsc::Sender<JournalRequest>,
    state: watch::Receiver<JournalState>,
    /// A permit is a byte.
    room: Arc<Semaphore>,
}

/// What the keeper is asked for.
pub(super) enum JournalRequest {
    /// To keep a batch.
    Batch(WaitingBatch),
    /// To remove the series that match.
    Forget(Forget),
}

/// Chooses series by their family and the values of its labels, in order.
pub(crate) type SeriesFilter = Box<dyn Fn(&Spec, &[&str]) -> bool + Send + Sync>;

/// Series to remove.
pub(super) struct Forget {
    pub(super) filter: SeriesFilter,
    /// Only tells how many series would go.
    pub(super) is_dry_run: bool,
    pub(super) reply: Reply<usize>,
}

/// Where the answer to a request goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, RecordError>>;

/// A batch that waits to be kept.
pub(super) struct WaitingBatch {
    /// The digest of its id.
    pub(super) digest: Option<i64>,
    pub(super) events: i32,
    pub(super) delta: Delta,
    pub(super) reply: Reply<usize>,
    /// Its share of the memory for batches that wait.
    pub(super) room: OwnedSemaphorePermit,
}

impl Journal {
    /// A handle, and where its requests arrive.
    pub(super) fn new(state: watch::Receiver<JournalState>) -> (Self, mpsc::Receiver<JournalRequest>) {
        let (requests, arriving) = mpsc::channel(MAX_WAITING);
        let room = Arc::new(Semaphore::new(MAX_WAITING_BYTES as usize));
        (Self { requests, state, room }, arriving)
    }

    /// Keeps a batch, all of it at once, and returns how many events it had. One with the id of a batch that was kept
    /// before, by whichever instance, is not counted again; the answer is that of the first time.
    ///
    /// # Errors
    /// When it is not known to be kept. It may be, so it should be sent again with the same id.
    pub(crate) async fn record(&self, id: Option<&str>, delta: Delta, events: usize) -> Result<usize, RecordError> {
        let digest = id.map(digest);
        let events = i32::try_from(events).unwrap_or(i32::MAX);
        // One that takes more than all of it waits alone.
        let bytes = u32::try_from(delta.bytes()).unwrap_or(u32::MAX).min(MAX_WAITING_BYTES);
        let room = self.room.clone().try_acquire_many_owned(bytes).map_err(|_| RecordError::Busy)?;
        self.ask(|reply| JournalRequest::Batch(WaitingBatch { digest, events, delta, reply, room })).await
    }

    /// Removes the series with open labels that a filter chooses, in every instance, together with those that differ
    /// from them in closed labels only. Returns how many those were, or would have been.
    ///
    /// # Errors
    /// When the database does not keep that now.
    pub(crate) async fn forget(&self, filter: SeriesFilter, is_dry_run: bool) -> Result<usize, RecordError> {
        self.ask(|reply| JournalRequest::Forget(Forget { filter, is_dry_run, reply })).await
    }

    /// How the journal stands.
    #[must_use]
    pub(crate) fn state(&self) -> JournalState {
        self.state.borrow().clone()
    }

    /// Waits until live metrics are what they will be: read from the journal, or known to be in memory only.
    pub(crate) async fn read(&self) {
        let mut state = self.state.clone();
        // An error says that the keeper has ended, which it does not before the service.
        let _ = state.wait_for(|state| *state != JournalState::Starting).await;
    }

    /// Whether a batch can be kept now, as far as is known.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self) -> Result<(), RecordError> {
        match &*self.state.borrow() {
            JournalState::Keeping => Ok(()),
            JournalState::Starting => Err(RecordError::Starting),
            JournalState::Away => Err(RecordError::Away),
            JournalState::ReadOnly(reason) => Err(RecordError::ReadOnly(reason.clone())),
        }
    }

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> JournalRequest) -> Result<T, RecordError> {
        self.check()?;
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(request(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => RecordError::Busy,
            mpsc::error::TrySendError::Closed(_) => RecordError::Stopping,
        })?;
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(RecordError::Stopping),
            Err(_) => Err(RecordError::Away),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{CacheOperation, CacheOutcome, Label, Live, ProviderApiError, ProviderErrorType};

    fn large(live: &Live) -> Delta {
        let ids: Vec<_> = (0..300).map(|number| format!("{number:0>128}")).collect();
        let error_type = ProviderErrorType::Timeout;
        let error = |id| ProviderApiError { provider_id: Label::repaired(id), error_type };
        live.sum(&ids.iter().map(|id| error(id).into()).collect::<Vec<_>>())
    }

    #[tokio::test]
    async fn batches_that_wait_take_so_much_memory_and_no_more() {
        let (_state, is_kept) = watch::channel(JournalState::Keeping);
        let (journal, mut waiting) = Journal::new(is_kept);
        let live = Live::new();
        let record = |delta: Delta| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.record(None, delta, 1).await })
        };
        let bytes = large(&live).bytes();
        assert!((300 * 128..MAX_WAITING_BYTES as usize / 10).contains(&bytes), "{bytes}");
        let fit = MAX_WAITING_BYTES as usize / bytes;
        let answers: Vec<_> = (0..fit).map(|_| record(large(&live))).collect();
        while waiting.len() < fit {
            tokio::task::yield_now().await;
        }
        let refused = journal.record(None, large(&live), 1).await.unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the batches that wait to be kept are more than 4096, or 16 MB; send it again later"
        );

        // One is answered.
        let Some(JournalRequest::Batch(batch)) = waiting.recv().await else { panic!("a batch") };
        batch.reply.send(Ok(1)).unwrap();
        drop(batch.room);
        let hit = live.sum(&[CacheOperation { operation: CacheOutcome::Hit }.into()]);
        let small = record(hit);
        while waiting.len() < fit {
            assert!(!small.is_finished());
            tokio::task::yield_now().await;
        }
        drop(waiting);
        for answer in answers.into_iter().skip(1) {
            assert!(matches!(answer.await.unwrap(), Err(RecordError::Stopping)));
        }
    }
}
