//! What is counted as it happens: typed events, in process and over HTTP, and the service's own work.
//!
//! How to choose between the two kinds of metric: what can be computed from the database at any time is a gauge
//! definition in the `jobs` crate; what is gone once it has happened is an event of `event`.
//!
//! What is recorded is summed up as a [`Delta`] (`recorder`, `delta`). Somebody collects it, keeps it, and adds it to
//! the totals that scrapes show (`totals`): the journal, or, where there is none, the next scrape.
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

mod clock;
mod delta;
mod event;
mod recorder;
mod series;
mod series_budget;
mod timer;
mod totals;
mod traffic;
mod websocket_connections;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;
use playarr_jobs::metric::Family;

pub use clock::Clock;
pub use delta::Delta;
pub use event::{
    AdminChange, ApiCall, ApiCallError, AuthenticationFailure, BestSourceSelected, CacheOperation, CacheOutcome,
    CategoriesSynced, ClosedLabel, Count, Endpoint, EndpointError, Event, EventSpec, FAMILIES, FieldKind, FieldSpec,
    HTTP, HttpRequest, JobExecution, Label, LabelError, MAX_COUNT, MAX_EVENT_LABEL_BYTES, MAX_SECONDS, ManagedError,
    MediaType, ProviderApiError, ProviderApiRequest, ProviderErrorType, ProviderOperation, ProviderSync, Seconds,
    Status, StatusCode, StreamRequest, TextVisitor, TitlesKind, TitlesProcessed, UserOperation, WatchlistChange,
    WatchlistOperation, WebsocketConnections,
};
pub use series::{ConnectionReport, FamilySeries, Series};
pub use series_budget::LIVE_SERIES_BUDGET;
pub use timer::Timer;
pub use totals::{FOLDED_TOTAL, Totals};
pub use traffic::Traffic;
pub use websocket_connections::WebSocketConnection;

use event::FamilyId;
use recorder::Recorder;
use series_budget::{Admissions, RecordedBy};

/// The live metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Live {
    inner: Arc<LiveState>,
}

struct LiveState {
    recorder: Recorder,
    admissions: Admissions,
    shown: Mutex<Shown>,
    /// Whether a scrape would show something new.
    has_changed: CachePadded<AtomicBool>,
    /// Whether what is recorded shows without anybody committing it.
    is_in_memory: AtomicBool,
    /// How many WebSocket connections of this service are open.
    connections: AtomicU64,
}

/// What scrapes show.
struct Shown {
    totals: Totals,
    /// Whether the totals are what they will be. Until then nothing is shown: totals that start low and jump look as if
    /// all of it had just happened.
    is_complete: bool,
    clock: Clock,
}

