//! Families of the `prometheus` crate to families of our model.

use playarr_jobs::metric::{Column, Family, Histogram, Kind, Points, Spec};
use prometheus::core::Collector;
use prometheus::proto::{Metric, MetricFamily, MetricType};
use prometheus::{HistogramOpts, Opts, Registry};

/// Registers a collector of the `prometheus` crate.
pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// The options of a gauge or a counter.
pub(super) fn opts(spec: &Spec) -> Opts {
    Opts::new(spec.name, spec.help)
}

/// The options of a histogram.
pub(super) fn histogram_opts(spec: &Spec) -> HistogramOpts {
    HistogramOpts::new(spec.name, spec.help).buckets(spec.bounds.to_vec())
}

/// The family in our model; none for the types we never register (summary, untyped).
pub(super) fn family(gathered: &MetricFamily) -> Option<Family> {
    let metrics = gathered.get_metric();
    let numbers = |value: fn(&Metric) -> f64| Points::Numbers(metrics.iter().map(value).collect());
    let (kind, points) = match gathered.get_field_type() {
        MetricType::COUNTER => (Kind::Counter, numbers(|metric| metric.get_counter().get_value())),
        MetricType::GAUGE => (Kind::Gauge, numbers(|metric| metric.get_gauge().get_value())),
        MetricType::HISTOGRAM => (Kind::Histogram, Points::Histograms(metrics.iter().map(histogram).collect())),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    let names = metrics.first().map(Metric::get_label).unwrap_or_default();
    let mut columns: Vec<_> = names.iter().map(|pair| Column::new(pair.name().to_owned())).collect();
    for metric in metrics {
        for (column, pair) in columns.iter_mut().zip(metric.get_label()) {
            column.push(pair.value());
        }
    }
    Some(Family {
        name: gathered.name().to_owned().into(),
        help: gathered.help().to_owned().into(),
        kind,
        columns,
        points,
    })
}

fn histogram(metric: &Metric) -> Histogram {
    let histogram = metric.get_histogram();
    let buckets = histogram.get_bucket().iter();
    Histogram {
        buckets: buckets
            .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
            .filter(|(bound, _)| bound.is_finite())
            .collect(),
        sum: histogram.get_sample_sum(),
        count: histogram.get_sample_count(),
    }
}
