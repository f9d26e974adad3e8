//! The only writer of live metrics.
//!
//! Threads record into shards of their own, so that they do not wait for each other. A reader adds the shards up.
//! Counts and durations are whole numbers (of nanoseconds), so sums are exact in whatever order they are made.

mod cells;
pub(super) mod registry;
mod reporters;
pub(super) mod sums;
pub(super) mod totals;

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use playarr_jobs::metric::Family;

use crate::live::batches::BatchMark;
use crate::live::event::{Event, FAMILIES, FamilyId, Key, SEPARATOR, Sink};
use cells::Cells;
use registry::Registry;
use reporters::Reporters;
use sums::Sums;
use totals::Totals;

/// Keeps what happened.
pub(in crate::live) struct Recorder {
    shards: Box<[CachePadded<Mutex<Shard>>]>,
    registry: Registry,
    reporters: Mutex<Reporters>,
    changed: CachePadded<AtomicBool>,
    keeps_marks: AtomicBool,
    /// Changed with every shard locked only.
    is_closed: AtomicBool,
}

impl Recorder {
    /// A recorder with nothing in it, for families with this many series each.
    pub(in crate::live) fn new(budget: usize) -> Self {
        // More than there are cores: threads that come and go should rarely meet.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = (4 * cores).next_power_of_two().clamp(8, 64);
        Self {
            shards: (0..shards).map(|_| CachePadded::default()).collect(),
            registry: Registry::new(budget),
            reporters: Mutex::default(),
            changed: CachePadded::new(AtomicBool::new(true)),
            keeps_marks: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        }
    }

    /// Records one event.
    #[inline]
    pub(in crate::live) fn record(&self, event: &Event<'_>) {
        event.record_into(&mut self.sink());
        self.mark_changed();
    }