impl Live {
    /// Fresh live metrics in memory, closed label sets at zero.
    #[must_use]
    pub fn new() -> Self {
        let shown = Shown { totals: Totals::default(), is_complete: true, clock: Clock::of_system() };
        let inner = LiveState {
            recorder: Recorder::new(),
            admissions: Admissions::new(LIVE_SERIES_BUDGET),
            shown: Mutex::new(shown),
            has_changed: CachePadded::new(AtomicBool::new(true)),
            is_in_memory: AtomicBool::new(true),
            connections: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Records an event. Takes well below a microsecond and never waits for a scrape.
    #[inline]
    pub fn record(&self, event: &Event<'_>) {
        self.inner.recorder.record(event, &self.inner.admissions);
        self.mark_recorded();
    }

    /// Times a piece of work; `event` makes the event of how it ended and how long it took.
    pub fn timer<'a, E, F>(&self, event: F) -> Timer<'a, E, F>
    where
        E: Into<Event<'a>>,
        F: Fn(Status, Duration) -> E,
    {
        Timer::new(self.clone(), event)
    }

    /// Sums up a batch of another process, without recording it.
    #[must_use]
    pub fn sum(&self, events: &[Event<'_>]) -> Delta {
        let mut delta = Delta::default();
        let mut sink = delta.sink(&self.inner.admissions, RecordedBy::Batch);
        for event in events {
            event.record_into(&mut sink);
        }
        delta
    }

    /// Counts an open WebSocket connection of this service until the guard is dropped.
    pub fn websocket(&self) -> WebSocketConnection {
        WebSocketConnection::open(self.clone())
    }

    /// How many WebSocket connections of this service are open.
    #[must_use]
    pub fn websockets(&self) -> u64 {
        self.inner.connections.load(Ordering::Relaxed)
    }

    /// Records requests to one endpoint that were counted elsewhere: how many were answered with `status`, by bucket of
    /// [`HTTP`], and the nanoseconds they took together. The next scrape need not show them.
    pub fn record_http_requests(&self, endpoint: &str, status: &str, buckets: &[u64], nanoseconds: u128) {
        let LiveState { recorder, admissions, .. } = &*self.inner;
        recorder.record_http_requests(endpoint, status, buckets, nanoseconds, admissions);
    }

    /// Whether anything happened since the last [`Live::gather`] that a scrape must show at once.
    #[must_use]
    #[inline]
    pub fn has_changed(&self) -> bool {
        self.inner.has_changed.load(Ordering::Acquire)
    }

    /// All live families as they stand; none before the totals are complete.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        // First forget, then read: what happens in between shows now and is read once more.
        self.inner.has_changed.store(false, Ordering::Release);
        self.recorded()
    }

    /// As [`Live::gather`], for pages. Scrapes do not notice.
    #[must_use]
    pub fn recorded(&self) -> Vec<Family> {
        let mut shown = self.inner.shown.lock();
        let own_connections = if self.is_in_memory() {
            self.show_recorded(&mut shown);
            self.websockets()
        } else {
            // They are in the totals, with those of the other instances.
            0
        };
        if !shown.is_complete {
            return Vec::new();
        }
        shown.totals.families(shown.clock.now(), own_connections)
    }

    /// How many streams and cache operations there were so far; `None` before the totals are complete. Takes
    /// microseconds, and scrapes do not notice.
    #[must_use]
    pub fn traffic(&self) -> Option<Traffic> {
        let mut shown = self.inner.shown.lock();
        if self.is_in_memory() {
            self.show_recorded(&mut shown);
        }
        shown.is_complete.then(|| Traffic {
            streams: shown.totals.counted(FamilyId::STREAM_REQUEST_DURATION),
            cache: shown.totals.counted(FamilyId::CACHE_OPERATIONS),
        })
    }

    /// From now on somebody collects what is recorded and shows it once it is kept. Nothing is shown before
    /// [`Live::show`].
    pub fn keep_elsewhere(&self) {
        let mut shown = self.inner.shown.lock();
        self.inner.is_in_memory.store(false, Ordering::Relaxed);
        shown.is_complete = false;
        drop(shown);
        self.mark_changed();
    }

    /// From now on what is recorded shows at once, on top of what is shown.
    pub fn keep_in_memory(&self) {
        let mut shown = self.inner.shown.lock();
        self.inner.is_in_memory.store(true, Ordering::Relaxed);
        shown.is_complete = true;
        drop(shown);
        self.mark_changed();
    }

    /// Hands out everything recorded since the last call.
    #[must_use]
    pub fn take(&self) -> Delta {
        self.inner.recorder.take()
    }

    /// Takes back what was handed out and could not be kept.
    pub fn put_back(&self, delta: &Delta) {
        self.inner.recorder.put_back(delta);
        self.mark_recorded();
    }

    /// Shows these totals, whatever was shown before.
    pub fn show(&self, mut totals: Totals) {
        let mut shown = self.inner.shown.lock();
        totals.take_new_rows().for_each(drop);
        totals.admit_to(&self.inner.admissions);
        shown.totals = totals;
        shown.is_complete = true;
        drop(shown);
        self.mark_changed();
    }

    /// Adds to the totals that are shown, as of a time in seconds since the Unix epoch.
    pub fn add(&self, families: &[FamilySeries], reports: &[ConnectionReport], at: i64) {
        let mut shown = self.inner.shown.lock();
        shown.totals.add(families, reports, at);
        for (family, key) in shown.totals.take_new_rows() {
            self.inner.admissions.insert(family, key);
        }
        drop(shown);
        self.mark_changed();
    }

    /// Gives back the room of series that were recorded and never showed, because their batches were not kept.
    pub fn release_unshown(&self) {
        self.inner.shown.lock().totals.admit_to(&self.inner.admissions);
    }

    /// A copy of the totals that are shown, in the form that is kept.
    #[must_use]
    pub fn totals(&self) -> (Vec<FamilySeries>, Vec<ConnectionReport>) {
        let shown = self.inner.shown.lock();
        (shown.totals.to_series(), shown.totals.reports())
    }

    /// Sets the clock that ages reports.
    pub fn set_clock(&self, clock: Clock) {
        self.inner.shown.lock().clock = clock;
    }

    fn show_recorded(&self, shown: &mut Shown) {
        let recorded = self.take();
        if !recorded.is_empty() {
            let at = shown.clock.now();
            shown.totals.add(&recorded.to_series(), &recorded.reports(), at);
        }
    }

    #[inline]
    fn is_in_memory(&self) -> bool {
        self.inner.is_in_memory.load(Ordering::Relaxed)
    }

    /// What is recorded shows only once it is kept, unless it is in memory.
    #[inline]
    fn mark_recorded(&self) {
        if self.is_in_memory() {
            self.mark_changed();
        }
    }

    /// Makes the next scrape gather.
    #[inline]
    fn mark_changed(&self) {
        // Reading first keeps the flag's cache line with every core while it is up.
        if !self.inner.has_changed.load(Ordering::Relaxed) {
            self.inner.has_changed.store(true, Ordering::Release);
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watched(user: &str) -> Event<'_> {
        let duration = Duration::from_millis(100);
        let (user, media_type) = (Label::repaired(user), MediaType::Live);
        StreamRequest { user, media_type, duration_seconds: duration.into() }.into()
    }

    fn requests(live: &Live) -> Option<(usize, f64)> {
        let families = live.gather();
        let family = families.iter().find(|family| family.name == "playarr_stream_requests_total")?;
        let playarr_jobs::metric::Points::Numbers(counts) = &family.points else { panic!() };
        Some((counts.len(), counts.iter().sum()))
    }

    #[test]
    fn what_many_threads_record_adds_up_within_the_budget() {
        let live = Live::new();
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let live = &live;
                scope.spawn(move || {
                    for number in 0..3_000 {
                        live.record(&watched(&format!("user-{}", (thread + number) % 2_000)));
                    }
                });
            }
        });
        let most = LIVE_SERIES_BUDGET + 100;
        assert_eq!(requests(&live), Some((most + 1, 24_000.0)), "those of the budget and all others");
    }

