//! Remembers snapshots as refreshes end, and recalls them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::Timestamp;
use mongodb::bson::oid::ObjectId;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::body::{pack, unpack};
use super::head::{Draft, Head, Period, RunFacts};
use super::history::History;
use super::retention::{outdated, size};
use super::store::{Listing, RememberError, SnapshotCollection};
use super::sums::FamilySums;
use crate::database::{DatabaseError, Health};
use crate::refresh::{Published, Report, ShareOutcome, SharedSnapshot, Snapshot, SnapshotStore};

/// How often the heads are read again: another instance may have written some.
const RELOAD_INTERVAL: Duration = Duration::from_secs(60);

/// How long the first refresh may wait for the last snapshot.
const RECALL_TIME: Duration = Duration::from_secs(5);

/// How long a new process waits for a primary; an election takes less.
const PRIMARY_TIME: Duration = Duration::from_secs(10);

/// How long a body is left alone that no head has: another instance may be about to write its head.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// The remembered snapshots. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Remembered {
    inner: Arc<RememberedState>,
}

struct RememberedState {
    store: SnapshotCollection,
    health: Health,
    history: watch::Sender<Arc<History>>,
    said_unknown: Mutex<bool>,
    /// The number of the last snapshot that this process wrote; held while it writes one.
    written: tokio::sync::Mutex<u64>,
    /// Held while a snapshot of the history is read: each may take a large part of the memory.
    recalling: Arc<tokio::sync::Mutex<()>>,
    /// Bodies that no head had, and since when; `None` for those that this process replaced.
    unused: Mutex<HashMap<ObjectId, Option<Instant>>>,
}

impl Remembered {
    /// The snapshots that are remembered in a database, whose `health` explains failures that need no line in the log.
    /// The history may take `max_bytes`; with 0 there is none.
    #[must_use]
    pub fn new(database: &Database, health: Health, max_bytes: u64) -> Self {
        let history = watch::Sender::new(Arc::new(History { max_bytes, ..History::default() }));
        let (said_unknown, written, unused) = (Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        let store = SnapshotCollection::new(database);
        let recalling = Arc::default();
        Self { inner: Arc::new(RememberedState { store, health, history, said_unknown, written, recalling, unused }) }
    }

    /// What is known of the history. Empty before it was read.
    #[must_use]
    pub fn history(&self) -> Arc<History> {
        self.inner.history.borrow().clone()
    }

    /// Follows what is known of the history.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Arc<History>> {
        self.inner.history.subscribe()
    }

    /// The last snapshot, aged by the clock of MongoDB; `None` if there is none, or it cannot be read, which is logged.
    ///
    /// Waits a while for a primary: a secondary may have the snapshot before, and what was shown must not go back.
    pub async fn last(&self) -> Option<SharedSnapshot> {
        let asked = Instant::now();
        // Without one, an older snapshot is better than none.
        let _ = timeout(PRIMARY_TIME, self.inner.store.until_primary()).await;
        match self.later_than(None).await {
            Ok(last) => last,
            Err(RememberError::Database(error)) if self.inner.health.explains(&error, asked).await => None,
            Err(error) => {
                tracing::warn!(%error, "the last snapshot could not be read; the first refresh takes its place");
                None
            }
        }
    }

    /// The last snapshot, if its number is another one than this or higher; `None` also if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn later_than(&self, generation: Option<u64>) -> Result<Option<SharedSnapshot>, RememberError> {
        let last = timeout(RECALL_TIME, async {
            match self.inner.read_last(generation).await {
                // A snapshot that is replaced while it is read is read again.
                Err(RememberError::Incomplete) => self.inner.read_last(generation).await,
                last => last,
            }
        });
        last.await.unwrap_or_else(|_| Err(DatabaseError::Timeout(RECALL_TIME).into()))
    }

    /// Writes a snapshot as the last one, unless a later one is there: for other instances, and for the next process.
    /// What is wrong is said once until it is over.
    pub async fn share<P: Send + Sync + 'static>(
        &self,
        published: Arc<Published<P>>,
        report: Option<Arc<Report>>,
        moment: Option<Timestamp>,
    ) -> ShareOutcome {
        self.inner.share(published, report, moment).await
    }

    /// The snapshot of a head.
    ///
    /// # Errors
    /// When it is not there any more, or cannot be read.
    pub async fn recall(&self, head: &Head) -> Result<Snapshot, RememberError> {
        // One at a time, until it is unpacked, even if nobody waits for it any more.
        let turn = self.inner.recalling.clone().lock_owned().await;
        let packed = self.inner.store.body(head).await?;
        let unpacking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            unpack(&packed, Duration::ZERO)
        });
        Ok(unpacking.await.map_err(|error| RememberError::Pack(error.to_string()))??)
    }

    /// Puts the last snapshot into the history whenever a refresh has ended, and keeps that within its limits. Writes
    /// the current snapshot before if nobody has. Never returns.
    pub async fn keep<P: Send + Sync + 'static>(
        &self,
        snapshots: Arc<SnapshotStore<P>>,
        mut ended: watch::Receiver<Option<Arc<Report>>>,
    ) {
        let mut reload = interval(RELOAD_INTERVAL);
        reload.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // A task that began anew after a panic does not remember the same snapshot again.
                changed = ended.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    let report = ended.borrow_and_update().clone();
                    if let Some(report) = report.filter(|report| !report.is_total_failure()) {
                        self.inner.remember(snapshots.load(), report).await;
                    }
                }
                _ = reload.tick() => self.inner.reload().await,
            }
        }
    }
}

