//! The task that keeps live metrics: reads the journal, commits what waits, and folds old documents into the base.

use std::time::{Duration, Instant};

use mongodb::Database;
use playarr_jobs::database::{Backoff, DatabaseError, Health, HealthState};
use tokio::sync::{OwnedMutexGuard, mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior};

use super::complaint::Complaint;
use super::follower::{Follower, JournalError};
use super::group::CommitGroup;
use super::handle::{JournalRequest, JournalState, RecordError};
use super::migration;
use super::state::State;
use super::store::Store;
use super::writer::{CommitOutcome, Writer};
use crate::live::{Delta, Live};
use crate::telemetry::Telemetry;

/// The time between two looks at what other instances wrote. They must show within a second.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(500);

/// The time between two looks at what can be folded and deleted.
const FOLD_INTERVAL: Duration = Duration::from_secs(30);

/// The time between two looks for series that nobody has moved for long.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The pause before the journal is read again when that failed.
const RETRY: Duration = Duration::from_secs(1);

/// The pause after a write that the servers refused. It doubles with each further one, and ends when there is a primary
/// again: a secondary, say, need not be asked each second.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The time between two reports of this service's connections. Reports count for five minutes.
const REPORT_INTERVAL: Duration = Duration::from_secs(2 * 60);

/// How live metrics are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeeperOptions {
    /// The longest time that something waits to be committed.
    pub(crate) commit_interval: Duration,
    /// Series with open labels are removed after this time without events; never if it is zero.
    pub(crate) series_expiry: Duration,
}

/// Keeps live metrics.
pub(super) struct Task {
    pub(super) follower: Follower,
    writer: Writer,
    telemetry: Telemetry,
    health: Health,
    pub(super) options: KeeperOptions,
    requests: OwnedMutexGuard<mpsc::Receiver<JournalRequest>>,
    /// When to write again.
    writes: Backoff,
    state: watch::Sender<JournalState>,
    /// Since when something waits that could not be committed.
    uncommitted_since: Option<Instant>,
    /// When this instance last wrote the base, or started.
    pub(super) folded: Instant,
    /// The connections of this service that were last reported, and when.
    reported: Option<(u64, Instant)>,
    /// What was last said to be wrong with each kind of work.
    committing: Complaint,
    pub(super) following: Complaint,
    indexing: Complaint,
    pub(super) folding: Complaint,
}

impl Task {
    pub(super) fn new(
        live: Live,
        telemetry: Telemetry,
        database: &Database,
        health: &Health,
        options: KeeperOptions,
        requests: OwnedMutexGuard<mpsc::Receiver<JournalRequest>>,
        state: watch::Sender<JournalState>,
    ) -> Self {
        let store = Store::new(database);
        let writer = Writer::new(store.clone());
        Self {
            follower: Follower::new(store, State::new(live), writer.id),
            writer,
            telemetry,
            health: health.clone(),
            options,
            requests,
            writes: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            state,
            uncommitted_since: None,
            folded: Instant::now(),
            reported: None,
            committing: Complaint::new("live metrics wait until they can be kept", health),
            following: Complaint::new("live metrics of other instances cannot be read", health),
            indexing: Complaint::new("an index of the journal of live metrics cannot be made", health),
            folding: Complaint::new("documents of live metrics cannot be put together or removed", health),
        }
    }