    #[test]
    fn what_somebody_keeps_shows_once_it_is_kept_and_never_before_the_totals_are_complete() {
        let live = Live::new();
        live.keep_elsewhere();
        live.record(&watched("alice"));
        assert_eq!(requests(&live), None);
        live.show(Totals::default());
        assert_eq!(requests(&live), Some((0, 0.0)));
        let delta = live.take();
        assert_eq!(requests(&live), Some((0, 0.0)));
        live.put_back(&delta);
        let delta = live.take();
        live.add(&delta.to_series(), &delta.reports(), 1);
        assert_eq!(requests(&live), Some((1, 1.0)));
        assert!(live.take().is_empty());
    }

    #[test]
    fn a_batch_that_is_summed_up_is_not_recorded() {
        let live = Live::new();
        let delta = live.sum(&[watched("alice"), watched("alice")]);
        assert_eq!(delta.to_series()[0].series[0].counts, [2]);
        assert_eq!(requests(&live), Some((0, 0.0)));
    }

    #[test]
    fn what_is_folded_is_told_in_events_also_when_it_was_counted_elsewhere() {
        let live = Live::new();
        for number in 0..LIVE_SERIES_BUDGET + 100 {
            live.record_http_requests(&format!("/{number}"), "200", &[1], 5);
        }
        live.record_http_requests("/one/more", "200", &[3, 1], 5);
        let families = live.gather();
        let folded = families.iter().find(|family| family.name == "playarr_metrics_live_folded_total").unwrap();
        let playarr_jobs::metric::Points::Numbers(counts) = &folded.points else { panic!() };
        assert_eq!(counts.iter().sum::<f64>(), 8.0, "four requests, each in two families");
    }
}
