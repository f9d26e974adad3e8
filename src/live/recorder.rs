//! Takes events from any thread, until somebody collects them.
//!
//! Threads record into shards of their own, so that they do not wait for each other.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::delta::{Delta, DeltaSink};
use super::event::{Event, FamilyId, LabelKey, SEPARATOR};
use super::series_budget::{Admissions, RecordedBy};

/// What was recorded in this process and not collected yet.
pub(super) struct Recorder {
    shards: Box<[CachePadded<Mutex<Delta>>]>,
}

impl Recorder {
    pub(super) fn new() -> Self {
        // More than there are cores: threads that come and go should rarely meet.
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let shards = (4 * cores).next_power_of_two().clamp(8, 64);
        Self { shards: (0..shards).map(|_| CachePadded::default()).collect() }
    }

    /// Records one event.
    #[inline]
    pub(super) fn record(&self, event: &Event<'_>, admissions: &Admissions) {
        self.with_sink(admissions, |sink| event.record_into(sink));
    }

    /// Records requests that were counted elsewhere, by bucket of their duration.
    pub(super) fn record_http_requests(
        &self,
        endpoint: &str,
        status: &str,
        buckets: &[u64],
        nanoseconds: u128,
        admissions: &Admissions,
    ) {
        let requests: u64 = buckets.iter().sum();
        // The time of a request may arrive later than its count.
        if requests == 0 && nanoseconds == 0 {
            return;
        }
        let mut key = LabelKey::new();
        key.push_str(endpoint);
        self.with_sink(admissions, |sink| {
            sink.add(FamilyId::HTTP_REQUEST_DURATION, &key, 0, buckets, nanoseconds);
            key.push(SEPARATOR);
            key.push_str(status);
            sink.add(FamilyId::HTTP_REQUESTS, &key, 0, &[requests], 0);
        });
    }

    /// Hands out everything that was recorded since the last call.
    pub(super) fn take(&self) -> Delta {
        let mut all = Delta::default();
        for shard in &self.shards {
            let mut shard = shard.lock();
            if !shard.is_empty() {
                let taken = std::mem::take(&mut *shard);
                drop(shard);
                all.merge(&taken);
            }
        }
        all
    }

    /// Puts back what was taken and could not be kept.
    pub(super) fn put_back(&self, delta: &Delta) {
        self.shards[0].lock().put_below(delta);
    }

    #[inline]
    fn with_sink(&self, admissions: &Admissions, record: impl FnOnce(&mut DeltaSink<'_>)) {
        let mut shard = self.shards[thread_number() & (self.shards.len() - 1)].lock();
        record(&mut shard.sink(admissions, RecordedBy::Service));
    }
}

/// The number of this thread among those that record.
#[inline]
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static NUMBER: Cell<usize> = const { Cell::new(usize::MAX) });
    let number = NUMBER.get();
    if number != usize::MAX {
        return number;
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    NUMBER.set(number);
    number
}
