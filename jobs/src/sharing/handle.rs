//! What an instance does beside its refreshes: it looks at the lease, and follows whoever holds it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Database;
use parking_lot::Mutex;
use tokio::time::{sleep, timeout};

use super::requests::is_pending;
use super::state::{RequestOutcome, SharingState};
use crate::database::Health;
use crate::lease::{InstanceRole, LOOK_INTERVAL, Lease, LeaseView};
use crate::refresh::{Bonds, Progress, RefreshError, Scope, Trigger, UpdateMetricsJob};
use crate::remembered::Remembered;

/// How long the first refresh waits until it is known whether another instance refreshes, if nothing is shown yet.
const FIRST_LOOK_TIME: Duration = Duration::from_millis(500);

/// What binds this instance to the others. Clones are handles to the same.
pub struct Sharing<P> {
    pub(super) inner: Arc<SharingState<P>>,
}

impl<P> Clone for Sharing<P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

/// Binds a job to the other instances on its database. Nothing happens before [`Sharing::keep`]. `steps` is told of
/// refreshes elsewhere that were asked for here.
pub fn bind<P: Send + Sync + 'static>(
    job: UpdateMetricsJob<P>,
    database: &Database,
    health: Health,
    remembered: Remembered,
    steps: impl Fn(&Progress) + Send + Sync + 'static,
) -> Sharing<P> {
    let lease = Lease::new(database, health.clone());
    let (recalled, shared) = (remembered.clone(), remembered.clone());
    job.bind(Bonds {
        lease: lease.clone(),
        recall: Box::new(move || {
            let remembered = recalled.clone();
            Box::pin(async move { remembered.last().await })
        }),
        share: Box::new(move |published, report, moment| {
            let remembered = shared.clone();
            Box::pin(async move { remembered.share(published, report, moment).await })
        }),
    });
    let (steps, asked, carried) = (Box::new(steps), Mutex::default(), Mutex::default());
    Sharing { inner: Arc::new(SharingState { job, lease, remembered, health, steps, asked, carried }) }
}

impl<P: Send + Sync + 'static> Sharing<P> {
    /// The lease.
    #[must_use]
    pub fn lease(&self) -> &Lease {
        &self.inner.lease
    }

    /// Shows the snapshot of before the start, then looks at the lease for ever, and follows whoever holds it.
    pub async fn keep(&self) {
        let state = &self.inner;
        let mut view = self.first_look().await;
        // Since when a snapshot of the holder is expected.
        let mut expected = None;
        loop {
            let pause = match view.filter(|view| !view.is_over) {
                Some(view) if view.holder == state.lease.own() => {
                    state.job.hand_on().await;
                    state.carry_out(&view);
                    LOOK_INTERVAL
                }
                Some(view) if state.lacks(&view) => state.catch_up(&view, &mut expected).await,
                Some(_) => {
                    expected = None;
                    LOOK_INTERVAL
                }
                None => LOOK_INTERVAL,
            };
            sleep(pause).await;
            view = state.lease.look(state.job.generation()).await;
        }
    }

    /// Shows the snapshot of before the start, and looks at the lease. If that takes long and there is
    /// nothing to show, the first refresh does not wait for it.
    async fn first_look(&self) -> Option<LeaseView> {
        let state = &self.inner;
        let mut look = pin!(async {
            tokio::join!(state.job.restore(), state.lease.settle());
            state.lease.look(state.job.generation()).await
        });
        if let Ok(view) = timeout(FIRST_LOOK_TIME, &mut look).await {
            return view;
        }
        if state.job.generation() == 0 {
            state.lease.set_unreached();
        }
        look.await
    }

    /// Refreshes, or has the instance that does so refresh, and returns the report. Whoever asks meanwhile joins.
    ///
    /// # Errors
    /// When the refresh ended without a report, or the other instance could not be asked.
    pub async fn refresh(&self, scope: Scope) -> RequestOutcome {
        if !self.follows() {
            return self.inner.job.refresh_in(scope, Trigger::Manual).await;
        }
        let mut answer = self.inner.ask(scope);
        let answer = answer.wait_for(Option::is_some).await.map_err(|_| RefreshError::Ended)?;
        answer.clone().unwrap_or(Err(RefreshError::Ended))
    }

    /// As [`Sharing::refresh`], without waiting for it.
    pub fn start(&self, scope: Scope) {
        if self.follows() {
            self.inner.ask(scope);
        } else {
            self.inner.job.start(scope, Trigger::Manual);
        }
    }

    /// Whether a refresh is running here that has not published its snapshot yet, or one that was asked for here is not
    /// answered yet.
    #[must_use]
    pub fn is_refreshing(&self) -> bool {
        let is_asked = self.inner.asked.lock().as_ref().is_some_and(|(_, answer)| is_pending(answer));
        is_asked || self.inner.job.is_refreshing()
    }

    fn follows(&self) -> bool {
        matches!(self.inner.lease.role(), InstanceRole::Follower { .. })
    }

    /// Gives the lease back. Nothing is published after that.
    pub async fn stop(&self) {
        if let Err(error) = self.inner.lease.give_back().await {
            tracing::debug!(%error, "the lease could not be given back; it ends with its time");
        }
    }
}
