//! What the service says of custom metrics.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use playarr_jobs::metric::{Alert, Family, Kind, Level, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};

/// The families.
pub(super) const SPECS: [&Spec; 1] = [&PAUSED];

static PAUSED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_custom_metric_paused",
    "1 or 0",
    "Whether a custom metric is paused, since it failed in three refreshes in a row (1), or runs (0).",
)
.labels(&["custom_metric"])
.monitoring(Monitoring {
    panels: &[
        Panel::new(
            Section::Custom,
            PanelKind::Stat,
            Unit::Count,
            "Paused custom metrics",
            "Custom metrics that failed in three refreshes in a row. They show their last good values and are tried \
             again each hour.",
            &[("count(max by (custom_metric) (playarr_metrics_custom_metric_paused) == 1) or vector(0)", "paused")],
        )
        .levels(&[(0.0, Level::Good), (1.0, Level::Warn)]),
        Panel::new(
            Section::Custom,
            PanelKind::Lines,
            Unit::Count,
            "Custom metrics",
            "The 50 largest series of all gauges that admins defined.",
            &[("topk(50, {__name__=~\"playarr_custom_.+\"})", "__auto")],
        ),
    ],
    alerts: &[Alert {
        name: "PlayarrMetricsCustomMetricPaused",
        severity: Severity::Info,
        hold: "15m",
        expr: "max by (job, custom_metric) (playarr_metrics_custom_metric_paused) == 1",
        summary: "{{ $labels.custom_metric }} is paused.",
        description: "The custom metric {{ $labels.custom_metric }} failed in three refreshes in a row and shows its \
                      last good values. The page of custom metrics says why.",
    }],
    ..Monitoring::NONE
});

/// Which custom metrics are paused.
#[derive(Default)]
pub(crate) struct CustomMetricGauges {
    paused: Mutex<BTreeMap<String, bool>>,
}

impl CustomMetricGauges {
    /// Shows these custom metrics, each with whether it is paused, and no others.
    pub(crate) fn show<'a>(&self, metrics: impl IntoIterator<Item = (&'a str, bool)>) {
        *self.paused.lock() = metrics.into_iter().map(|(name, is_paused)| (name.to_owned(), is_paused)).collect();
    }

    /// The family as of now. It is there without any custom metric as well.
    pub(super) fn family(&self) -> Family {
        let paused = self.paused.lock();
        let samples = paused.iter().map(|(name, &is_paused)| (vec![name.as_str()], f64::from(u8::from(is_paused))));
        Family::numbers(PAUSED.name, PAUSED.help, PAUSED.kind, PAUSED.labels, samples)
    }
}
