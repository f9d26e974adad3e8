//! What a scrape is made of: the snapshot's page, rendered at its refresh, and the live part, rendered now.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use flate2::Compression;
use playarr_jobs::metric::Family;
use playarr_jobs::refresh::{Published, SnapshotStore};

use super::page::Page;
use crate::exposition::{Format, deflate, gzip_trailer, render};
use crate::live::Live;
use crate::telemetry::Telemetry;

/// For how long a rendered live part serves further scrapes if nothing was recorded meanwhile.
///
/// Scrapes and the process's own readings change all the time; without this, a hundred scrapers at once would each
/// render the same few kilobytes again.
const LIVE_PART_AGE: Duration = Duration::from_millis(50);

/// Everything a scrape can get, from one consistent state.
pub struct Exposition {
    snapshots: Arc<SnapshotStore<Page>>,
    live: Live,
    telemetry: Telemetry,
    current: ArcSwapOption<Joined>,
    joining: Mutex<()>,
}

/// The body of an answer: two frames, to be sent one after the other.
#[derive(Clone, Debug)]
pub struct Body {
    /// The snapshot, shared with every other answer, and the live part with what ends the exposition.
    ///
    /// In this order, because the end cannot be shared: gzip's checksum is of both parts, and `# EOF` of one format.
    pub frames: [Bytes; 2],
    /// The length of both frames, in bytes.
    pub length: usize,
}

impl Exposition {
    /// An exposition of these snapshots and live metrics.
    #[must_use]
    pub fn new(snapshots: Arc<SnapshotStore<Page>>, live: Live, telemetry: Telemetry) -> Self {
        Self { snapshots, live, telemetry, current: ArcSwapOption::empty(), joining: Mutex::new(()) }
    }

    /// The answer to a scrape that began `now`.
    #[must_use]
    pub fn body(&self, format: Format, gzip: bool, now: Instant) -> Body {
        if let Some(current) = &*self.current.load()
            && self.is_fresh(current, now)
        {
            return current.body(format, gzip).clone();
        }
        self.join(now).body(format, gzip).clone()
    }

    fn is_fresh(&self, joined: &Joined, now: Instant) -> bool {
        self.snapshots.is_current(&joined.published)
            && !self.live.has_changed()
            && !self.telemetry.has_changed()
            && now.saturating_duration_since(joined.gathered) < LIVE_PART_AGE
    }

    fn join(&self, now: Instant) -> Arc<Joined> {
        let _joining = self.joining.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever comes second finds what the first has joined.
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
                [self.live.gather(), self.telemetry.gather()].concat()
            },
            bodies: Default::default(),
        });
        self.current.store(Some(joined.clone()));
        joined
    }
}

/// Records the scrapes since the last call as HTTP requests. They are the one kind of which there may be a hundred
/// thousand a second, so they are counted in a few atomics of their own and carried over when somebody gathers.
pub fn carry_scrapes(telemetry: &Telemetry, live: &Live) {
    let (buckets, nanoseconds) = telemetry.service().new_scrapes();
    live.record_http_requests("/metrics", "200", &buckets, nanoseconds);
}

/// A snapshot and the live families as gathered at one moment, made into bodies as far as somebody asked for them.
struct Joined {
    published: Arc<Published<Page>>,
    gathered: Instant,
    live: Vec<Family>,
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
            let frames = if gzip {
                let live = deflate(&[], &text, Compression::fast());
                let parts = [(&page.deflated, page.text.len()), (&live, text.len())];
                let trailer = gzip_trailer(parts, format.end());
                [page.deflated.blocks.clone(), [&*live.blocks, &*trailer].concat().into()]
            } else {
                text.extend_from_slice(format.end());
                [page.text.clone(), text.into()]
            };
            let length = frames.iter().map(Bytes::len).sum();
            Body { frames, length }
        })
    }
}