    /// Records a batch: a reader sees all of its events and its mark, or nothing of it. Returns false, and records
    /// nothing, after the last cut.
    pub(in crate::live) fn record_all(&self, events: &[Event<'_>], mark: Option<BatchMark>) -> bool {
        let mut sink = self.sink();
        if self.is_closed.load(Ordering::Relaxed) {
            return false;
        }
        for event in events {
            event.record_into(&mut sink);
        }
        if self.keeps_marks.load(Ordering::Relaxed) {
            sink.shard.marks.extend(mark);
        }
        drop(sink);
        self.mark_changed();
        true
    }

    /// Whether marks are kept for the next cut. Nobody should ask for it who does not cut.
    pub(in crate::live) fn keep_marks(&self, keep: bool) {
        self.keeps_marks.store(keep, Ordering::Relaxed);
        if !keep {
            for shard in &self.shards {
                lock(shard).marks = Vec::new();
            }
        }
    }

    /// Records requests that were counted elsewhere, by bucket of their duration. The next scrape need not show them.
    pub(in crate::live) fn absorb_http_requests(
        &self,
        endpoint: &str,
        status: &str,
        buckets: &[u64],
        nanoseconds: u128,
    ) {
        let requests: u64 = buckets.iter().sum();
        // The duration of a request may arrive later than its count.
        if requests == 0 && nanoseconds == 0 {
            return;
        }
        let mut sink = self.sink();
        let mut key = Key::new();
        key.push_str(endpoint);
        sink.add(FamilyId::HTTP_REQUEST_DURATION, &key, 0, buckets, nanoseconds);
        key.push(SEPARATOR);
        key.push_str(status);
        sink.add(FamilyId::HTTP_REQUESTS, &key, 0, &[requests], 0);
    }

    /// Whether anything was recorded since [`Recorder::look`].
    #[inline]
    pub(in crate::live) fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    /// Makes the next scrape look.
    #[inline]
    pub(in crate::live) fn mark_changed(&self) {
        // Reading first keeps the flag's cache line with every core while it is up.
        if !self.changed.load(Ordering::Relaxed) {
            self.changed.store(true, Ordering::Release);
        }
    }

    /// Every family as it stands, with the connections of this process.
    pub(in crate::live) fn look(&self, own_connections: u64, now: Instant) -> Vec<Family> {
        // First forget, then read: what happens in between shows now and is read once more.
        self.changed.store(false, Ordering::Release);
        self.peek(own_connections, now)
    }

    /// As [`Recorder::look`], for somebody who is no scrape: what changed still counts as not seen.
    pub(in crate::live) fn peek(&self, own_connections: u64, now: Instant) -> Vec<Family> {
        let mut sums = Sums::new();
        for shard in &self.shards {
            sums.add(&lock(shard).families);
        }
        let connections = own_connections.saturating_add(lock(&self.reporters).total(now));
        sums.families(&self.registry, connections)
    }

    /// How much a family has counted, by combination of its closed labels.
    pub(in crate::live) fn counted<const N: usize>(&self, family: FamilyId) -> [u64; N] {
        debug_assert_eq!(FAMILIES[family.index()].combinations(), N);
        let mut counted = [0; N];
        for shard in &self.shards {
            let shard = lock(shard);
            let cells = &shard.families[family.index()];
            for (place, count) in cells.counts.iter().enumerate() {
                let sum: &mut u64 = &mut counted[place / cells.stride % N];
                *sum = sum.saturating_add(*count);
            }
        }
        counted
    }

    /// Everything recorded so far as of one moment, with the marks of batches that were not handed out before. After
    /// the last cut no batch is recorded.
    pub(in crate::live) fn cut(&self, is_last: bool, now: Instant) -> (Totals, Vec<BatchMark>) {
        let mut shards: Vec<_> = self.shards.iter().map(|shard| lock(shard)).collect();
        self.is_closed.fetch_or(is_last, Ordering::Relaxed);
        let mut sums = Sums::new();
        let mut marks = Vec::new();
        for shard in &mut shards {
            sums.add(&shard.families);
            marks.append(&mut shard.marks);
        }
        let reporters = lock(&self.reporters).list(now);
        drop(shards);
        (sums.totals(&self.registry, reporters), marks)
    }

    /// Adds what was recorded before a restart; `age` is the time since then. Returns the families of which something
    /// was left out because this version does not know it.
    pub(in crate::live) fn restore(&self, totals: &Totals, age: Duration, now: Instant) -> Vec<String> {
        let mut sink = self.sink();
        let mut left_out = Vec::new();
        for total in &totals.series {
            match total.place() {
                Some((family, key, combination)) => {
                    sink.add(family, &key, combination, &total.counts, total.nanoseconds);
                }
                None => left_out.push(total.family.clone()),
            }
        }
        for (family, cells) in FAMILIES.iter().zip(&mut sink.shard.families) {
            let folded = totals.folded.get(family.name).copied().unwrap_or_default();
            cells.folded = cells.folded.saturating_add(folded);
        }
        drop(sink);
        let mut reporters = lock(&self.reporters);
        for reporter in &totals.reporters {
            reporters.restore(reporter, age, now);
        }
        drop(reporters);
        self.mark_changed();
        left_out.dedup();
        left_out
    }

    #[inline]
    fn sink(&self) -> ShardSink<'_> {
        let shard = lock(&self.shards[place() & (self.shards.len() - 1)]);
        ShardSink { shard, registry: &self.registry, reporters: &self.reporters }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock here can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of this thread among those that record.
#[inline]
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static PLACE: Cell<usize> = const { Cell::new(usize::MAX) });
    let place = PLACE.get();
    if place != usize::MAX {
        return place;
    }
    let place = NEXT.fetch_add(1, Ordering::Relaxed);
    PLACE.set(place);
    place
}

/// A part of everything recorded.
struct Shard {
    families: Box<[Cells]>,
    /// Batches that are in here and in no checkpoint yet.
    marks: Vec<BatchMark>,
}

impl Default for Shard {
    fn default() -> Self {
        Self { families: FAMILIES.iter().map(|spec| Cells::new(spec)).collect(), marks: Vec::new() }
    }
}

/// Records into a shard, which is locked for as long as this is held.
struct ShardSink<'a> {
    shard: MutexGuard<'a, Shard>,
    registry: &'a Registry,
    reporters: &'a Mutex<Reporters>,
}

