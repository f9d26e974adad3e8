//! What is counted as it happens: typed events, in process and over HTTP, and the service's own work.
//!
//! How to choose between the two kinds of metric: what can be computed from the database at any time is a gauge
//! definition in the `jobs` crate; what is gone once it has happened is an event of `event`.
//!
//! ```
//! use std::time::Duration;
//!
//! use playarr_metrics::live::{Label, Live, MediaType, ProviderSync, StreamRequest};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let live = Live::new();
//!
//! // Closed labels are types, open ones are checked. `Label::repaired` never fails.
//! let request = StreamRequest {
//!     user: Label::new("alice")?,
//!     media_type: MediaType::Movies,
//!     duration_seconds: Duration::from_millis(231).into(),
//! };
//! live.record(&request.into());
//!
//! // Records a failure if `sync` returns early, a success with its duration if it comes to the end.
//! fn sync(live: &Live, provider: &str) -> Result<(), std::io::Error> {
//!     let timer = live.timer(|status, duration| ProviderSync {
//!         provider_id: Label::repaired(provider),
//!         status,
//!         duration_seconds: duration.into(),
//!     });
//!     std::fs::metadata("/nowhere")?;
//!     timer.success();
//!     Ok(())
//! }
//! assert!(sync(&live, "agtv").is_err());
//!
//! let families = live.gather();
//! let syncs = families.iter().find(|family| family.name == "playarr_provider_sync_total").unwrap();
//! assert_eq!(syncs.labels(1).collect::<Vec<_>>(), [("provider_id", "agtv"), ("status", "failure")]);
//! # Ok(())
//! # }
//! ```

mod batches;
mod checkpoint;
mod connections;
mod event;
mod recorder;
mod timer;
mod traffic;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use playarr_jobs::metric::Family;

pub use checkpoint::{Checkpoint, DamagedCheckpoint};
pub use connections::Connection;
pub use event::{
    AdminChange, ApiCall, ApiCallError, AuthenticationFailure, BestSourceSelected, CacheOperation,
    CacheOutcome, CategoriesSynced, ClosedLabel, Count, Endpoint, EndpointError, Event, EventSpec, FAMILIES,
    FieldKind, FieldSpec, HTTP, HttpRequest, JobExecution, Label, LabelError, MAX_COUNT, MAX_LABEL_BYTES,
    MAX_SECONDS, ManagedError, MediaType, ProviderApiError, ProviderApiRequest, ProviderErrorType,
    ProviderOperation, ProviderSync, Seconds, Status, StatusCode, StreamRequest, TextVisitor, TitlesKind,
    TitlesProcessed, UserOperation, WatchlistChange, WatchlistOperation, WebsocketConnections,
};
pub use recorder::registry::LIVE_SERIES_BUDGET;
pub use recorder::sums::FOLDED_TOTAL;
pub use timer::Timer;
pub use traffic::Traffic;

use batches::{BatchMark, Batches, Clock, Turn};
use event::FamilyId;
use recorder::Recorder;

/// The live metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Live {
    inner: Arc<Inner>,
}

struct Inner {
    recorder: Recorder,
    batches: Mutex<Batches>,
    /// The batches that are in the last cut.
    cut: Mutex<VecDeque<BatchMark>>,
    clock: Clock,
    /// How many WebSocket connections of this service are open.
    connections: AtomicU64,
}

/// Why a batch was not recorded, though nothing is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// More batches in ten minutes than can be remembered.
    #[error("too many batches with an id in ten minutes to remember them all; send fewer and larger ones")]
    TooManyBatches,
    /// The last checkpoint was taken.
    #[error("the service stops; send the batch again")]
    Stopping,
}

