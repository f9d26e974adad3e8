//! The families that tell of a snapshot and its collectors.

use std::time::SystemTime;

use playarr_jobs::metric::{Alert, Family, Kind, Level, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};
use playarr_jobs::refresh::{Collector, Snapshot};

/// All of them, in the order in which they are exposed.
pub(super) const SPECS: [&Spec; 8] =
    [&TAKEN_AT, &CONSISTENT, &LAG, &SUCCESS, &DURATION, &LAST_SUCCESS, &SERIES, &FOLDED];

static TAKEN_AT: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_snapshot_timestamp_seconds",
    "seconds since the Unix epoch",
    "When a refresh last brought new values, in seconds since the Unix epoch.",
)
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Seconds,
        "Age of the snapshot",
        "How long ago the oldest instance's last refresh brought new values. A refresh comes every 5 to 15 minutes.",
        &[("time() - min(playarr_metrics_snapshot_timestamp_seconds)", "age")],
    )
    .levels(&[(0.0, Level::Good), (1_000.0, Level::Warn), (2_000.0, Level::Bad)])],
    alerts: &[Alert {
        name: "PlayarrMetricsSnapshotStale",
        severity: Severity::Warning,
        hold: "2m",
        // Where no refresh ever succeeded, the age is that of the process.
        expr: "time() - (playarr_metrics_snapshot_timestamp_seconds or process_start_time_seconds)\n\
               > 2 * playarr_metrics_refresh_interval_seconds",
        summary: "The metrics of {{ $labels.instance }} are out of date.",
        description: "No refresh of {{ $labels.instance }} brought new values for {{ $value | humanizeDuration }}; \
                      gauges show what was counted then.",
    }],
    ..Monitoring::NONE
});

static CONSISTENT: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_refresh_consistent",
    "1 or 0",
    "Whether all queries of the last refresh read the database at one moment (1), as they do on a replica set, or each \
     when it came (0).",
);

static LAG: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_secondary_lag_seconds",
    "seconds",
    "How far the secondary of the replica set that is furthest behind was behind the primary at the last refresh; 0 \
     without secondaries. One beyond MAX_STALENESS is not read.",
);

static SUCCESS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_success",
    "1 or 0",
    "Whether the collector of a gauge succeeded in the last refresh (1) or not (0).",
)
.labels(&["collector"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::Count,
        "Failing collectors",
        "Gauges that could not be counted in the last refresh and show their last good values.",
        &[("count(playarr_metrics_collector_success == 0) or vector(0)", "failing")],
    )
    .levels(&[(0.0, Level::Good), (1.0, Level::Bad)])],
    alerts: &[Alert {
        name: "PlayarrMetricsCollectorFailing",
        severity: Severity::Warning,
        hold: "15m",
        expr: "playarr_metrics_collector_success == 0",
        summary: "{{ $labels.collector }} cannot be counted.",
        description: "The collector of {{ $labels.collector }} fails on {{ $labels.instance }}; the gauge shows its \
                      last good values.",
    }],
    ..Monitoring::NONE
});

static DURATION: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_duration_seconds",
    "seconds",
    "How long the collector of a gauge took in the last refresh.",
)
.labels(&["collector"]);

static LAST_SUCCESS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_last_success_timestamp_seconds",
    "seconds since the Unix epoch",
    "When the collector of a gauge last succeeded, in seconds since the Unix epoch.",
)
.labels(&["collector"]);

static SERIES: Spec =
    Spec::new(Kind::Gauge, "playarr_metrics_collector_series", "series", "Series that a gauge shows.")
        .labels(&["collector"])
        .monitoring(Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Table(&[Unit::YesNo, Unit::Seconds, Unit::Seconds, Unit::Count, Unit::Count]),
                Unit::Count,
                "Collectors",
                "Each gauge's collector: whether its last run succeeded, how long that took, how old its values are, \
                 how many series they make, and how many more the series budget folded into _other. Of several \
                 instances the worst.",
                &[
                    ("min by (collector) (playarr_metrics_collector_success)", "Success"),
                    ("max by (collector) (playarr_metrics_collector_duration_seconds)", "Took"),
                    ("time() - min by (collector) (playarr_metrics_collector_last_success_timestamp_seconds)", "Age"),
                    ("max by (collector) (playarr_metrics_collector_series)", "Series"),
                    ("max by (collector) (playarr_metrics_collector_folded_series)", "Folded"),
                ],
            )],
            ..Monitoring::NONE
        });

static FOLDED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_folded_series",
    "series",
    "Series of a gauge that the series budget folded into others.",
)
.labels(&["collector"])
.monitoring(Monitoring {
    alerts: &[Alert {
        name: "PlayarrMetricsGaugeSeriesFolded",
        severity: Severity::Info,
        hold: "15m",
        expr: "max by (job, collector) (playarr_metrics_collector_folded_series) > 0",
        summary: "{{ $labels.collector }} has more series than the series budget.",
        description: "{{ $value | humanize }} series of {{ $labels.collector }} are beyond the series budget and \
                      summed under _other.",
    }],
    ..Monitoring::NONE
});

/// What the service says about a snapshot: its age, and each collector's last run.
///
/// These are part of the snapshot, so that one response tells one story.
#[must_use]
pub(crate) fn snapshot_families(snapshot: &Snapshot) -> [Family; 8] {
    let collectors = |spec: &Spec, value: &dyn Fn(&Collector) -> Option<f64>| {
        let samples =
            snapshot.collectors.iter().filter_map(|collector| Some((vec![&*collector.name], value(collector)?)));
        Family::numbers(spec.name, spec.help, spec.kind, spec.labels, samples)
    };
    let consistent = snapshot.taken_at.map(|_| (Vec::<&str>::new(), f64::from(u8::from(snapshot.read.is_consistent))));
    let lag = snapshot.read.lags.iter().map(|lag| lag.lag).max().unwrap_or_default();
    let lag = snapshot.taken_at.map(|_| (Vec::<&str>::new(), lag.as_secs_f64()));
    let taken_at = snapshot.taken_at.map(|taken_at| (Vec::<&str>::new(), unix_seconds(taken_at.time())));
    [
        Family::numbers(TAKEN_AT.name, TAKEN_AT.help, TAKEN_AT.kind, TAKEN_AT.labels, taken_at),
        Family::numbers(CONSISTENT.name, CONSISTENT.help, CONSISTENT.kind, CONSISTENT.labels, consistent),
        Family::numbers(LAG.name, LAG.help, LAG.kind, LAG.labels, lag),
        collectors(&SUCCESS, &|collector| Some(f64::from(u8::from(collector.is_successful())))),
        collectors(&DURATION, &|collector| Some(collector.duration.as_secs_f64())),
        collectors(&LAST_SUCCESS, &|collector| collector.last_success.map(|success| unix_seconds(success.time()))),
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
