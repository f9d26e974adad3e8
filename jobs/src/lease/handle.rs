//! The lease as one instance sees it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::Document;
use mongodb::bson::oid::ObjectId;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::document::{LEASE_TIME, LeaseView};
use super::error::LeaseError;
use super::role::InstanceRole;
use super::store::{LeaseClaim, LeaseStore};
use crate::database::{Backoff, DatabaseError, Health};

/// How often an instance looks at the lease.
pub const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// How often the holder renews it.
const RENEWAL: Duration = Duration::from_secs(3);

/// How long, and how often, a new instance looks whether the collection is there.
const SETTLE_TIME: Duration = Duration::from_secs(1);
const SETTLE_INTERVAL: Duration = Duration::from_millis(50);

/// The pause before an instance that could not write the lease tries again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);

/// The lease. Clones are handles to the same one.
#[derive(Clone)]
pub struct Lease {
    inner: Arc<LeaseState>,
}

struct LeaseState {
    store: LeaseStore,
    health: Health,
    /// The random id of this process.
    own: String,
    role: watch::Sender<InstanceRole>,
    /// Held while the lease is looked at or written.
    turn: tokio::sync::Mutex<LeaseTurn>,
    facts: Mutex<Document>,
}

struct LeaseTurn {
    held: Option<HeldLease>,
    /// The highest fence that was seen.
    fence: i64,
    attempts: Backoff,
    /// Why the snapshots of the holder cannot be shown, if so.
    unusable: Option<String>,
    /// Whether this instance stops.
    is_ended: bool,
}

#[derive(Clone, Copy)]
struct HeldLease {
    fence: i64,
    renewed: Instant,
}

/// What an instance may do with what it has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// Publish it for all, under this number.
    Number(u64),
    /// Publish it by itself.
    Alone,
    /// Nothing: another instance refreshes.
    Lost,
    /// Nothing yet: the database does not say who refreshes.
    Unreached,
}

