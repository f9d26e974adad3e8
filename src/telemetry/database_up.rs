//! What the service says of MongoDB.

use playarr_jobs::database::Health;
use playarr_jobs::metric::{Alert, Family, Kind, Level, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};

pub(super) static UP: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_database_up",
    "1 or 0",
    "Whether MongoDB answers this instance (1) or is known not to (0).",
)
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Overview,
        PanelKind::Stat,
        Unit::YesNo,
        "MongoDB answers",
        "Whether MongoDB answers. Of several instances the worst.",
        &[("min(playarr_metrics_database_up)", "answers")],
    )
    .levels(&[(0.0, Level::Bad), (1.0, Level::Good)])],
    alerts: &[Alert {
        name: "PlayarrMetricsDatabaseDown",
        severity: Severity::Critical,
        hold: "5m",
        expr: "playarr_metrics_database_up == 0",
        summary: "MongoDB does not answer {{ $labels.instance }}.",
        description: "{{ $labels.instance }} has had no answer from MongoDB for five minutes; gauges show what was \
                      counted before. Playarr uses the same database.",
    }],
    ..Monitoring::NONE
});

/// The family as of now. Reads without writes, as a replica set without a primary allows, are answers.
pub(super) fn family(health: &Health) -> Family {
    let up = if health.outage().is_none() { 1.0 } else { 0.0 };
    Family::numbers::<&str>(UP.name, UP.help, UP.kind, &[], [(vec![], up)])
}
