//! What the service tells of its checkpoints.

use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::service::register;

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
pub struct Durability {
    saves: IntCounterVec,
    last_success: Gauge,
    restore: IntGaugeVec,
}

impl Durability {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let saves = register(
            registry,
            IntCounterVec::new(
                Opts::new(
                    "playarr_metrics_checkpoint_saves_total",
                    "Checkpoints of the live metrics, by whether the database took them.",
                ),
                &["status"],
            )?,
        )?;
        for status in ["success", "failure"] {
            saves.with_label_values(&[status]);
        }
        let last_success = register(
            registry,
            Gauge::new(
                "playarr_metrics_checkpoint_last_success_timestamp_seconds",
                "When the live metrics were last saved; 0 before the first time.",
            )?,
        )?;
        let restore = register(
            registry,
            IntGaugeVec::new(
                Opts::new(
                    "playarr_metrics_checkpoint_restore",
                    "What became of the last run's live metrics at the start of this one: 1 for what did.",
                ),
                &["outcome"],
            )?,
        )?;
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

    /// Records what became of the last run's checkpoint.
    pub fn restored(&self, outcome: RestoreOutcome) {
        for other in RestoreOutcome::ALL {
            self.restore.with_label_values(&[other.as_str()]).set(i64::from(other == outcome));
        }
    }
}
