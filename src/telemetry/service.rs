//! What the service tells about itself: refreshes and scrapes.

use std::time::Duration;

use playarr_jobs::metric::{Alert, Kind, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};
use playarr_jobs::refresh::{Report, Trigger};
use prometheus::{Gauge, GaugeVec, Histogram, IntCounterVec, Registry};

use super::gathered::{histogram_opts, opts, register};
use super::scrapes::{HTTP_BUCKETS, Scrapes};
use crate::exposition::Format;

/// What is registered here.
pub(super) const SPECS: [&Spec; 5] =
    [&BUILD_INFO, &REFRESH_INTERVAL, &REFRESHES, &REFRESH_DURATION, &SCRAPE_FAILURES];

static BUILD_INFO: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_build_info",
    "always 1",
    "Which build of the service this is; always 1.",
)
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
        // The second part tells that Prometheus does not even try: it has no such job, or knows it by another name.
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
    "How far apart scheduled refreshes are, jitter aside.",
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
        &[(
            "sum by (trigger, status) (increase(playarr_metrics_refresh_total[$__range]))",
            "{{trigger}} {{status}}",
        )],
    )],
    ..Monitoring::NONE
});

static REFRESH_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_metrics_refresh_duration_seconds",
    "seconds",
    "How long refreshes took.",
)
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

static SCRAPE_FAILURES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_scrape_failures_total",
    "scrapes",
    "Scrapes refused, by reason.",
)
.labels(&["reason"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Refused scrapes",
        "Scrapes that got no exposition, per minute, by reason.",
        &[(
            "60 * sum by (reason) (rate(playarr_metrics_scrape_failures_total[$__rate_interval]))",
            "{{reason}}",
        )],
    )],
    alerts: &[Alert {
        name: "PlayarrMetricsScrapesRefused",
        severity: Severity::Warning,
        hold: "10m",
        expr: "sum by (job, instance, reason) (increase(playarr_metrics_scrape_failures_total\
               {reason=~\"missing_token|wrong_token|token_unknown\"}[10m])) > 0",
        summary: "Somebody scrapes {{ $labels.instance }} without a valid token.",
        description: "{{ $labels.instance }} refused {{ $value | humanize }} scrapes in the last 10 minutes: \
                      {{ $labels.reason }}.",
    }],
    ..Monitoring::NONE
});

/// Why a scrape got no exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrapeFailure {
    /// No `Authorization: Bearer` header, or a malformed one.
    MissingToken,
    /// Another token than the one that counts.
    WrongToken,
    /// The token was never read from the database.
    TokenUnknown,
    /// Too many scrapes at once.
    TooMany,
}

impl ScrapeFailure {
    const ALL: [Self; 4] = [Self::MissingToken, Self::WrongToken, Self::TokenUnknown, Self::TooMany];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
            Self::TokenUnknown => "token_unknown",
            Self::TooMany => "too_many",
        }
    }
}

/// The service's own metrics.
pub struct Service {
    refresh_interval: Gauge,
    refreshes: IntCounterVec,
    refresh_duration: Histogram,
    scrapes: Scrapes,
    scrape_failures: IntCounterVec,
}

impl Service {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let build = register(registry, GaugeVec::new(opts(&BUILD_INFO), BUILD_INFO.labels)?)?;
        build
            .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("BUILD_REVISION"), env!("BUILD_RUSTC")])
            .set(1.0);
        let refresh_interval = register(registry, Gauge::with_opts(opts(&REFRESH_INTERVAL))?)?;
        let refreshes = register(registry, IntCounterVec::new(opts(&REFRESHES), REFRESHES.labels)?)?;
        for trigger in Trigger::ALL {
            for status in ["success", "failure"] {
                refreshes.with_label_values(&[trigger.as_str(), status]);
            }
        }
        let refresh_duration = register(registry, Histogram::with_opts(histogram_opts(&REFRESH_DURATION))?)?;
        let scrapes = register(registry, Scrapes::new()?)?;
        let scrape_failures =
            register(registry, IntCounterVec::new(opts(&SCRAPE_FAILURES), SCRAPE_FAILURES.labels)?)?;
        for reason in ScrapeFailure::ALL {
            scrape_failures.with_label_values(&[reason.as_str()]);
        }
        Ok(Self { refresh_interval, refreshes, refresh_duration, scrapes, scrape_failures })
    }

    /// Tells how far apart scheduled refreshes are.
    pub fn scheduled_every(&self, interval: Duration) {
        self.refresh_interval.set(interval.as_secs_f64());
    }

    /// Records a refresh.
    pub fn refreshed(&self, report: &Report) {
        let status = if report.is_success() { "success" } else { "failure" };
        self.refreshes.with_label_values(&[report.trigger.as_str(), status]).inc();
        self.refresh_duration.observe(report.duration.as_secs_f64());
    }

    /// Records a scrape that got its exposition. Does not count as a change: it shows when something else does, or
    /// after a moment.
    pub fn scraped(&self, format: Format, duration: Duration) {
        self.scrapes.record(format, duration);
    }

    pub(super) fn scrape_refused(&self, failure: ScrapeFailure) {
        self.scrape_failures.with_label_values(&[failure.as_str()]).inc();
    }

    /// The scrapes since the last call, by bucket of [`crate::live::HTTP`], and the nanoseconds they took.
    pub fn new_scrapes(&self) -> ([u64; HTTP_BUCKETS], u128) {
        self.scrapes.take_new()
    }
}