impl Lease {
    /// The lease of this database, which is not looked at yet. `health` explains failures that need no line in the log.
    #[must_use]
    pub fn new(database: &Database, health: Health) -> Self {
        let attempts = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let turn = LeaseTurn { held: None, fence: 0, attempts, unusable: None, is_ended: false };
        let inner = LeaseState {
            store: LeaseStore::new(database),
            health,
            own: ObjectId::new().to_hex(),
            role: watch::Sender::default(),
            turn: tokio::sync::Mutex::new(turn),
            facts: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The random id of this process.
    #[must_use]
    pub fn own(&self) -> &str {
        &self.inner.own
    }

    /// What this instance is to the others.
    #[must_use]
    pub fn role(&self) -> InstanceRole {
        self.inner.role.borrow().clone()
    }

    /// Follows what this instance is to the others.
    #[must_use]
    pub fn roles(&self) -> watch::Receiver<InstanceRole> {
        self.inner.role.subscribe()
    }

    /// Sets what the others are told of this instance while it holds the lease; they know with the next renewal.
    pub fn tell(&self, facts: Document) {
        *self.inner.facts.lock() = facts;
    }

    /// Says why the snapshots of the holder cannot be shown here, or that they can: this instance refreshes by itself
    /// meanwhile.
    pub async fn set_unusable(&self, reason: Option<String>) {
        self.inner.turn.lock().await.unusable = reason;
    }

    /// Waits a moment until the collection is there. Where no majority can be reached, reading a collection that is new
    /// takes long and fails; so whoever has more to say about that makes it.
    pub async fn settle(&self) {
        let company = async {
            while let Ok(false) = self.inner.store.has_company().await {
                tokio::time::sleep(SETTLE_INTERVAL).await;
            }
        };
        // It is made without company then.
        let _ = tokio::time::timeout(SETTLE_TIME, company).await;
    }

    /// Says that the first look takes long: this instance counts meanwhile, so that it has something to show.
    pub fn set_unreached(&self) {
        self.inner.role.send_if_modified(|role| {
            let is_first = *role == InstanceRole::Undecided;
            if is_first {
                *role = InstanceRole::Unreached { reason: "MongoDB has not answered yet".to_owned() };
            }
            is_first
        });
    }

    /// Looks at the lease, takes it if it is free, and renews it if that is due. `generation` is the number of the
    /// snapshot that this instance shows. Returns what the lease says, if it can be read.
    pub async fn look(&self, generation: u64) -> Option<LeaseView> {
        let mut turn = self.inner.turn.lock().await;
        if turn.is_ended {
            return None;
        }
        self.inner.look(&mut turn, generation).await
    }

    /// Gives out the number of the next snapshot, above `generation`, if this instance may publish one.
    pub async fn reserve(&self, generation: u64) -> Reservation {
        let mut turn = self.inner.turn.lock().await;
        if turn.is_ended {
            return Reservation::Lost;
        }
        if turn.held.is_none() && !matches!(self.role(), InstanceRole::Follower { .. }) {
            // Somebody else may have taken it since the last look.
            self.inner.look(&mut turn, generation).await;
        }
        match (self.role(), turn.held) {
            (InstanceRole::Holder, Some(held)) => self.inner.reserve(&mut turn, held, generation).await,
            (InstanceRole::Alone { .. }, _) => Reservation::Alone,
            (InstanceRole::Follower { .. }, _) => Reservation::Lost,
            _ => Reservation::Unreached,
        }
    }

    /// Gives the lease back, so that another instance need not wait until its time is over. Nothing is published by
    /// this one any more.
    ///
    /// # Errors
    /// When the database does not answer; the lease then ends with its time.
    pub async fn give_back(&self) -> Result<(), DatabaseError> {
        let mut turn = self.inner.turn.lock().await;
        turn.is_ended = true;
        let held = turn.held.take();
        drop(turn);
        self.inner.role.send_replace(InstanceRole::Undecided);
        match held {
            Some(held) => self.inner.store.give_back(&self.inner.own, held.fence).await,
            None => Ok(()),
        }
    }

    /// Asks the holder for a refresh. Returns the number of the request; `None` if there is no lease.
    ///
    /// # Errors
    /// When the database does not answer or refuses.
    pub async fn request(&self, is_full: bool) -> Result<Option<i64>, DatabaseError> {
        self.inner.store.request(is_full).await
    }

    /// Reads the lease, for whoever waits for a request.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn read(&self) -> Result<Option<LeaseView>, LeaseError> {
        self.inner.store.look().await
    }

    /// Notes something about requests while this instance holds the lease under this fence. Returns whether it does.
    ///
    /// # Errors
    /// When the database does not answer or refuses.
    pub async fn note(&self, fence: i64, notes: &Document) -> Result<bool, DatabaseError> {
        self.inner.store.note(&self.inner.own, fence, notes).await
    }
}

impl LeaseState {
    async fn look(&self, turn: &mut LeaseTurn, generation: u64) -> Option<LeaseView> {
        let asked = Instant::now();
        let is_due = turn.held.is_some_and(|held| held.renewed.elapsed() >= RENEWAL);
        let mut found = if is_due { Ok(None) } else { self.store.look().await };
        let is_free = match &found {
            // One that was written and not confirmed is not held.
            Ok(Some(view)) => view.is_over || (view.holder == self.own && turn.held.is_none()),
            Ok(None) => true,
            Err(_) => false,
        };
        let mut is_readable = found.is_ok();
        if is_free && (turn.held.is_some() || turn.attempts.is_over()) {
            let (fence, facts) = (turn.fence, self.facts.lock().clone());
            found = self.store.take(&self.own, &LeaseClaim { fence, generation, facts }).await.map(Some);
            match &found {
                Ok(_) => turn.attempts.reset(),
                Err(_) if turn.held.is_none() => _ = turn.attempts.fail(),
                Err(_) => is_readable = self.store.look().await.is_ok(),
            }
            if let Ok(Some(view)) = &found
                && view.holder == self.own
            {
                turn.held = Some(HeldLease { fence: view.fence, renewed: asked });
            }
        }
        let role = self.role_after(turn, &found, is_readable);
        if let Some(role) = role {
            self.change_role(role, found.as_ref().err(), asked);
        }
        let view = found.ok().flatten();
        turn.fence = turn.fence.max(view.as_ref().map_or(0, |view| view.fence));
        view
    }

