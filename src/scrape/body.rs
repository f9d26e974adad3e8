//! Joining the snapshot's page, which is rendered once per refresh, and the live part into the body of an answer.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use parking_lot::Mutex;
use playarr_jobs::metric::Family;
use playarr_jobs::refresh::{Published, SnapshotStore};

use super::snapshot_page::SnapshotPage;
use crate::exposition::{CompressionLevel, Format, deflate, gzip_trailer, render};
use crate::live::Live;
use crate::telemetry::Telemetry;

/// The time that a rendered live part serves further scrapes if nothing was recorded meanwhile.
///
/// The process's own readings change all the time; without this, a hundred scrapers at once would each render the same
/// few kilobytes again.
const LIVE_PART_AGE: Duration = Duration::from_millis(50);

/// A body up to this length, in bytes, is one frame: to copy it costs less than to send two frames.
const ONE_FRAME: usize = 128 << 10;

/// The bodies of scrapes, each from one consistent state.
pub(crate) struct Exposition {
    snapshots: Arc<SnapshotStore<SnapshotPage>>,
    live: Live,
    telemetry: Telemetry,
    current: ArcSwapOption<Joined>,
    joining: Mutex<()>,
}

/// The body of an answer: one frame or two, to be sent one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    /// Where the body is large, the snapshot, shared with every other answer.
    pub first: Option<Bytes>,
    /// The live part with what ends the exposition, after the snapshot where that is no frame of its own.
    ///
    /// In this order, because the end cannot be shared: gzip's checksum is of both parts, and `# EOF` of one format.
    pub last: Bytes,
    /// The length of the whole body, in bytes.
    pub length: usize,
}

impl Exposition {
    /// An exposition of these snapshots and live metrics.
    #[must_use]
    pub(crate) fn new(snapshots: Arc<SnapshotStore<SnapshotPage>>, live: Live, telemetry: Telemetry) -> Self {
        Self { snapshots, live, telemetry, current: ArcSwapOption::empty(), joining: Mutex::new(()) }
    }

    /// The answer to a scrape that began `now`.
    #[must_use]
    pub(crate) fn body(&self, format: Format, gzip: bool, now: Instant) -> Body {
        if let Some(current) = &*self.current.load()
            && self.is_fresh(current, now)
        {
            return current.body(format, gzip).clone();
        }
        self.join(now).body(format, gzip).clone()
    }

    /// The snapshot and the other families that a scrape which began `now` shows.
    #[must_use]
    pub(crate) fn parts(&self, now: Instant) -> (Arc<Published<SnapshotPage>>, Vec<Arc<Family>>) {
        let joined = self.join(now);
        (joined.published.clone(), joined.live.clone())
    }

    fn is_fresh(&self, joined: &Joined, now: Instant) -> bool {
        self.snapshots.is_current(&joined.published)
            && !self.live.has_changed()
            && !self.telemetry.has_changed()
            && now.saturating_duration_since(joined.gathered) < LIVE_PART_AGE
    }

    fn join(&self, now: Instant) -> Arc<Joined> {
        let _joining = self.joining.lock();
        // A scrape that waited here finds what the one before it has joined.
        if let Some(current) = self.current.load_full()
            && self.is_fresh(&current, now)
        {
            return current;
        }
        let joined = Arc::new(Joined {
            published: self.snapshots.load(),
            gathered: Instant::now(),
            live: {
                carry_scrapes(&self.telemetry, &self.live);
                self.live.gather().into_iter().chain(self.telemetry.gather()).map(Arc::new).collect()
            },
            bodies: Default::default(),
        });
        self.current.store(Some(joined.clone()));
        joined
    }
}

/// Records the scrapes answered since the last call as HTTP requests. They are not recorded one by one: each record
/// makes the next scrape render the live part again.
pub(crate) fn carry_scrapes(telemetry: &Telemetry, live: &Live) {
    let new = telemetry.scrapes().take_answered();
    live.record_http_requests("/metrics", "200", &new.buckets, new.nanoseconds);
}

/// A snapshot and the live families as gathered at one moment, with the bodies that were asked for so far.
struct Joined {
    published: Arc<Published<SnapshotPage>>,
    gathered: Instant,
    live: Vec<Arc<Family>>,
    /// By format, plain and compressed.
    bodies: [[OnceLock<Body>; 2]; Format::ALL.len()],
}

impl Joined {
    fn body(&self, format: Format, gzip: bool) -> &Body {
        self.bodies[format as usize][usize::from(gzip)].get_or_init(|| {
            let page = &self.published.prepared;
            let mut text = Vec::new();
            for family in &self.live {
                render(family, format, &mut text);
            }
            let (snapshot, live) = if gzip {
                let live = deflate(&[], &text, CompressionLevel::Live);
                let parts = [(&page.deflated, page.text.len()), (&live, text.len())];
                let trailer = gzip_trailer(parts, format.end());
                (&page.deflated.blocks, [&*live.blocks, &*trailer].concat())
            } else {
                text.extend_from_slice(format.end());
                (&page.text, text)
            };
            let length = snapshot.len() + live.len();
            if length <= ONE_FRAME {
                Body { first: None, last: [snapshot, &*live].concat().into(), length }
            } else {
                Body { first: Some(snapshot.clone()), last: live.into(), length }
            }
        })
    }
}
