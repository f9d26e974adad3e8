//! What others see of the journal: they hand batches in and wait for them to be kept.

use std::time::Duration;

use playarr_jobs::metric::Spec;
use tokio::sync::{mpsc, oneshot, watch};

use super::batches::digest;
use crate::live::Delta;

/// How many batches may wait. Each holds sums, not events.
const MAX_WAITING: usize = 4_096;

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
    #[error("more than {MAX_WAITING} batches wait to be kept; send fewer and larger ones")]
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
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<JournalState>,
}

/// What the keeper is asked for.
pub(super) enum Request {
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
}

impl Journal {
    /// A handle, and where its requests arrive.
    pub(super) fn new(state: watch::Receiver<JournalState>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, arriving) = mpsc::channel(MAX_WAITING);
        (Self { requests, state }, arriving)
    }

    /// Keeps a batch, all of it at once, and returns how many events it had. One with the id of a batch that was kept
    /// before, by whichever instance, is not counted again; the answer is that of the first time.
    ///
    /// # Errors
    /// When it is not known to be kept. It may be, so it should be sent again with the same id.
    pub(crate) async fn record(&self, id: Option<&str>, delta: Delta, events: usize) -> Result<usize, RecordError> {
        let digest = id.map(digest);
        let events = i32::try_from(events).unwrap_or(i32::MAX);
        self.ask(|reply| Request::Batch(WaitingBatch { digest, events, delta, reply })).await
    }

    /// Removes the series with open labels that a filter chooses, in every instance, together with those that differ
    /// from them in closed labels only. Returns how many those were, or would have been.
    ///
    /// # Errors
    /// When the database does not keep that now.
    pub(crate) async fn forget(&self, filter: SeriesFilter, is_dry_run: bool) -> Result<usize, RecordError> {
        self.ask(|reply| Request::Forget(Forget { filter, is_dry_run, reply })).await
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

    async fn ask<T>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, RecordError> {
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