    /// What this instance is after a look; `None` if that does not say.
    fn role_after(
        &self,
        turn: &mut LeaseTurn,
        found: &Result<Option<LeaseView>, LeaseError>,
        is_readable: bool,
    ) -> Option<InstanceRole> {
        match found {
            Ok(Some(view)) if view.holder == self.own => turn.held.map(|_| InstanceRole::Holder),
            Ok(Some(view)) if !view.is_over => {
                turn.held = None;
                Some(match &turn.unusable {
                    Some(reason) => InstanceRole::Alone { reason: reason.clone() },
                    None => InstanceRole::Follower { holder: view.holder.clone() },
                })
            }
            // Free, and it is not time yet for another attempt to take it.
            Ok(_) => None,
            Err(error) => {
                if turn.held.is_some_and(|held| held.renewed.elapsed() < LEASE_TIME) {
                    return None;
                }
                turn.held = None;
                let reason = error.to_string();
                match error {
                    LeaseError::UnknownForm | LeaseError::Damaged(_) => Some(InstanceRole::Alone { reason }),
                    LeaseError::Database(error) if is_readable || is_refused(error) => {
                        Some(InstanceRole::Alone { reason })
                    }
                    // Whoever is still there refreshes.
                    LeaseError::Database(_) if matches!(&*self.role.borrow(), InstanceRole::Follower { .. }) => None,
                    LeaseError::Database(_) => Some(InstanceRole::Unreached { reason }),
                }
            }
        }
    }

    async fn reserve(&self, turn: &mut LeaseTurn, held: HeldLease, generation: u64) -> Reservation {
        let asked = Instant::now();
        match self.store.reserve(&self.own, held.fence, generation).await {
            Ok(Some(number)) => {
                turn.held = Some(HeldLease { renewed: asked, ..held });
                Reservation::Number(number)
            }
            Ok(None) => {
                // Another instance has taken it, or the document was removed.
                turn.held = None;
                self.look(turn, generation).await;
                Reservation::Lost
            }
            Err(error) => {
                tracing::debug!(%error, "no number could be reserved for a snapshot");
                Reservation::Unreached
            }
        }
    }

    /// Notes what this instance is now, and says so if that is news.
    fn change_role(&self, role: InstanceRole, error: Option<&LeaseError>, asked: Instant) {
        let mut before = role.clone();
        // That it stays the same is no news to whoever follows it.
        self.role.send_if_modified(|current| {
            before = std::mem::replace(current, role.clone());
            before != role
        });
        let is_same = std::mem::discriminant(&before) == std::mem::discriminant(&role);
        match role {
            InstanceRole::Holder if matches!(before, InstanceRole::Follower { .. }) => {
                tracing::info!("the instance that refreshed is gone; this one refreshes from now on");
            }
            InstanceRole::Follower { holder } if before != (InstanceRole::Follower { holder: holder.clone() }) => {
                tracing::info!(holder, "another instance refreshes; this one shows its snapshots");
            }
            InstanceRole::Alone { reason } if !is_same => {
                let outage = error.and_then(|error| match error {
                    LeaseError::Database(error) => Some(error.clone()),
                    LeaseError::UnknownForm | LeaseError::Damaged(_) => None,
                });
                let health = self.health.clone();
                // Whether an outage explains it may take some seconds to know.
                tokio::spawn(async move {
                    let is_explained = match &outage {
                        Some(error) => health.explains(error, asked).await,
                        None => false,
                    };
                    if is_explained {
                        tracing::debug!(reason, "this instance refreshes by itself");
                    } else {
                        tracing::warn!(reason, "this instance refreshes by itself, and shares nothing with others");
                    }
                });
            }
            InstanceRole::Unreached { reason } if !is_same => {
                tracing::debug!(reason, "it is not known which instance refreshes");
            }
            _ => {}
        }
    }
}

/// Whether the server has answered, and will not do this.
fn is_refused(error: &DatabaseError) -> bool {
    error.is_refusal() && !error.may_be_an_outage()
}
