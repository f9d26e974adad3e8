//! What the service tells of how it keeps live metrics.

use std::time::Duration;

use playarr_jobs::metric::{Alert, Kind, Monitoring, Panel, PanelKind, Section, Severity, Spec, Unit};
use prometheus::{Gauge, Histogram, IntCounterVec, Registry};

use super::gathered::{histogram_opts, opts, register};

/// What is registered here.
pub(super) const SPECS: [&Spec; 4] = [&COMMITS, &COMMIT_DURATION, &BATCHES, &UNCOMMITTED];

static COMMITS: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_live_commits_total",
    "commits",
    "Commits of the live metrics to the journal in MongoDB, by whether they succeeded.",
)
.labels(&["status"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Commits",
        "How often per minute live metrics are committed to the journal in MongoDB, and whether it took them. What is \
         not committed does not show.",
        &[("60 * sum by (status) (rate(playarr_metrics_live_commits_total[$__rate_interval]))", "{{status}}")],
    )],
    ..Monitoring::NONE
});

static COMMIT_DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_metrics_live_commit_duration_seconds",
    "seconds",
    "How long commits of the live metrics took that succeeded.",
)
.bounds(&[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0]);

static BATCHES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_live_batches_total",
    "batches",
    "Batches of events, by outcome: kept, kept before (sent again), or not known to be kept.",
)
.labels(&["outcome"]);

static UNCOMMITTED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_live_uncommitted_seconds",
    "seconds",
    "For how long live metrics have waited that could not be committed; 0 if none wait.",
)
.monitoring(Monitoring {
    alerts: &[Alert {
        name: "PlayarrMetricsLiveNotCommitted",
        severity: Severity::Warning,
        hold: "1m",
        expr: "playarr_metrics_live_uncommitted_seconds > 300",
        summary: "Live metrics have not been committed for more than five minutes.",
        description: "What {{ $labels.instance }} counted in the last {{ $value | humanizeDuration }} is not in \
                      MongoDB and does not show. Other processes keep their events and send them again. A restart of \
                      the service loses what it counted itself.",
    }],
    ..Monitoring::NONE
});

/// Records how live metrics are kept.
pub(crate) struct JournalMetrics {
    commits: IntCounterVec,
    commit_duration: Histogram,
    batches: IntCounterVec,
    uncommitted: Gauge,
}

impl JournalMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let commits = register(registry, IntCounterVec::new(opts(&COMMITS), COMMITS.labels)?)?;
        for status in ["success", "failure"] {
            commits.with_label_values(&[status]);
        }
        let batches = register(registry, IntCounterVec::new(opts(&BATCHES), BATCHES.labels)?)?;
        for outcome in ["recorded", "repeated", "failed"] {
            batches.with_label_values(&[outcome]);
        }
        Ok(Self {
            commits,
            commit_duration: register(registry, Histogram::with_opts(histogram_opts(&COMMIT_DURATION))?)?,
            batches,
            uncommitted: register(registry, Gauge::with_opts(opts(&UNCOMMITTED))?)?,
        })
    }

    /// Records a commit that succeeded.
    pub(crate) fn committed(&self, duration: Duration) {
        self.commits.with_label_values(&["success"]).inc();
        self.commit_duration.observe(duration.as_secs_f64());
    }

    /// Records a commit that failed.
    pub(crate) fn failed(&self) {
        self.commits.with_label_values(&["failure"]).inc();
    }

    /// Records batches, by outcome.
    pub(crate) fn batches(&self, recorded: usize, repeated: usize, failed: usize) {
        for (outcome, batches) in [("recorded", recorded), ("repeated", repeated), ("failed", failed)] {
            if batches > 0 {
                self.batches.with_label_values(&[outcome]).inc_by(batches as u64);
            }
        }
    }

    /// Records for how long something has waited that could not be committed.
    pub(crate) fn uncommitted(&self, duration: Duration) {
        self.uncommitted.set(duration.as_secs_f64());
    }
}
