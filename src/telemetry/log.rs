//! What the service says of its own log.

use playarr_jobs::metric::{Family, Kind, Spec};

use crate::logging::dropped_lines;

pub(super) static LINES_DROPPED: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_log_lines_dropped_total",
    "lines",
    "Log lines that were lost because stderr could not be written, or not fast enough.",
);

#[expect(clippy::cast_precision_loss, reason = "so many lines are never logged")]
pub(super) fn family() -> Family {
    let Spec { name, help, kind, .. } = LINES_DROPPED;
    Family::numbers::<&str>(name, help, kind, &[], [(vec![], dropped_lines() as f64)])
}
