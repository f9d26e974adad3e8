//! What the service tells of the snapshots that it remembers.

use playarr_jobs::metric::{Kind, Spec};
use playarr_jobs::remembered::History;
use prometheus::{Gauge, Registry};

use super::gathered::{opts, register};

/// What is registered here.
pub(super) const SPECS: [&Spec; 3] = [&BYTES, &SNAPSHOTS, &REMEMBERED];

static BYTES: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_history_bytes",
    "bytes",
    "Size of the remembered snapshots of the history in MongoDB, compressed; HISTORY_MAX_BYTES limits it.",
);

static SNAPSHOTS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_history_snapshots",
    "snapshots",
    "Remembered snapshots of the history in MongoDB: one an hour for two days and one a day for a year.",
);

static REMEMBERED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_snapshot_remembered",
    "1 or 0",
    "Whether the snapshot that is shown is in MongoDB, for other instances and the next process, and snapshots can be \
     remembered.",
);

/// Shows what is remembered.
pub(crate) struct HistoryMetrics {
    bytes: Gauge,
    snapshots: Gauge,
    remembered: Gauge,
}

impl HistoryMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let bytes = register(registry, Gauge::with_opts(opts(&BYTES))?)?;
        let snapshots = register(registry, Gauge::with_opts(opts(&SNAPSHOTS))?)?;
        let remembered = register(registry, Gauge::with_opts(opts(&REMEMBERED))?)?;
        remembered.set(1.0);
        Ok(Self { bytes, snapshots, remembered })
    }

    /// Shows what is known of the history, and whether the present snapshot has been handed on.
    #[expect(clippy::cast_precision_loss, reason = "no history has 2^53 bytes")]
    pub(crate) fn show(&self, history: &History, is_handed_on: bool) {
        self.bytes.set(history.bytes as f64);
        self.snapshots.set(history.heads.len() as f64);
        self.remembered.set(if history.problem.is_none() && is_handed_on { 1.0 } else { 0.0 });
    }
}