impl Live {
    /// Fresh live metrics, closed label sets at zero.
    #[must_use]
    pub fn new() -> Self {
        let inner = Inner {
            recorder: Recorder::new(LIVE_SERIES_BUDGET),
            batches: Mutex::default(),
            cut: Mutex::default(),
            clock: Clock::new(),
            connections: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Records an event. Takes well below a microsecond and never waits for a scrape for long.
    #[inline]
    pub fn record(&self, event: &Event<'_>) {
        self.inner.recorder.record(event);
    }

    /// Times a piece of work; `event` makes the event of how it ended and how long it took.
    pub fn timer<'a, E, F>(&self, event: F) -> Timer<'a, E, F>
    where
        E: Into<Event<'a>>,
        F: Fn(Status, Duration) -> E,
    {
        Timer::new(self.clone(), event)
    }

    /// Records a batch, all of it at once, and returns how many events it had. One with the id of a batch of the last
    /// ten minutes is not recorded again; the answer is that of the first time.
    ///
    /// # Errors
    /// When it has an id that could not be remembered, or the service stops.
    pub fn record_batch(&self, id: Option<&Label<'_>>, events: &[Event<'_>]) -> Result<usize, RecordError> {
        let mark = match id {
            None => None,
            Some(id) => {
                let events = u16::try_from(events.len()).unwrap_or(u16::MAX);
                let mut batches = self.inner.batches.lock().unwrap_or_else(PoisonError::into_inner);
                match batches.take(id.as_str(), events, self.inner.clock.seconds()) {
                    Turn::Count(mark) => Some(mark),
                    Turn::Counted(events) => return Ok(events.into()),
                    Turn::Full => return Err(RecordError::TooManyBatches),
                }
            }
        };
        if !self.inner.recorder.record_all(events, mark) {
            return Err(RecordError::Stopping);
        }
        Ok(events.len())
    }

    /// Counts an open WebSocket connection of this service until the guard is dropped.
    pub fn websocket(&self) -> Connection {
        Connection::open(self.clone())
    }

    /// How many WebSocket connections of this service are open.
    #[must_use]
    pub fn websockets(&self) -> u64 {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// Whether somebody will ask for checkpoints. If so, batches are kept until the next one has them.
    pub fn keep_batches(&self, keep: bool) {
        self.inner.recorder.keep_marks(keep);
    }

    /// Everything recorded so far. Takes milliseconds where there are many series.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        self.cut(false)
    }

    /// [`Live::checkpoint`], after which no batch is counted any more: it would be lost.
    #[must_use]
    pub fn last_checkpoint(&self) -> Checkpoint {
        self.cut(true)
    }

    /// Adds what was recorded before a restart, once. The checkpoint was taken so long ago. Returns the names of
    /// families that are not what they were and start from 0.
    ///
    /// # Errors
    /// When the checkpoint cannot be used; then nothing of it is.
    pub fn restore(&self, checkpoint: &Checkpoint, age: Duration) -> Result<Vec<String>, DamagedCheckpoint> {
        let (totals, marks) = checkpoint.read(self.inner.clock.seconds())?;
        let mut batches = self.inner.batches.lock().unwrap_or_else(PoisonError::into_inner);
        for &mark in &marks {
            batches.remember(mark);
        }
        drop(batches);
        self.inner.cut.lock().unwrap_or_else(PoisonError::into_inner).extend(marks);
        Ok(self.inner.recorder.restore(&totals, age, Instant::now()))
    }

    fn cut(&self, is_last: bool) -> Checkpoint {
        let mut cut = self.inner.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let (totals, new) = self.inner.recorder.cut(is_last, Instant::now());
        let now = self.inner.clock.seconds();
        cut.extend(new);
        cut.retain(|mark| mark.is_remembered(now));
        Checkpoint::new(&totals, cut.iter().copied(), now)
    }

    /// Records requests to one endpoint that were counted elsewhere: how many were answered with `status`, by bucket of
    /// [`HTTP`], and the nanoseconds they took together.
    pub fn record_http_requests(&self, endpoint: &str, status: &str, buckets: &[u64], nanoseconds: u128) {
        self.inner.recorder.absorb_http_requests(endpoint, status, buckets, nanoseconds);
    }

    /// Whether anything happened since the last [`Live::gather`] that a scrape must show at once.
    #[must_use]
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.inner.recorder.has_changed()
    }

    /// All live families as they stand.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        self.inner.recorder.look(self.websockets(), Instant::now())
    }

    /// The families of events as they stand, for pages. Scrapes do not notice.
    #[must_use]
    pub fn recorded(&self) -> Vec<Family> {
        self.inner.recorder.peek(self.websockets(), Instant::now())
    }

    /// How many streams and cache operations there were so far. Takes microseconds, and scrapes do not notice.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        Traffic {
            streams: self.inner.recorder.counted(FamilyId::STREAM_REQUEST_DURATION),
            cache: self.inner.recorder.counted(FamilyId::CACHE_OPERATIONS),
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
