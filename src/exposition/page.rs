//! The snapshot's part of an exposition, made ready once per refresh.

use std::time::SystemTime;

use bytes::Bytes;
use flate2::Compression;
use playarr_jobs::family::Family;
use playarr_jobs::snapshot::{Collector, Snapshot};

use super::deflate::GZIP_HEADER;
use super::specs::{DURATION, FOLDED, LAST_SUCCESS, SERIES, SUCCESS, TAKEN_AT};
use super::{Deflated, Format, deflate, render};
use crate::catalog::Spec;

/// A snapshot's gauges and how they were collected, as text and compressed.
///
/// Both formats share it: it holds gauges only, and they read the same in both.
#[derive(Clone, Debug)]
pub struct Page {
    /// The text.
    pub text: Bytes,
    /// The text compressed: the beginning of a gzip member.
    pub deflated: Deflated,
}

impl Page {
    /// Renders a snapshot. Takes about a tenth of a second for each 100,000 series.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let mut text = Vec::new();
        for family in snapshot.collectors.iter().filter_map(|collector| collector.family.as_deref()) {
            render(family, Format::Text, &mut text);
        }
        for family in service_families(snapshot) {
            render(&family, Format::Text, &mut text);
        }
        text.shrink_to_fit();
        let deflated = deflate(&GZIP_HEADER, &text, Compression::default());
        Self { text: text.into(), deflated }
    }
}

/// What the service says about a snapshot: its age, and each collector's last run.
///
/// These are part of the snapshot, so that one response tells one story.
#[must_use]
pub fn service_families(snapshot: &Snapshot) -> [Family; 6] {
    let collectors = |spec: &Spec, value: &dyn Fn(&Collector) -> Option<f64>| {
        let samples = snapshot
            .collectors
            .iter()
            .filter_map(|collector| Some((vec![&*collector.name], value(collector)?)));
        Family::numbers(spec.name, spec.help, spec.kind, spec.labels, samples)
    };
    let taken_at = snapshot.taken_at.map(|taken_at| (Vec::<&str>::new(), unix_seconds(taken_at)));
    [
        Family::numbers(TAKEN_AT.name, TAKEN_AT.help, TAKEN_AT.kind, TAKEN_AT.labels, taken_at),
        collectors(&SUCCESS, &|collector| Some(f64::from(u8::from(collector.is_successful())))),
        collectors(&DURATION, &|collector| Some(collector.duration.as_secs_f64())),
        collectors(&LAST_SUCCESS, &|collector| collector.last_success.map(unix_seconds)),
        collectors(&SERIES, &|collector| Some(count(collector.series()))),
        collectors(&FOLDED, &|collector| Some(count(collector.folded))),
    ]
}

/// Seconds since the Unix epoch, to the millisecond.
fn unix_seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    (since.as_secs_f64() * 1000.0).round() / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "no memory holds 2^53 series")]
fn count(number: usize) -> f64 {
    number as f64
}
