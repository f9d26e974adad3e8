//! What happens in the library: streams, the cache, synchronisations and jobs, counted from live events.

use playarr_jobs::metric::Histogram;
use playarr_jobs::refresh::JOB_NAME;
use serde::Serialize;

use super::directory::Directory;
use super::families::{Families, whole};
use super::ranking::{Amount, Ranking};

/// The numbers of users, providers and jobs with a bar of their own.
const MAX_SHOWN: usize = 10;

/// The totals of the live metrics.
#[derive(Debug, Serialize)]
pub(crate) struct Activity {
    /// Whether anything was reported, apart from the service's own job.
    pub(crate) any: bool,
    /// Requested streams by user.
    pub(crate) streams: Ranking<OccurrenceCount>,
    /// Times until streams started, by media type.
    pub(crate) durations: Vec<DurationSummary>,
    /// Cache operations.
    pub(crate) cache: Cache,
    /// Synchronisations by provider, those with most failures first.
    pub(crate) syncs: Ranking<Outcomes>,
    /// Jobs by kind, those with most failures first.
    pub(crate) jobs: Ranking<Outcomes>,
}

/// A number of occurrences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct OccurrenceCount {
    /// The number.
    pub(crate) count: u64,
}

/// Outcomes of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Outcomes {
    /// Succeeded.
    pub(crate) success: u64,
    /// Failed.
    pub(crate) failure: u64,
}

impl Amount for OccurrenceCount {
    fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
    }

    fn rank(&self) -> (u64, u64) {
        (self.count, 0)
    }
}

impl Amount for Outcomes {
    fn add(&mut self, other: &Self) {
        self.success = self.success.saturating_add(other.success);
        self.failure = self.failure.saturating_add(other.failure);
    }

    fn rank(&self) -> (u64, u64) {
        (self.failure, self.success)
    }
}

/// DurationSummary of one media type.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct DurationSummary {
    /// `movies`, `tvshows` or `live`.
    pub(crate) media_type: String,
    /// The number of observations.
    pub(crate) count: u64,
    /// The median; `None` without observations.
    pub(crate) p50: Option<Quantile>,
    /// The 95th percentile; `None` without observations.
    pub(crate) p95: Option<Quantile>,
}

/// A duration estimated from buckets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Quantile {
    /// The estimate, in seconds.
    pub(crate) seconds: f64,
    /// It lies beyond the last bucket: `seconds` is only a lower bound.
    pub(crate) at_least: bool,
}

/// Cache operations.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Cache {
    /// Answered from the cache.
    pub(crate) hits: u64,
    /// Not answered from the cache.
    pub(crate) misses: u64,
}

impl Activity {
    pub(super) fn of(families: &Families<'_>, directory: &Directory) -> Self {
        let streams = families.numbers("playarr_stream_requests_total", ["user"]);
        let durations = families.histograms("playarr_stream_request_duration_seconds", ["media_type"]);
        let syncs = families.numbers("playarr_provider_sync_total", ["provider_id", "status"]);
        let jobs = families.numbers("playarr_job_executions_total", ["job_type", "status"]);
        let mut cache = Cache { hits: 0, misses: 0 };
        for ([operation], count) in families.numbers("playarr_cache_operations_total", ["operation"]) {
            let sum = if operation == "hit" { &mut cache.hits } else { &mut cache.misses };
            *sum = sum.saturating_add(whole(count));
        }
        let streams = streams.map(|([user], count)| (user, OccurrenceCount { count: whole(count) }));
        let streams = Ranking::of(MAX_SHOWN, streams);
        let syncs = Ranking::of_providers(MAX_SHOWN, directory, syncs.map(outcomes));
        let jobs = Ranking::of(MAX_SHOWN, jobs.map(outcomes));
        let any = streams.members > 0
            || cache.hits.saturating_add(cache.misses) > 0
            || syncs.total.rank() > (0, 0)
            || jobs.shown.iter().any(|job| job.name != JOB_NAME);
        let durations = durations.map(|([media_type], histogram)| DurationSummary::of(media_type, histogram)).collect();
        Self { any, streams, durations, cache, syncs, jobs }
    }
}

fn outcomes(([name, status], count): ([&str; 2], f64)) -> (&str, Outcomes) {
    let count = whole(count);
    match status {
        "success" => (name, Outcomes { success: count, failure: 0 }),
        _ => (name, Outcomes { success: 0, failure: count }),
    }
}

impl DurationSummary {
    fn of(media_type: &str, histogram: &Histogram) -> Self {
        Self {
            media_type: media_type.to_owned(),
            count: histogram.count,
            p50: quantile(0.5, histogram),
            p95: quantile(0.95, histogram),
        }
    }
}

/// As Prometheus' `histogram_quantile`: assumes that the observations of a bucket lie evenly between its bounds.
#[expect(clippy::cast_precision_loss, reason = "counts below 2^53")]
fn quantile(q: f64, histogram: &Histogram) -> Option<Quantile> {
    if histogram.count == 0 {
        return None;
    }
    let rank = q * histogram.count as f64;
    let (mut lower, mut below) = (0.0, 0);
    for &(upper, count) in &histogram.buckets {
        if count as f64 >= rank {
            let part = (rank - below as f64) / (count - below) as f64;
            return Some(Quantile { seconds: lower + (upper - lower) * part, at_least: false });
        }
        (lower, below) = (upper, count);
    }
    Some(Quantile { seconds: lower, at_least: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_estimated_as_prometheus_does() {
        let histogram = |counts: [u64; 3], count| Histogram {
            buckets: vec![(0.1, counts[0]), (0.5, counts[1]), (1.0, counts[2])],
            sum: 0.0,
            count,
        };
        let exactly = |seconds| Some(Quantile { seconds, at_least: false });
        assert_eq!(quantile(0.5, &histogram([0, 0, 0], 0)), None);
        assert_eq!(quantile(0.5, &histogram([4, 4, 4], 4)), exactly(0.05));
        assert_eq!(quantile(0.5, &histogram([1, 3, 4], 4)), exactly(0.1 + 0.4 * 0.5));
        assert_eq!(quantile(0.5, &histogram([2, 2, 4], 4)), exactly(0.1));
        let beyond = Quantile { seconds: 1.0, at_least: true };
        assert_eq!(quantile(0.95, &histogram([1, 3, 4], 5)), Some(beyond));
    }
}