impl RememberedState {
    async fn read_last(&self, other_than: Option<u64>) -> Result<Option<SharedSnapshot>, RememberError> {
        let Some((head, elapsed)) = self.store.last().await? else { return Ok(None) };
        if other_than.is_some_and(|generation| head.generation <= generation) {
            return Ok(None);
        }
        let mut snapshot = unpacked(self.store.body(&head).await?, elapsed).await?;
        snapshot.generation = head.generation;
        snapshot.read = head.run.read_report();
        let report = Report::from_document(&head.run.report, elapsed).map(Arc::new);
        Ok(Some(SharedSnapshot { snapshot, report, moment: head.run.moment }))
    }

    /// Remembers a snapshot.
    async fn remember<P: Send + Sync + 'static>(&self, published: Arc<Published<P>>, report: Arc<Report>) {
        if *self.written.lock().await < published.snapshot.generation {
            self.share(published, Some(report), None).await;
        }
        if self.history.borrow().problem.is_none() {
            let asked = Instant::now();
            self.said(self.update_history().await, asked).await;
        }
    }

    async fn share<P: Send + Sync + 'static>(
        &self,
        published: Arc<Published<P>>,
        report: Option<Arc<Report>>,
        moment: Option<Timestamp>,
    ) -> ShareOutcome {
        let mut last = self.written.lock().await;
        let (asked, generation) = (Instant::now(), published.snapshot.generation);
        let written = self.write(published, report, moment).await;
        let outcome = match &written {
            Ok(()) => ShareOutcome::Shared,
            &Err(RememberError::Superseded { generation }) => return ShareOutcome::Superseded { generation },
            Err(RememberError::Database(error)) if error.may_be_an_outage() => ShareOutcome::Unreached,
            Err(_) => ShareOutcome::NotStored,
        };
        if outcome == ShareOutcome::Shared {
            *last = generation;
        }
        drop(last);
        self.said(written, asked).await;
        outcome
    }

    /// Says what is wrong, once until it is over.
    async fn said(&self, outcome: Result<(), RememberError>, asked: Instant) {
        let last_problem = self.history.borrow().problem.clone();
        let problem = match outcome {
            Ok(()) if last_problem.is_none() => return,
            Ok(()) => {
                tracing::info!("snapshots are remembered again");
                None
            }
            Err(error) => {
                let problem = error.to_string();
                let is_news = last_problem.as_ref() != Some(&problem);
                let health = self.health.clone();
                // Whether an outage explains it may take some seconds to know, for which nobody waits.
                tokio::spawn(async move {
                    let is_outage = match &error {
                        RememberError::Database(error) => health.explains(error, asked).await,
                        _ => false,
                    };
                    if is_outage {
                        tracing::debug!(%error, "the snapshot could not be remembered in an outage");
                    } else if is_news {
                        tracing::warn!(
                            %error,
                            "snapshots are not remembered: a restart begins with a refresh, and changes are not shown"
                        );
                    }
                });
                Some(problem)
            }
        };
        self.history.send_modify(|history| *history = Arc::new(History { problem, ..(**history).clone() }));
    }

    /// Writes a snapshot as the last one.
    async fn write<P: Send + Sync + 'static>(
        &self,
        published: Arc<Published<P>>,
        report: Option<Arc<Report>>,
        moment: Option<Timestamp>,
    ) -> Result<(), RememberError> {
        let Some(taken_at) = published.snapshot.taken_at else { return Ok(()) };
        let packed_at = Instant::now();
        let packing = tokio::task::spawn_blocking(move || {
            let snapshot = &published.snapshot;
            let packed = pack(snapshot)?;
            let series = snapshot.collectors.iter().map(crate::refresh::Collector::series).sum();
            let run = RunFacts::of_run(&snapshot.read, report.as_deref(), moment);
            Ok::<_, std::io::Error>((packed, series, FamilySums::of_all(snapshot), snapshot.generation, run))
        });
        let packed = packing.await.map_err(|error| RememberError::Pack(error.to_string()))?;
        let (packed, series, totals, generation, run) =
            packed.map_err(|error| RememberError::Pack(error.to_string()))?;
        let body = ObjectId::new();
        let chunks = self.store.insert_body(body, &packed).await?;
        let draft = Draft {
            generation,
            age: taken_at.age(),
            lag: packed_at.elapsed(),
            body,
            chunks,
            bytes: packed.len(),
            series,
            totals,
            run,
        };
        let replaced = self.store.replace_last(&draft).await.inspect_err(|_| self.unused(&[body]))?;
        self.unused(replaced.as_slice());
        Ok(())
    }

    /// Puts the last snapshot into the history where a period has begun, and removes what is beyond the limits.
    async fn update_history(&self) -> Result<(), RememberError> {
        let before = self.store.heads().await?;
        let Some(last) = before.heads.iter().find(|head| head.period.is_none()) else { return Ok(()) };
        let max_bytes = self.history.borrow().max_bytes;
        for period in Period::ALL {
            let id = period.id(last.written_at);
            if max_bytes > 0 && before.heads.iter().all(|head| head.id != id) {
                self.store.insert_copy_of_last(&id, last.body).await?;
            }
        }
        let mut after = self.store.heads().await?;
        let outdated = outdated(&after.heads, last.written_at, max_bytes);
        if !outdated.is_empty() {
            self.store.remove_heads(&outdated).await?;
            self.unused(&after.heads.iter().map(|head| head.body).collect::<Vec<_>>());
            after.heads.retain(|head| !outdated.contains(&head.id));
        }
        self.sweep(&after).await?;
        let history = self.known(after);
        self.history.send_replace(Arc::new(history));
        Ok(())
    }

    /// Notes bodies whose head this process has replaced or removed, or did not get written.
    fn unused(&self, bodies: &[ObjectId]) {
        self.unused.lock().extend(bodies.iter().map(|&body| (body, None)));
    }

    /// Removes the bodies that no head has: at once if this process knows why, else after a while.
    async fn sweep(&self, listing: &Listing) -> Result<(), RememberError> {
        let used: HashSet<_> = listing.heads.iter().map(|head| head.body).collect();
        let stored = self.store.bodies().await?;
        let now = Instant::now();
        let outdated: Vec<_> = {
            let mut unused = self.unused.lock();
            unused.retain(|body, _| stored.contains(body) && !used.contains(body));
            // Heads of another form may name bodies in a way that this version does not know.
            if listing.unknown == 0 {
                for &body in stored.difference(&used) {
                    unused.entry(body).or_insert(Some(now));
                }
            }
            let is_over = |since: &Option<Instant>| since.is_none_or(|since| now.duration_since(since) > GRACE);
            unused.iter().filter(|(_, since)| is_over(since)).map(|(&body, _)| body).collect()
        };
        Ok(self.store.remove_bodies(&outdated).await?)
    }

    /// Reads the heads again.
    async fn reload(&self) {
        match self.store.heads().await {
            Ok(listing) => {
                let replaces = !self.unused.lock().is_empty();
                if replaces && let Err(error) = self.sweep(&listing).await {
                    tracing::debug!(%error, "replaced snapshots could not be removed");
                }
                let problem = self.history.borrow().problem.clone();
                let history = History { problem, ..self.known(listing) };
                self.history.send_replace(Arc::new(history));
            }
            Err(error) => tracing::debug!(%error, "the remembered snapshots could not be listed"),
        }
    }

    fn known(&self, listing: Listing) -> History {
        if listing.unknown > 0 && !std::mem::replace(&mut *self.said_unknown.lock(), true) {
            tracing::warn!(
                snapshots = listing.unknown,
                "some snapshots in playarr_metrics_snapshots have a form that this version does not know; they stay"
            );
        }
        let mut heads = listing.heads;
        heads.retain(|head| head.period.is_some());
        heads.sort_by_key(|head| std::cmp::Reverse((head.taken_at, head.period == Some(Period::Hour))));
        let bytes = size(&heads);
        History { heads, bytes, max_bytes: self.history.borrow().max_bytes, problem: None }
    }
}

async fn unpacked(packed: Vec<u8>, elapsed: Duration) -> Result<Snapshot, RememberError> {
    let unpacking = tokio::task::spawn_blocking(move || unpack(&packed, elapsed));
    Ok(unpacking.await.map_err(|error| RememberError::Pack(error.to_string()))??)
}
