//! Scrapes by format and duration, recorded with two additions to memory.
//!
//! A counter and a histogram of the `prometheus` crate take five, and could disagree for a moment. The gain is small,
//! about half a percent at a hundred thousand scrapes a second; counted once, both families always agree.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use playarr_jobs::metric::{Kind, Monitoring, Panel, PanelKind, Section, Spec, Unit};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Counter, Histogram, LabelPair, Metric, MetricFamily, MetricType};

use crate::exposition::Format;
use crate::live::HTTP;

/// What is counted here.
pub(super) const SPECS: [&Spec; 2] = [&SCRAPES, &DURATION];

static SCRAPES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_scrapes_total",
    "scrapes",
    "Scrapes answered with an exposition, by format.",
)
.labels(&["format"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Scrapes",
        "Scrapes answered per minute, by format.",
        &[("60 * sum by (format) (rate(playarr_metrics_scrapes_total[$__rate_interval]))", "{{format}}")],
    )],
    ..Monitoring::NONE
});

static DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_metrics_scrape_duration_seconds",
    "seconds",
    "How long scrapes took, from the request to the last byte handed to the connection.",
)
.bounds(&[
    0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Lines,
        Unit::Seconds,
        "Time of a scrape",
        "How long all but a twentieth of the scrapes took at most, to the last byte handed to the connection.",
        &[(
            "histogram_quantile(0.95, sum by (instance, le) \
             (rate(playarr_metrics_scrape_duration_seconds_bucket[$__rate_interval])))",
            "p95 {{instance}}",
        )],
    )],
    ..Monitoring::NONE
});

/// The bounds of the buckets, in microseconds: those of HTTP requests, and before them some more, since a scrape takes
/// less than most.
const BOUNDS: [u64; 3 + HTTP.len()] = [
    100, 500, 1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];
/// How many buckets HTTP requests have, the one without a bound included.
pub const HTTP_BUCKETS: usize = HTTP.len() + 1;
const FORMATS: usize = Format::ALL.len();

#[derive(Clone)]
pub(super) struct Scrapes {
    counts: Arc<Counts>,
    scrapes: Desc,
    duration: Desc,
}

#[derive(Default)]
struct Counts {
    /// By bucket (the last has no bound) and format.
    scrapes: [[AtomicU64; FORMATS]; BOUNDS.len() + 1],
    /// The sum of the durations, in nanoseconds: enough for 584 years.
    nanoseconds: AtomicU64,
    /// What was taken over into the HTTP requests already, by bucket, and its nanoseconds.
    taken: Mutex<([u64; BOUNDS.len() + 1], u64)>,
}

impl Scrapes {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        Ok(Self { counts: Arc::default(), scrapes: desc(&SCRAPES)?, duration: desc(&DURATION)? })
    }

    pub(super) fn record(&self, format: Format, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanoseconds <= bound * 1_000).unwrap_or(BOUNDS.len());
        self.counts.scrapes[bucket][format as usize].fetch_add(1, Ordering::Relaxed);
        self.counts.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// The scrapes since the last call, by bucket of HTTP requests, and the nanoseconds they took.
    pub(super) fn take_new(&self) -> ([u64; HTTP_BUCKETS], u128) {
        let mut taken = self.counts.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let (taken_scrapes, taken_nanoseconds) = &mut *taken;
        let mut new = [0; HTTP_BUCKETS];
        for (bucket, (formats, taken)) in self.counts.scrapes.iter().zip(taken_scrapes).enumerate() {
            let scrapes = formats.iter().map(|count| count.load(Ordering::Relaxed)).sum();
            new[bucket.saturating_sub(BOUNDS.len() - HTTP.len())] += scrapes - *taken;
            *taken = scrapes;
        }
        let nanoseconds = self.counts.nanoseconds.load(Ordering::Relaxed);
        let new_nanoseconds = nanoseconds - *taken_nanoseconds;
        *taken_nanoseconds = nanoseconds;
        (new, new_nanoseconds.into())
    }
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a double")]
impl Collector for Scrapes {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.scrapes, &self.duration]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let scrapes = self
            .counts
            .scrapes
            .each_ref()
            .map(|formats| formats.each_ref().map(|n| n.load(Ordering::Relaxed)));
        let by_format = Format::ALL.map(|format| {
            let mut label = LabelPair::default();
            label.set_name("format".to_owned());
            label.set_value(format.as_str().to_owned());
            let mut counter = Counter::default();
            counter.set_value(scrapes.iter().map(|formats| formats[format as usize]).sum::<u64>() as f64);
            let mut metric = Metric::from_label(vec![label]);
            metric.set_counter(counter);
            metric
        });

        let (mut buckets, mut count) = (Vec::new(), 0);
        for (position, formats) in scrapes.iter().enumerate() {
            count += formats.iter().sum::<u64>();
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(BOUNDS.get(position).map_or(f64::INFINITY, |&bound| bound as f64 / 1e6));
            bucket.set_cumulative_count(count);
            buckets.push(bucket);
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_count(count);
        histogram.set_sample_sum(self.counts.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9);
        let mut durations = Metric::default();
        durations.set_histogram(histogram);

        vec![
            family(&self.scrapes, MetricType::COUNTER, by_format.into()),
            family(&self.duration, MetricType::HISTOGRAM, vec![durations]),
        ]
    }
}

fn desc(spec: &Spec) -> Result<Desc, prometheus::Error> {
    let labels = spec.labels.iter().map(|&label| label.to_owned()).collect();
    Desc::new(spec.name.to_owned(), spec.help.to_owned(), labels, Default::default())
}

fn family(desc: &Desc, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_of_scrapes_end_in_those_of_http_requests() {
        let shared = &BOUNDS[BOUNDS.len() - HTTP.len()..];
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let seconds: Vec<_> = shared.iter().map(|&bound| bound as f64 / 1e6).collect();
        assert_eq!(seconds, HTTP);
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let all: Vec<_> = BOUNDS.iter().map(|&bound| bound as f64 / 1e6).collect();
        assert_eq!(all, DURATION.bounds);
    }

    #[test]
    fn each_scrape_is_taken_over_once() {
        let scrapes = Scrapes::new().unwrap();
        for micros in [50, 400, 3_000, 6_000, 40_000_000] {
            scrapes.record(Format::Text, Duration::from_micros(micros));
        }
        let (new, nanoseconds) = scrapes.take_new();
        assert_eq!((new[0], new[1], new[HTTP_BUCKETS - 1], new.iter().sum::<u64>()), (3, 1, 1, 5));
        assert_eq!(nanoseconds, 40_009_450_000);
        assert_eq!(scrapes.take_new(), ([0; HTTP_BUCKETS], 0));
    }
}
