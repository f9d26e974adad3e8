//! What the service tells of its checkpoints.

use std::time::{SystemTime, UNIX_EPOCH};

use playarr_jobs::metric::{Kind, Monitoring, Panel, PanelKind, Section, Spec, Unit};
use prometheus::{Gauge, IntCounterVec, IntGaugeVec, Registry};

use super::gathered::{opts, register};

/// What is registered here.
pub(super) const SPECS: [&Spec; 3] = [&SAVES, &LAST_SUCCESS, &RESTORE];

static SAVES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_checkpoint_saves_total",
    "checkpoints",
    "Checkpoints of the live metrics, by whether the database took them.",
)
.labels(&["status"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Checkpoints",
        "How often per minute the live metrics are saved, and whether the database took them. What was not saved is \
         lost at a restart.",
        &[(
            "60 * sum by (status) (rate(playarr_metrics_checkpoint_saves_total[$__rate_interval]))",
            "{{status}}",
        )],
    )],
    ..Monitoring::NONE
});

static LAST_SUCCESS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_checkpoint_last_success_timestamp_seconds",
    "seconds since the Unix epoch",
    "When the live metrics were last saved; 0 before the first time.",
);

static RESTORE: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_checkpoint_restore",
    "1 or 0",
    "What became of the last run's live metrics at the start of this one: 1 for what did.",
)
.labels(&["outcome"]);

/// What became of the last run's checkpoint at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestoreOutcome {
    /// Counting goes on where it stopped.
    Restored,
    /// There was none; counting starts from 0.
    Absent,
    /// There was one that cannot be used; counting starts from 0.
    Damaged,
    /// The database does not let us keep one; counting starts from 0 at every start.
    Refused,
}

impl RestoreOutcome {
    const ALL: [Self; 4] = [Self::Restored, Self::Absent, Self::Damaged, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Absent => "absent",
            Self::Damaged => "damaged",
            Self::Refused => "refused",
        }
    }
}

/// Records what becomes of checkpoints.
pub struct CheckpointMetrics {
    saves: IntCounterVec,
    last_success: Gauge,
    restore: IntGaugeVec,
}

impl CheckpointMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let saves = register(registry, IntCounterVec::new(opts(&SAVES), SAVES.labels)?)?;
        for status in ["success", "failure"] {
            saves.with_label_values(&[status]);
        }
        let last_success = register(registry, Gauge::with_opts(opts(&LAST_SUCCESS))?)?;
        let restore = register(registry, IntGaugeVec::new(opts(&RESTORE), RESTORE.labels)?)?;
        for outcome in RestoreOutcome::ALL {
            restore.with_label_values(&[outcome.as_str()]);
        }
        Ok(Self { saves, last_success, restore })
    }

    /// Records a save.
    pub fn saved(&self, is_success: bool) {
        self.saves.with_label_values(&[if is_success { "success" } else { "failure" }]).inc();
        if is_success {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.last_success.set(now.as_secs_f64());
        }
    }

    /// Records whether the checkpoint of the last run was restored.
    pub fn restored(&self, outcome: RestoreOutcome) {
        for other in RestoreOutcome::ALL {
            self.restore.with_label_values(&[other.as_str()]).set(i64::from(other == outcome));
        }
    }
}
