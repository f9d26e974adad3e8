//! What is counted as it happens: typed events, in process and over HTTP, and the service's own work.
//!
//! How to choose between the two kinds of metric: what can be computed from the database at any time is a gauge
//! definition in the `jobs` crate; what is gone once it has happened is an event of [`events`].
//!
//! ```
//! use std::time::Duration;
//!
//! use playarr_metrics::live::{Event, Label, Live, MediaType};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let live = Live::new()?;
//!
//! // Closed labels are types, open ones are checked. `Label::repaired` never fails.
//! live.record(&Event::StreamRequest {
//!     user: Label::new("alice")?,
//!     media_type: MediaType::Movies,
//!     duration: Duration::from_millis(231),
//! });
//!
//! // Records a failure if `sync` returns early, a success with its duration if it comes to the end.
//! fn sync(live: &Live, provider: &str) -> Result<(), std::io::Error> {
//!     let timer = live.timer(|status, duration| Event::ProviderSync {
//!         provider_id: Label::repaired(provider),
//!         status,
//!         duration,
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
mod durability;
pub mod events;
mod families;
mod ingest;
mod json;
mod labels;
mod process;
mod recorder;
mod registry;
mod reporters;
mod scrapes;
mod service;
mod sums;
mod timer;
mod totals;
mod traffic;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use playarr_jobs::family::Family;
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

pub use checkpoint::{Checkpoint, DamagedCheckpoint};
pub use connections::Connection;
pub use durability::{Durability, RestoreOutcome};
pub use events::Event;
pub use ingest::{Batch, BatchError, MAX_EVENTS};
pub use json::EventError;
pub use labels::{
    AdminOperation, CacheOperation, Label, LabelError, MAX_LABEL_BYTES, MediaType, ProviderErrorType, Status,
    StatusCode, TitlesKind, WatchlistOperation,
};
pub use registry::LIVE_SERIES_BUDGET;
pub use service::{ScrapeFailure, Service};
pub use timer::Timer;
pub use traffic::Traffic;

use batches::{BatchMark, Batches, Clock, Turn};
use connections::Connections;
use events::FamilyId;
use recorder::Recorder;

use crate::catalog::Spec;

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
    connections: Connections,
    registry: Registry,
    service: Service,
    durability: Durability,
}

/// What is told here of the service and its process.
pub(crate) fn own_specs() -> impl Iterator<Item = &'static Spec> {
    let told = [&sums::FOLDED_TOTAL].into_iter().chain(service::SPECS).chain(scrapes::SPECS);
    told.chain(durability::SPECS).chain(&process::SPECS)
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
    ///
    /// # Errors
    /// When two families claim one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let service = Service::new(&registry)?;
        let durability = Durability::new(&registry)?;
        let inner = Inner {
            recorder: Recorder::new(LIVE_SERIES_BUDGET),
            batches: Mutex::default(),
            cut: Mutex::default(),
            clock: Clock::new(),
            connections: Connections::default(),
            registry,
            service,
            durability,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Records an event. Takes well below a microsecond and never waits for a scrape for long.
    #[inline]
    pub fn record(&self, event: &Event<'_>) {
        self.inner.recorder.record(event);
    }

    /// Times a piece of work; `event` makes the event of how it ended and how long it took.
    pub fn timer<'a, F>(&self, event: F) -> Timer<'a, F>
    where
        F: Fn(Status, Duration) -> Event<'a>,
    {
        Timer::new(self.clone(), event)
    }

    /// Records a batch, all of it at once, and returns how many events it had. One with the id of a batch of the last
    /// ten minutes is not recorded again; the answer is that of the first time.
    ///
    /// # Errors
    /// When it has an id that could not be remembered, or the service stops.
    pub fn record_batch(&self, batch: &Batch<'_>) -> Result<usize, RecordError> {
        let mark = match &batch.id {
            None => None,
            Some(id) => {
                let events = u16::try_from(batch.events.len()).unwrap_or(u16::MAX);
                let mut batches = self.inner.batches.lock().unwrap_or_else(PoisonError::into_inner);
                match batches.take(id.as_str(), events, self.inner.clock.seconds()) {
                    Turn::Count(mark) => Some(mark),
                    Turn::Counted(events) => return Ok(events.into()),
                    Turn::Full => return Err(RecordError::TooManyBatches),
                }
            }
        };
        if !self.inner.recorder.record_all(&batch.events, mark) {
            return Err(RecordError::Stopping);
        }
        Ok(batch.events.len())
    }

    /// Counts an open WebSocket connection of this service until the guard is dropped.
    pub fn websocket(&self) -> Connection {
        Connection::open(self.clone())
    }

    /// How many WebSocket connections of this service are open.
    #[must_use]
    pub fn websockets(&self) -> u64 {
        self.inner.connections.open()
    }

    /// The service's own metrics.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.inner.service
    }

    /// What is told of checkpoints.
    #[must_use]
    pub fn durability(&self) -> &Durability {
        &self.inner.durability
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
        self.inner.absorb_scrapes();
        let mut cut = self.inner.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let (totals, new) = self.inner.recorder.cut(is_last, Instant::now());
        let now = self.inner.clock.seconds();
        cut.extend(new);
        cut.retain(|mark| mark.is_remembered(now));
        Checkpoint::new(&totals, cut.iter().copied(), now)
    }

    /// Records a refresh.
    pub fn refreshed(&self, report: &playarr_jobs::report::Report) {
        self.inner.service.refreshed(report);
        self.record(&Event::JobExecution {
            job_type: Label::repaired(playarr_jobs::update::JOB_NAME),
            status: if report.is_success() { Status::Success } else { Status::Failure },
            duration: report.duration,
        });
    }

    /// Records a scrape that was refused.
    pub fn scrape_refused(&self, failure: ScrapeFailure) {
        self.inner.service.scrape_refused(failure);
        self.inner.recorder.mark_changed();
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
        self.inner.absorb_scrapes();
        let mut families = self.inner.recorder.look(self.websockets(), Instant::now());
        families.extend(self.inner.registry.gather().iter().filter_map(families::family));
        families
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
            streams: self.inner.recorder.counted(FamilyId::StreamRequestDuration),
            cache: self.inner.recorder.counted(FamilyId::CacheOperations),
        }
    }
}

impl Inner {
    /// Scrapes are HTTP requests as well. They are the one kind of which there may be a hundred thousand a second, so
    /// they are counted in a few atomics of their own and carried over when somebody looks.
    fn absorb_scrapes(&self) {
        let (buckets, nanoseconds) = self.service.new_scrapes();
        self.recorder.absorb_http_requests("/metrics", "200", &buckets, nanoseconds);
    }
}
