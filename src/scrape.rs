//! What a scrape is made of: the live part, rendered now, and the snapshot's page, rendered at its refresh.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use flate2::Compression;
use playarr_jobs::family::Family;
use playarr_jobs::snapshot::SnapshotStore;

use crate::exposition::{Deflated, Format, GZIP_HEADER, Page, deflate, gzip_trailer, render};
use crate::live::Live;

/// For how long a rendered live part serves further scrapes if nothing was recorded meanwhile.
///
/// Scrapes and the process's own readings change all the time; without this, a hundred scrapers at once would each
/// render the same few kilobytes again.
const LIVE_PART_AGE: Duration = Duration::from_millis(20);

/// Everything a scrape can get, from one consistent state.
pub struct Exposition {
    snapshots: Arc<SnapshotStore<Page>>,
    live: Live,
    rendered: ArcSwapOption<LivePart>,
    rendering: Mutex<()>,
}

/// The body of an answer: frames to be sent one after the other. The large one, the snapshot's, is shared.
#[derive(Clone, Debug)]
pub struct Body {
    /// The live part, the snapshot, and what ends them.
    pub frames: [Bytes; 3],
    /// The length of all frames, in bytes.
    pub length: usize,
}

impl Exposition {
    /// An exposition of these snapshots and live metrics.
    #[must_use]
    pub fn new(snapshots: Arc<SnapshotStore<Page>>, live: Live) -> Self {
        Self { snapshots, live, rendered: ArcSwapOption::empty(), rendering: Mutex::new(()) }
    }

    /// The answer to a scrape.
    #[must_use]
    pub fn body(&self, format: Format, gzip: bool) -> Body {
        let published = self.snapshots.load();
        let page = &published.prepared;
        let live = self.live_part();
        let live = live.rendered(format);
        let frames = if gzip {
            let deflated = live.deflated();
            let parts = [(deflated, live.text.len()), (&page.deflated, page.text.len())];
            let trailer = gzip_trailer(parts, format.end());
            [deflated.blocks.clone(), page.deflated.blocks.clone(), trailer.into()]
        } else {
            [live.text.clone(), page.text.clone(), Bytes::from_static(format.end())]
        };
        let length = frames.iter().map(Bytes::len).sum();
        Body { frames, length }
    }

    fn live_part(&self) -> Arc<LivePart> {
        if let Some(part) = self.fresh() {
            return part;
        }
        // Whoever comes second finds what the first has rendered.
        let _rendering = self.rendering.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = self.fresh() {
            return part;
        }
        let part = Arc::new(LivePart {
            gathered: Instant::now(),
            families: self.live.gather(),
            rendered: Default::default(),
        });
        self.rendered.store(Some(part.clone()));
        part
    }

    fn fresh(&self) -> Option<Arc<LivePart>> {
        let part = self.rendered.load();
        let part = part.as_ref()?;
        (part.gathered.elapsed() < LIVE_PART_AGE && !self.live.has_changed()).then(|| part.clone())
    }
}

/// The live families as gathered at one moment, rendered as far as somebody asked for it.
struct LivePart {
    gathered: Instant,
    families: Vec<Family>,
    rendered: [OnceLock<Rendered>; Format::ALL.len()],
}

struct Rendered {
    text: Bytes,
    deflated: OnceLock<Deflated>,
}

impl LivePart {
    fn rendered(&self, format: Format) -> &Rendered {
        self.rendered[format as usize].get_or_init(|| {
            let mut text = Vec::new();
            for family in &self.families {
                render(family, format, &mut text);
            }
            Rendered { text: text.into(), deflated: OnceLock::new() }
        })
    }
}

impl Rendered {
    /// The beginning of a gzip member: its header and the live part.
    fn deflated(&self) -> &Deflated {
        self.deflated.get_or_init(|| deflate(&GZIP_HEADER, &self.text, Compression::fast()))
    }
}
