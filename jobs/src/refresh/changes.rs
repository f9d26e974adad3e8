//! Notices changes in the database and refreshes what they concern.

use std::time::{Duration, Instant};

use tokio::time::MissedTickBehavior;

use super::update::{ChangeDetection, UpdateMetricsJob};
use super::writes::LookError;
use crate::database::Backoff;

/// How often the database is asked whether anything changed.
const INTERVAL: Duration = Duration::from_secs(2);

/// The pause before it is asked again after it refused to say; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// How long it may take until the driver asks the new primary after another one has stepped down.
const ELECTION_TIME: Duration = Duration::from_secs(10);

/// Refreshes, for ever, what has changed: the first time when a refresh has ended. What the database refuses to say is
/// logged once. Tells `noticed` whether changes are noticed, each time that this changes.
pub async fn watch_changes<P: Send + Sync + 'static>(job: UpdateMetricsJob<P>, noticed: impl Fn(bool) + Send) {
    if job.ended().changed().await.is_err() {
        return;
    }
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refusals = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    // Since when no primary has answered.
    let mut not_primary: Option<Instant> = None;
    let refuse = |reason: String| {
        let refused = ChangeDetection::Refused { reason: reason.clone() };
        if !matches!(job.set_change_detection(refused), ChangeDetection::Refused { .. }) {
            noticed(false);
            tracing::warn!(reason, "changes in the database are not noticed, only scheduled refreshes show them");
        }
    };
    loop {
        ticks.tick().await;
        let outcome = job.refresh_changed().await;
        if !matches!(outcome, Err(LookError::NotPrimary)) {
            not_primary = None;
        }
        match outcome {
            Ok(()) => {
                refusals.reset();
                if job.set_change_detection(ChangeDetection::On) != ChangeDetection::On {
                    noticed(true);
                    tracing::info!("changes in the database are noticed and show within seconds");
                }
            }
            // The log says so elsewhere.
            Err(LookError::Away(error)) => tracing::debug!(%error, "the database cannot be asked for changes"),
            Err(error @ LookError::NotPrimary) => {
                if not_primary.get_or_insert_with(Instant::now).elapsed() >= ELECTION_TIME {
                    refuse(error.to_string());
                }
            }
            Err(LookError::Refused(reason)) => {
                refuse(reason);
                tokio::time::sleep(refusals.fail()).await;
            }
        }
    }
}