impl Sink for ShardSink<'_> {
    #[inline]
    fn add_count(&mut self, family: FamilyId, key: &Key, combination: usize, amount: u64) {
        let cells = &mut self.shard.families[family.index()];
        let cell = cells.cell(family, key, combination, 1, self.registry);
        cells.counts[cell] = cells.counts[cell].saturating_add(amount);
    }

    #[inline]
    fn add_duration(&mut self, family: FamilyId, key: &Key, combination: usize, duration: Duration) {
        let cells = &mut self.shard.families[family.index()];
        let cell = cells.cell(family, key, combination, 1, self.registry);
        let bucket = cells.bounds.iter().position(|&bound| duration <= bound).unwrap_or(cells.bounds.len());
        cells.counts[cell * cells.stride + bucket] += 1;
        cells.nanoseconds[cell] = cells.nanoseconds[cell].saturating_add(duration.as_nanos());
    }

    fn set_connections(&mut self, reporter: &str, connections: u64) {
        lock(self.reporters).set(reporter, connections, Instant::now());
    }
}

impl ShardSink<'_> {
    /// Adds a series as it was somewhere else: its counts as they stand in a cell, and its durations.
    fn add(&mut self, family: FamilyId, key: &Key, combination: usize, counts: &[u64], nanoseconds: u128) {
        let cells = &mut self.shard.families[family.index()];
        let events = counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
        let cell = cells.cell(family, key, combination, events, self.registry);
        for (count, more) in cells.counts[cell * cells.stride..].iter_mut().zip(counts) {
            *count = count.saturating_add(*more);
        }
        if let Some(sum) = cells.nanoseconds.get_mut(cell) {
            *sum = sum.saturating_add(nanoseconds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::event::{Label, MediaType, StreamRequest};

    fn watched(user: &str) -> Event<'_> {
        let duration = Duration::from_millis(100);
        let (user, media_type) = (Label::repaired(user), MediaType::Live);
        StreamRequest { user, media_type, duration_seconds: duration.into() }.into()
    }

    fn requests(families: &[Family]) -> (usize, f64) {
        let family = families.iter().find(|family| family.name == "playarr_stream_requests_total").unwrap();
        let playarr_jobs::metric::Points::Numbers(counts) = &family.points else { panic!() };
        (counts.len(), counts.iter().sum())
    }

    #[test]
    fn what_many_threads_record_adds_up_within_the_budget() {
        let recorder = Recorder::new(10);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let recorder = &recorder;
                scope.spawn(move || {
                    for number in 0..1_000 {
                        recorder.record(&watched(&format!("user-{}", (thread + number) % 100)));
                    }
                });
            }
        });
        let families = recorder.look(0, Instant::now());
        assert_eq!(requests(&families), (11, 8_000.0), "ten users and all others");
    }

    #[test]
    fn after_the_last_cut_no_batch_is_counted() {
        let recorder = Recorder::new(10);
        recorder.keep_marks(true);
        let mark = BatchMark { digest: 1, events: 1, at: 1 };
        assert!(recorder.record_all(&[watched("a")], Some(mark)));
        let (totals, marks) = recorder.cut(true, Instant::now());
        assert_eq!((totals.series.len(), marks), (2, vec![mark]));
        assert!(!recorder.record_all(&[watched("a")], Some(mark)));
        assert_eq!(recorder.cut(true, Instant::now()), (totals, vec![]));
    }

    #[test]
    fn marks_are_kept_for_those_only_who_cut() {
        let recorder = Recorder::new(10);
        let mark = BatchMark { digest: 1, events: 1, at: 1 };
        recorder.record_all(&[watched("a")], Some(mark));
        assert!(recorder.cut(false, Instant::now()).1.is_empty());
    }

    #[test]
    fn what_is_folded_is_told_in_events_also_when_it_was_counted_elsewhere() {
        let recorder = Recorder::new(1);
        recorder.absorb_http_requests("/metrics", "200", &[3, 1], 5);
        recorder.absorb_http_requests("/other", "200", &[0, 7], 5);
        let families = recorder.look(0, Instant::now());
        let folded =
            families.iter().find(|family| family.name == "playarr_metrics_live_folded_total").unwrap();
        let playarr_jobs::metric::Points::Numbers(counts) = &folded.points else { panic!() };
        assert_eq!(counts.iter().sum::<f64>(), 14.0, "seven requests, each in two families");
    }
}
