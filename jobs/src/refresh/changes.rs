//! Notices changes in the database and refreshes what they concern.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::update::{ChangeDetection, UpdateMetricsJob};
use super::writes::LookError;

/// How often the database is asked whether anything changed.
const INTERVAL: Duration = Duration::from_secs(2);

/// How often it is asked again after it refused to say.
const INTERVAL_WHERE_REFUSED: Duration = Duration::from_secs(600);

/// Refreshes, for ever, what has changed: the first time when a refresh has ended. What the database refuses to say is
/// logged once. Tells `noticed` whether changes are noticed, each time that this changes.
pub async fn watch_changes<P: Send + Sync + 'static>(job: UpdateMetricsJob<P>, noticed: impl Fn(bool) + Send) {
    if job.ended().changed().await.is_err() {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match job.refresh_changed().await {
            Ok(()) => {
                if job.set_change_detection(ChangeDetection::On) != ChangeDetection::On {
                    noticed(true);
                    tracing::info!("changes in the database are noticed and show within seconds");
                }
            }
            // The log says so elsewhere.
            Err(LookError::Away(error)) => tracing::debug!(%error, "the database cannot be asked for changes"),
            Err(LookError::Refused(reason)) => {
                let refused = ChangeDetection::Refused { reason: reason.clone() };
                if !matches!(job.set_change_detection(refused), ChangeDetection::Refused { .. }) {
                    noticed(false);
                    tracing::warn!(
                        reason,
                        "changes in the database are not noticed, only scheduled refreshes show them"
                    );
                }
                tokio::time::sleep(INTERVAL_WHERE_REFUSED).await;
            }
        }
    }
}
