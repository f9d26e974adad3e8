//! What happens in the library: streams, the cache, synchronisations and jobs, as counted from live events.

use playarr_jobs::metric::Histogram;
use playarr_jobs::refresh::JOB_NAME;
use serde::Serialize;

use super::families::{Families, whole};
use super::top::{Top, amounts};

/// How many users, providers and jobs are shown one by one.
const MOST: usize = 10;

/// What was counted so far, over restarts.
#[derive(Debug, Serialize)]
pub struct Activity {
    /// Whether there is anything that others reported: the service's own job runs from the start.
    pub any: bool,
    /// Requested streams by user.
    pub streams: Top<Count>,
    /// How long they took to start, by media type.
    pub durations: Vec<Durations>,
    /// Whether the cache had what was asked for.
    pub cache: Cache,
    /// Synchronisations by provider, those with failures first.
    pub syncs: Top<Outcomes>,
    /// Jobs by kind, those with failures first.
    pub jobs: Top<Outcomes>,
}

amounts! {
    /// How often.
    Count {
        /// So often.
        count,
    } first |it| (it.count, 0);

    /// How pieces of work ended.
    Outcomes {
        /// As they should.
        success,
        /// Otherwise.
        failure,
    } first |it| (it.failure, it.success);
}

/// Durations of one media type.
#[derive(Debug, PartialEq, Serialize)]
pub struct Durations {
    /// Which.
    pub media_type: String,
    /// How many there were.
    pub count: u64,
    /// Half of them were shorter; none without any.
    pub p50: Option<Quantile>,
    /// 95 of 100 were shorter; none without any.
    pub p95: Option<Quantile>,
}

/// A duration estimated from buckets.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Quantile {
    /// How long.
    pub seconds: f64,
    /// Longer than that, by how much is not known.
    pub at_least: bool,
}

/// Cache operations.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Cache {
    /// The cache had it.
    pub hits: u64,
    /// It had not.
    pub misses: u64,
}

impl Activity {
    pub(super) fn of(families: &Families<'_>) -> Self {
        let streams = families.numbers("playarr_stream_requests_total", ["user"]);
        let durations = families.histograms("playarr_stream_request_duration_seconds", ["media_type"]);
        let syncs = families.numbers("playarr_provider_sync_total", ["provider_id", "status"]);
        let jobs = families.numbers("playarr_job_executions_total", ["job_type", "status"]);
        let mut cache = Cache { hits: 0, misses: 0 };
        for ([operation], count) in families.numbers("playarr_cache_operations_total", ["operation"]) {
            *(if operation == "hit" { &mut cache.hits } else { &mut cache.misses }) += whole(count);
        }
        let streams = Top::of(MOST, streams.map(|([user], count)| (user, Count { count: whole(count) })));
        let syncs = Top::of(MOST, syncs.map(outcomes));
        let jobs = Top::of(MOST, jobs.map(outcomes));
        let any = streams.members > 0
            || cache.hits + cache.misses > 0
            || syncs.members > 0
            || jobs.shown.iter().any(|job| job.name != JOB_NAME);
        let durations =
            durations.map(|([media_type], histogram)| Durations::of(media_type, histogram)).collect();
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

impl Durations {
    fn of(media_type: &str, histogram: &Histogram) -> Self {
        Self {
            media_type: media_type.to_owned(),
            count: histogram.count,
            p50: quantile(0.5, histogram),
            p95: quantile(0.95, histogram),
        }
    }
}

/// As Prometheus' `histogram_quantile`: the observations of a bucket are taken to lie evenly between its bounds.
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
