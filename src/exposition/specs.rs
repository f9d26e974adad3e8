//! The families that tell of a snapshot and its collectors.

use playarr_jobs::family::Kind;
use playarr_jobs::hints::{Alert, Hints, Level, Panel, PanelKind, Section, Severity, Unit};

use crate::catalog::Spec;

/// All of them, in the order in which they are exposed.
pub(crate) const SPECS: [&Spec; 6] = [&TAKEN_AT, &SUCCESS, &DURATION, &LAST_SUCCESS, &SERIES, &FOLDED];

pub(super) static TAKEN_AT: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_snapshot_timestamp_seconds",
    "seconds since the Unix epoch",
    "When a refresh last brought new values, in seconds since the Unix epoch.",
)
.hints(Hints {
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
    ..Hints::NONE
});

pub(super) static SUCCESS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_success",
    "1 or 0",
    "Whether the collector of a gauge succeeded in the last refresh (1) or not (0).",
)
.labels(&["collector"])
.hints(Hints {
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
    ..Hints::NONE
});

pub(super) static DURATION: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_duration_seconds",
    "seconds",
    "How long the collector of a gauge took in the last refresh.",
)
.labels(&["collector"]);

pub(super) static LAST_SUCCESS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_last_success_timestamp_seconds",
    "seconds since the Unix epoch",
    "When the collector of a gauge last succeeded, in seconds since the Unix epoch.",
)
.labels(&["collector"]);

pub(super) static SERIES: Spec =
    Spec::new(Kind::Gauge, "playarr_metrics_collector_series", "series", "Series that a gauge shows.")
        .labels(&["collector"])
        .hints(Hints {
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
                    (
                        "time() - min by (collector) (playarr_metrics_collector_last_success_timestamp_seconds)",
                        "Age",
                    ),
                    ("max by (collector) (playarr_metrics_collector_series)", "Series"),
                    ("max by (collector) (playarr_metrics_collector_folded_series)", "Folded"),
                ],
            )],
            ..Hints::NONE
        });

pub(super) static FOLDED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_collector_folded_series",
    "series",
    "Series of a gauge that the series budget folded into others.",
)
.labels(&["collector"])
.hints(Hints {
    alerts: &[Alert {
        name: "PlayarrMetricsGaugeSeriesFolded",
        severity: Severity::Info,
        hold: "15m",
        expr: "max by (job, collector) (playarr_metrics_collector_folded_series) > 0",
        summary: "{{ $labels.collector }} has more series than the series budget.",
        description: "{{ $value | humanize }} series of {{ $labels.collector }} are beyond the series budget and \
                      summed under _other.",
    }],
    ..Hints::NONE
});
