//! What the service says of its build and its refreshes.

use std::time::Duration;

use playarr_jobs::metric::{Alert, Kind, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};
use playarr_jobs::refresh::{Report, Trigger};
use prometheus::{Gauge, GaugeVec, Histogram, IntCounterVec, Registry};

use super::gathered::{histogram_opts, opts, register};

/// The families that are registered here.
pub(super) const SPECS: [&Spec; 6] =
    [&BUILD_INFO, &REFRESH_INTERVAL, &CHANGES_NOTICED, &LEADER, &REFRESHES, &REFRESH_DURATION];

static BUILD_INFO: Spec =
    Spec::new(Kind::Gauge, "playarr_metrics_build_info", "always 1", "Which build of the service this is; always 1.")
        .labels(&["version", "revision", "rustc"])
        .monitoring(Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Table(&[Unit::Count]),
                Unit::Count,
                "Instances",
                "Which build each instance is of, and how many of it run.",
                &[("count by (instance, version, revision, rustc) (playarr_metrics_build_info)", "Instances")],
            )],
            alerts: &[Alert {
                name: "PlayarrMetricsDown",
                severity: Severity::Critical,
                hold: "5m",
                // The second part fires where Prometheus has no such job, or knows it by another name.
                expr: "up{job=\"playarr\"} == 0 or on () absent(playarr_metrics_build_info)",
                summary: "The metrics of Playarr cannot be scraped.",
                description: "Prometheus cannot scrape {{ with $labels.instance }}{{ . }}{{ else }}any instance of \
                      playarr-metrics{{ end }}; nothing is known of Playarr meanwhile.",
            }],
            ..Monitoring::NONE
        });

static REFRESH_INTERVAL: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_refresh_interval_seconds",
    "seconds",
    "Interval between scheduled refreshes, without jitter.",
);

static CHANGES_NOTICED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_change_detection",
    "1 or 0",
    "Whether changes in the database are noticed within seconds (1), or show with the next scheduled refresh (0).",
);

static LEADER: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_refresh_leader",
    "1 or 0",
    "Whether this instance refreshes (1), for all instances on the database or by itself, or shows the snapshots of \
     the one that does (0).",
);

static REFRESHES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_refresh_total",
    "refreshes",
    "Refreshes by what set them off; a success is one in which every collector succeeded.",
)
.labels(&["trigger", "status"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Bars,
        Unit::Count,
        "Refreshes",
        "Refreshes of the snapshot in the time shown, by what set them off and how they ended.",
        &[("sum by (trigger, status) (increase(playarr_metrics_refresh_total[$__range]))", "{{trigger}} {{status}}")],
    )],
    ..Monitoring::NONE
});

static REFRESH_DURATION: Spec =
    Spec::new(Kind::Histogram, "playarr_metrics_refresh_duration_seconds", "seconds", "How long refreshes took.")
        .bounds(&[0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0])
        .monitoring(Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Lines,
                Unit::Seconds,
                "Time of a refresh",
                "The mean of the refreshes of the last half hour, and how long each collector took in its last one.",
                &[
                    (
                        "sum by (instance) (increase(playarr_metrics_refresh_duration_seconds_sum[30m]))\n\
                 / sum by (instance) (increase(playarr_metrics_refresh_duration_seconds_count[30m]))",
                        "refresh {{instance}}",
                    ),
                    ("max by (collector) (playarr_metrics_collector_duration_seconds)", "{{collector}}"),
                ],
            )],
            ..Monitoring::NONE
        });

/// Counts refreshes.
pub(crate) struct ServiceMetrics {
    refresh_interval: Gauge,
    changes_noticed: Gauge,
    leader: Gauge,
    refreshes: IntCounterVec,
    refresh_duration: Histogram,
}

impl ServiceMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let build = register(registry, GaugeVec::new(opts(&BUILD_INFO), BUILD_INFO.labels)?)?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION"), env!("BUILD_REVISION"), env!("BUILD_RUSTC")]).set(1.0);
        let refresh_interval = register(registry, Gauge::with_opts(opts(&REFRESH_INTERVAL))?)?;
        let changes_noticed = register(registry, Gauge::with_opts(opts(&CHANGES_NOTICED))?)?;
        let leader = register(registry, Gauge::with_opts(opts(&LEADER))?)?;
        let refreshes = register(registry, IntCounterVec::new(opts(&REFRESHES), REFRESHES.labels)?)?;
        for trigger in Trigger::ALL {
            for status in ["success", "failure"] {
                refreshes.with_label_values(&[trigger.as_str(), status]);
            }
        }
        let refresh_duration = register(registry, Histogram::with_opts(histogram_opts(&REFRESH_DURATION))?)?;
        Ok(Self { refresh_interval, changes_noticed, leader, refreshes, refresh_duration })
    }

    /// Sets the interval between scheduled refreshes.
    pub(crate) fn scheduled_every(&self, interval: Duration) {
        self.refresh_interval.set(interval.as_secs_f64());
    }

    /// Sets whether changes in the database are noticed.
    pub(crate) fn changes_noticed(&self, are_noticed: bool) {
        self.changes_noticed.set(f64::from(u8::from(are_noticed)));
    }

    /// Sets whether this instance refreshes.
    pub(crate) fn leads(&self, leads: bool) {
        self.leader.set(f64::from(u8::from(leads)));
    }

    /// Records a refresh.
    pub(crate) fn refreshed(&self, report: &Report) {
        let status = if report.is_success() { "success" } else { "failure" };
        self.refreshes.with_label_values(&[report.trigger.as_str(), status]).inc();
        self.refresh_duration.observe(report.duration.as_secs_f64());
    }
}
