//! The log lines of a refresh.

use std::collections::BTreeMap;
use std::time::Instant;

use futures_util::future::join_all;

use super::report::{Report, Trigger};
use crate::database::{DatabaseError, Health};
use crate::metric::Text;

/// A collector that failed.
pub(super) struct Failure {
    /// Its name.
    pub(super) collector: Text,
    /// Why, in words.
    pub(super) message: String,
    /// Why, if it was the database.
    pub(super) error: Option<DatabaseError>,
    /// Whether its last run failed in the same way.
    pub(super) is_known: bool,
}

/// Logs one line for a refresh that began at `started`, and one for each thing that went wrong: what fails every
/// collector in the same way is one line. An outage is logged elsewhere, once, so what it explains is for debugging.
pub(super) async fn log_refresh(report: &Report, failures: &[Failure], health: &Health, started: Instant) {
    let explained = join_all(failures.iter().map(|failure| async {
        match &failure.error {
            Some(error) => health.explains(error, started).await,
            None => false,
        }
    }));
    let mut by_message: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
    let is_by_change = report.trigger == Trigger::Change;
    for (failure, is_explained) in failures.iter().zip(explained.await) {
        if is_by_change && failure.is_known {
            continue;
        }
        by_message.entry((is_explained, &failure.message)).or_default().push(&failure.collector);
    }
    let mut is_outage = false;
    for ((is_explained, error), collectors) in &by_message {
        let collectors = collectors.join(",");
        if *is_explained {
            is_outage = true;
            tracing::debug!(collectors, error, "collectors failed in an outage, their last good values stay");
        } else {
            tracing::warn!(collectors, error, "collectors failed, their last good values stay");
        }
    }
    let series = report.collectors.iter().map(|collector| collector.series).sum::<usize>();
    let folded = report.collectors.iter().map(|collector| collector.folded).sum::<usize>();
    // In the form of JSON, a wider number would be a text.
    let duration_ms = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX);
    // The level of a line is fixed when the program is compiled.
    macro_rules! log {
        ($level:ident) => {
            tracing::$level!(
                generation = report.generation,
                trigger = %report.trigger,
                duration_ms,
                collectors = report.collectors.len(),
                failed = failures.len(),
                series,
                folded,
                "refreshed"
            )
        };
    }
    if is_outage || is_by_change { log!(debug) } else { log!(info) }
}
