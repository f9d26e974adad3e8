//! Writes documents to the journal, one at a time.

use std::collections::HashMap;

use playarr_jobs::database::DatabaseError;
use rand::RngExt;

use super::document::EntryId;
use super::follower::JournalError;
use super::group::CommitGroup;
use super::handle::RecordError;
use super::position::WriterId;
use super::state::State;
use super::store::{InsertError, Store};

/// How often a document is sent again at once, without the batches that were counted before.
const MAX_ATTEMPTS: usize = 5;

/// The writer of this process.
pub(super) struct Writer {
    store: Store,
    pub(super) id: WriterId,
    /// The number of the next document.
    number: i64,
    /// A document that may have been written. No other is written before that is known.
    unsettled: Option<CommitGroup>,
    has_indexes: bool,
}

/// The outcome of a commit.
#[derive(Debug, Default)]
pub(super) struct CommitOutcome {
    /// Whether a document was written.
    pub(super) is_written: bool,
    /// The batches that were kept.
    pub(super) recorded: usize,
    /// The batches that had been kept before.
    pub(super) repeated: usize,
    /// The batches that are not known to be kept.
    pub(super) failed: usize,
    /// Why not everything was kept.
    pub(super) error: Option<JournalError>,
}

/// What an attempt to insert a document told.
enum CommitAttempt {
    Kept,
    /// Nothing of it was written.
    NotWritten(JournalError),
    /// It may have been written.
    Unknown(JournalError),
}

impl Writer {
    pub(super) fn new(store: Store) -> Self {
        Self { store, id: rand::rng().random(), number: 1, unsettled: None, has_indexes: false }
    }

    /// Whether a document waits that may have been written.
    pub(super) fn is_unsettled(&self) -> bool {
        self.unsettled.is_some()
    }

    /// Makes the indexes, unless that was done.
    pub(super) async fn prepare(&mut self) -> Result<(), DatabaseError> {
        if !self.has_indexes {
            self.store.ensure_indexes().await?;
            self.has_indexes = true;
        }
        Ok(())
    }

    /// Settles the document that may have been written.
    pub(super) async fn settle(&mut self, state: &mut State) -> CommitOutcome {
        match self.unsettled.take() {
            Some(group) => self.commit(group, true, state).await,
            None => CommitOutcome::default(),
        }
    }

    /// Keeps a group, and applies it to the state.
    pub(super) async fn keep(&mut self, mut group: CommitGroup, state: &mut State) -> CommitOutcome {
        let known = group.digests().into_iter().filter_map(|digest| Some((digest, state.batches.events(digest)?)));
        let known: HashMap<_, _> = known.collect();
        let repeated = if known.is_empty() { 0 } else { group.answer_repeated(&known) };
        let mut outcome = self.commit(group, false, state).await;
        outcome.repeated += repeated;
        outcome
    }

    /// `may_be_written`: an earlier attempt may have succeeded.
    async fn commit(&mut self, mut group: CommitGroup, may_be_written: bool, state: &mut State) -> CommitOutcome {
        let mut outcome = CommitOutcome::default();
        if group.is_empty() {
            return outcome;
        }
        let attempt = self.attempt(&mut group, may_be_written, &mut outcome, state).await;
        match attempt {
            CommitAttempt::Kept => outcome.recorded += group.answer_kept(),
            CommitAttempt::NotWritten(error) => {
                outcome.failed += group.answer_failed(&refusal(&error));
                state.live.put_back(group.own());
                outcome.error = Some(error);
            }
            CommitAttempt::Unknown(error) => {
                outcome.failed += group.answer_failed(&RecordError::Away);
                self.unsettled = Some(group);
                outcome.error = Some(error);
            }
        }
        outcome
    }

    async fn attempt(
        &mut self,
        group: &mut CommitGroup,
        mut may_be_written: bool,
        outcome: &mut CommitOutcome,
        state: &mut State,
    ) -> CommitAttempt {
        let failed = |error: JournalError, may_be_written| {
            if may_be_written { CommitAttempt::Unknown(error) } else { CommitAttempt::NotWritten(error) }
        };
        if let Err(error) = self.prepare().await {
            return failed(error.into(), may_be_written);
        }
        for _ in 0..MAX_ATTEMPTS {
            if group.is_empty() {
                return CommitAttempt::Kept;
            }
            let entry = group.to_entry(EntryId { writer: self.id, number: self.number });
            let document = match entry.to_document() {
                Ok(document) => document,
                Err(error) => return failed(error.into(), may_be_written),
            };
            match self.store.insert(&document).await {
                Ok(()) => {}
                Err(InsertError::NotWritten(error)) => return failed(error.into(), may_be_written),
                Err(InsertError::Unknown(error)) => return CommitAttempt::Unknown(error.into()),
                Err(InsertError::Exists) => {
                    may_be_written = true;
                    match self.exists(group, outcome).await {
                        Ok(true) => {}
                        Ok(false) => continue,
                        Err(error) => return CommitAttempt::Unknown(error.into()),
                    }
                }
            }
            state.apply_own(entry);
            outcome.is_written = true;
            self.number += 1;
            return CommitAttempt::Kept;
        }
        let message = "the journal of live metrics changes while it is written".to_owned();
        CommitAttempt::Unknown(DatabaseError::Driver(message).into())
    }

    /// Whether the document is in the journal, durably. If not, takes out the batches that are.
    async fn exists(&self, group: &mut CommitGroup, outcome: &mut CommitOutcome) -> Result<bool, DatabaseError> {
        if self.store.confirm(self.id, self.number).await? {
            return Ok(true);
        }
        let known = self.store.known_batches(&group.digests()).await?;
        outcome.repeated += group.answer_repeated(&known);
        Ok(false)
    }
}

/// What a batch is told that was not written.
fn refusal(error: &JournalError) -> RecordError {
    match error {
        JournalError::Database(error @ DatabaseError::NotAuthorized(_)) => RecordError::ReadOnly(error.to_string()),
        _ => RecordError::Away,
    }
}