    /// Works until it is to stop.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let read = tokio::select! {
            read = self.read() => read,
            () = stopped(&mut stop) => return,
        };
        if let Err(reason) = read {
            return self.refuse(reason, stop).await;
        }
        let mut commit = every(self.options.commit_interval);
        let (mut follow, mut fold) = (every(FOLLOW_INTERVAL), every(FOLD_INTERVAL));
        let (mut expire, mut health) = (every(EXPIRY_INTERVAL), self.health.subscribe());
        while !*stop.borrow() {
            // Whatever is due has the same chance, so that a flood of batches does not keep the rest from its turn.
            let worked = tokio::select! {
                () = stopped(&mut stop) => break,
                Some(request) = self.requests.recv() => self.serve(request).await,
                _ = commit.tick() => self.commit(None).await,
                _ = follow.tick() => self.follow().await,
                _ = fold.tick() => self.fold().await,
                _ = expire.tick() => self.expire().await,
                Ok(()) = health.changed() => {
                    self.notice(&health.borrow_and_update());
                    Ok(())
                }
            };
            if let Err(reason) = worked {
                return self.refuse(reason, stop).await;
            }
        }
        self.follower.state.live.put_back(&self.report(0));
        let _ = self.commit(None).await;
        if self.uncommitted_since.is_some() {
            tracing::warn!("what was counted since the last commit is lost: MongoDB does not keep it");
        }
    }

    /// Reads the journal, however long that takes. Fails for the reason why the database keeps nothing.
    async fn read(&mut self) -> Result<(), String> {
        let mut health = self.health.subscribe();
        loop {
            match self.start().await {
                Ok(true) => {
                    self.state.send_replace(JournalState::Keeping);
                    if self.following.is_over() {
                        tracing::info!("the live metrics can be read now");
                    }
                    tracing::info!("read the live metrics");
                    return Ok(());
                }
                Ok(false) => {}
                Err(JournalError::Database(error @ DatabaseError::NotAuthorized(_))) => {
                    return Err(error.to_string());
                }
                Err(JournalError::Form(error)) => {
                    return Err(format!("{error}; it has the _id live_base in the collection playarr_metrics"));
                }
                Err(error) => {
                    self.refused(&error);
                    self.following.say(&error);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(RETRY) => {}
                Ok(()) = health.changed() => self.notice(&health.borrow_and_update()),
            }
        }
    }

    /// False if there is no base yet, and writing one has to wait.
    async fn start(&mut self) -> Result<bool, JournalError> {
        let may_write = self.writes.is_over();
        let prepared = if may_write { self.writer.prepare().await } else { Ok(()) };
        // A user who may not write counts in memory, from 0 at each start. What was kept must not show before that: a
        // total that falls looks as if all of it had just happened.
        if let Err(error @ DatabaseError::NotAuthorized(_)) = prepared {
            return Err(error.into());
        }
        // Otherwise reading depends on no write: the first commit makes the indexes.
        while !self.follower.load().await? {
            if !may_write {
                return Ok(false);
            }
            prepared.clone()?;
            migration::write_first_base(&mut self.follower, self.writer.id).await?;
        }
        Ok(true)
    }

    /// The health of the database is another.
    fn notice(&mut self, health: &HealthState) {
        if *health == HealthState::Up {
            self.writes.reset();
        }
    }

    /// Something failed. If the servers take no writes, the next one waits.
    fn refused(&mut self, error: &JournalError) {
        if let JournalError::Database(DatabaseError::NotWritable(_) | DatabaseError::Refused { .. }) = error {
            self.writes.fail();
        }
    }

    /// Answers a request and those that wait behind it.
    async fn serve(&mut self, request: JournalRequest) -> Result<(), String> {
        match request {
            JournalRequest::Batch(_) if self.writer.is_unsettled() || !self.writes.is_over() => {
                fail(request, &RecordError::Away);
                Ok(())
            }
            JournalRequest::Batch(_) => self.commit(Some(request)).await,
            JournalRequest::Forget(forget) => {
                self.forget(forget).await;
                Ok(())
            }
        }
    }

    /// Commits what this service counted, and the batches that wait.
    async fn commit(&mut self, first: Option<JournalRequest>) -> Result<(), String> {
        let started = Instant::now();
        if !self.writes.is_over() {
            first.into_iter().for_each(|request| fail(request, &RecordError::Away));
            self.show_uncommitted();
            return Ok(());
        }
        let settled = self.writer.settle(&mut self.follower.state).await;
        if self.writer.is_unsettled() {
            first.into_iter().for_each(|request| fail(request, &RecordError::Away));
            return self.committed(started, settled);
        }
        let mut own = self.follower.state.live.take();
        if let Some(connections) = self.connections_to_report() {
            own.merge(&self.report(connections));
        }
        let mut group = CommitGroup::new(own, self.follower.state.clock.now());
        let mut forget = None;
        let mut next = first;
        while let Some(request) = next.take().or_else(|| self.requests.try_recv().ok()) {
            match request {
                JournalRequest::Batch(batch) => group.push(batch),
                JournalRequest::Forget(asked) => {
                    forget = Some(asked);
                    break;
                }
            }
            if !group.has_room() {
                break;
            }
        }
        let outcome = if group.is_empty() { settled } else { self.writer.keep(group, &mut self.follower.state).await };
        let result = self.committed(started, outcome);
        if let Some(forget) = forget {
            self.forget(forget).await;
        }
        result
    }

    /// Records the outcome of a commit. Fails if the database keeps nothing, with the reason.
    fn committed(&mut self, started: Instant, outcome: CommitOutcome) -> Result<(), String> {
        let journal = self.telemetry.journal();
        journal.batches(outcome.recorded, outcome.repeated, outcome.failed);
        match outcome.error {
            None => {
                if outcome.is_written {
                    journal.committed(started.elapsed());
                    self.writes.reset();
                }
                self.uncommitted_since = None;
                self.state
                    .send_if_modified(|state| std::mem::replace(state, JournalState::Keeping) != JournalState::Keeping);
                if self.committing.is_over() {
                    tracing::info!("the live metrics are kept again");
                }
            }
            Some(JournalError::Database(error @ DatabaseError::NotAuthorized(_))) => {
                return Err(error.to_string());
            }
            Some(error) => {
                journal.failed();
                self.uncommitted_since.get_or_insert(started);
                self.refused(&error);
                self.state.send_if_modified(|state| std::mem::replace(state, JournalState::Away) != JournalState::Away);
                self.committing.say(&error);
            }
        }
        self.show_uncommitted();
        Ok(())
    }

    fn show_uncommitted(&self) {
        let uncommitted = self.uncommitted_since.map(|since| since.elapsed()).unwrap_or_default();
        self.telemetry.journal().uncommitted(uncommitted);
    }

    async fn follow(&mut self) -> Result<(), String> {
        let may_write = self.writes.is_over();
        match self.follower.poll(may_write).await {
            Ok(()) => {
                if self.following.is_over() {
                    tracing::info!("the live metrics of other instances are read again");
                }
            }
            Err(error) => {
                self.refused(&error);
                self.following.say(&error);
                return Ok(());
            }
        }
        if may_write {
            match self.follower.ensure_indexes().await {
                Ok(()) if self.indexing.is_over() => tracing::info!("the journal has its indexes again"),
                Ok(()) => {}
                Err(error) => {
                    self.refused(&error);
                    self.indexing.say(&error);
                }
            }
        }
        Ok(())
    }

    /// The connections of this service, if they have to be reported now.
    fn connections_to_report(&mut self) -> Option<u64> {
        let connections = self.follower.state.live.websockets();
        let is_due = match self.reported {
            None => connections > 0,
            Some((reported, at)) => reported != connections || (connections > 0 && at.elapsed() >= REPORT_INTERVAL),
        };
        is_due.then(|| {
            self.reported = Some((connections, Instant::now()));
            connections
        })
    }

    fn report(&self, connections: u64) -> Delta {
        let mut report = Delta::default();
        if self.reported.is_some() {
            report.report(&format!("playarr-metrics-{:016x}", self.writer.id), connections);
        }
        report
    }

    /// The database keeps nothing: counts in memory from here on, and tells batches the reason.
    async fn refuse(mut self, reason: String, mut stop: watch::Receiver<bool>) {
        tracing::error!(
            reason,
            "live metrics are not kept: this service counts in memory what it does itself, and refuses events of other \
             processes, until it is started again"
        );
        self.state.send_replace(JournalState::ReadOnly(reason.clone()));
        self.telemetry.journal().uncommitted(Duration::ZERO);
        self.follower.state.live.keep_in_memory();
        let error = RecordError::ReadOnly(reason);
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                Some(request) = self.requests.recv() => fail(request, &error),
            }
        }
    }
}

/// Tells whoever sent a request that it was not carried out.
fn fail(request: JournalRequest, error: &RecordError) {
    // Whoever waited may be gone.
    match request {
        JournalRequest::Batch(batch) => drop(batch.reply.send(Err(error.clone()))),
        JournalRequest::Forget(forget) => drop(forget.reply.send(Err(error.clone()))),
    }
}

fn every(period: Duration) -> Interval {
    let mut interval = tokio::time::interval(period);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    interval
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}
