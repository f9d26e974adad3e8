//! What an instance knows of the others, and how it shows the snapshots of the one that refreshes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::database::Health;
use crate::lease::{LOOK_INTERVAL, Lease, LeaseView};
use crate::refresh::{Progress, RefreshError, Report, Scope, UpdateMetricsJob};
use crate::remembered::{RememberError, Remembered};

/// How often a follower looks for a snapshot whose number is given out.
const EXPECTED_INTERVAL: Duration = Duration::from_millis(200);

/// How long a follower does so, before it looks at the usual interval again.
const EXPECTED_TIME: Duration = Duration::from_secs(3);

/// How long the snapshot of the holder may be missing or unreadable before a follower refreshes by itself.
const MISSING_TIME: Duration = Duration::from_secs(10);

/// What came of a request for a refresh.
pub(super) type RequestOutcome = Result<Arc<Report>, RefreshError>;

/// A request that waits for its answer.
pub(super) type PendingAnswer = watch::Receiver<Option<RequestOutcome>>;

pub(super) struct SharingState<P> {
    pub(super) job: UpdateMetricsJob<P>,
    pub(super) lease: Lease,
    pub(super) remembered: Remembered,
    pub(super) health: Health,
    /// What this instance shows of refreshes elsewhere that were asked for here.
    pub(super) steps: Box<dyn Fn(&Progress) + Send + Sync>,
    /// What was asked for here last.
    pub(super) asked: Mutex<Option<(Scope, PendingAnswer)>>,
    /// The refresh for others that began last.
    pub(super) carried: Mutex<Option<JoinHandle<()>>>,
}

impl<P: Send + Sync + 'static> SharingState<P> {
    /// Whether the holder has, or is about to have, a later snapshot than the last one of a holder that was shown here.
    pub(super) fn lacks(&self, view: &LeaseView) -> bool {
        self.job.given_generation().is_none_or(|shown| shown < view.generation)
    }

    /// Shows the last snapshot of the holder, if it is there. Returns when to look again.
    pub(super) async fn catch_up(&self, view: &LeaseView, expected: &mut Option<Instant>) -> Duration {
        let problem = match self.remembered.later_than(self.job.given_generation()).await {
            Ok(Some(shared)) => {
                if self.job.adopt(shared).await {
                    *expected = None;
                    self.lease.set_unusable(None).await;
                }
                return LOOK_INTERVAL;
            }
            Ok(None) => format!("the snapshot number {} of the instance that refreshes is not there", view.generation),
            Err(RememberError::Database(error)) => {
                tracing::debug!(%error, "the snapshot of another instance could not be read");
                return LOOK_INTERVAL;
            }
            Err(error) => error.to_string(),
        };
        let since = expected.get_or_insert_with(Instant::now).elapsed();
        // In an outage, nothing could be counted either.
        if since >= MISSING_TIME && self.health.outage().is_none() {
            self.lease.set_unusable(Some(problem)).await;
        }
        if since < EXPECTED_TIME { EXPECTED_INTERVAL } else { LOOK_INTERVAL }
    }
}
