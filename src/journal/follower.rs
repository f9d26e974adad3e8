//! Reads what other instances write, and writes the base.

use std::time::Instant;

use mongodb::bson::Document;
use playarr_jobs::database::DatabaseError;
use playarr_jobs::metric::Spec;
use tokio::task::JoinError;

use super::base::Base;
use super::document::{BaseHead, Entry, FormError, totals_of};
use super::position::{Position, WriterId};
use super::state::{Gap, State};
use super::store::Store;
use crate::live::Totals;

/// The journal could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum JournalError {
    /// The database refused or failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// A document cannot be used.
    #[error(transparent)]
    Form(#[from] FormError),
    /// A base could not be made.
    #[error("the base of the live metrics could not be made: {0}")]
    Making(#[from] JoinError),
}

/// Follows the journal.
pub(super) struct Follower {
    store: Store,
    pub(super) state: State,
    base: Base,
    /// The gap of the last poll, if it had one.
    gap: Option<Gap>,
    /// Whether the last poll found less in the database than is shown.
    was_lost: bool,
}

impl Follower {
    pub(super) fn new(store: Store, state: State) -> Self {
        Self { store, state, base: Base::default(), gap: None, was_lost: false }
    }

    /// The collections.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Reads the base and everything after it, and shows that. False, and nothing is shown, if there is no base.
    pub(super) async fn load(&mut self) -> Result<bool, JournalError> {
        self.set_time().await?;
        let Some(base) = self.store.base().await? else { return Ok(false) };
        self.read_from(&base).await?;
        Ok(true)
    }

    /// Takes the time of the server.
    pub(super) async fn set_time(&mut self) -> Result<(), JournalError> {
        let time = self.store.time().await?;
        self.state.set_time(time);
        Ok(())
    }

    /// Reads what is new. To be called once or twice a second.
    pub(super) async fn poll(&mut self) -> Result<(), JournalError> {
        let head = self.store.base_head().await?;
        let head = head.as_ref().map(BaseHead::from_document).transpose()?;
        if head.as_ref().is_some_and(|head| head.epoch > self.base.epoch) {
            return self.reload().await;
        }
        self.base.seen(head.as_ref());
        let heads = self.store.heads().await?;
        let mut gap = None;
        for (writer, last) in heads.iter() {
            if last > self.state.position.last(writer) {
                gap = gap.or(self.read_writer(writer).await?);
            }
        }
        if let Some(gap) = gap
            && self.gap == Some(gap)
        {
            self.close(gap).await?;
        }
        self.gap = gap;
        // A base may hold documents that are not in the journal any more.
        if !self.state.position.holds(&self.base.position) {
            self.reload().await?;
        }
        let now = self.state.clock.now();
        let is_lost = head.is_none() || self.state.position.is_lost(&self.base.position, &heads, now);
        if is_lost && self.was_lost {
            self.restore().await?;
        }
        self.was_lost = is_lost;
        Ok(())
    }

    /// How many documents are in the journal and not in the base.
    pub(super) fn unfolded(&self) -> i64 {
        self.state.position.documents_since(&self.base.position)
    }

    /// Writes what is shown as the base. False if another instance was faster; the next poll reads its base.
    pub(super) async fn fold(&mut self) -> Result<bool, JournalError> {
        if !self.state.position.holds(&self.base.position) {
            return Ok(false);
        }
        let totals = self.copy();
        self.write_base(self.base.epoch, &totals).await
    }

    /// How many series a filter chooses.
    pub(super) fn count(&self, is_chosen: impl FnMut(&Spec, &[&str], i64) -> bool) -> usize {
        self.copy().remove(is_chosen)
    }

    /// A copy of the totals that are shown.
    fn copy(&self) -> Totals {
        let (families, reports) = self.state.live.totals();
        let mut totals = Totals::default();
        totals.add(&families, &reports, 0);
        totals
    }

    /// Removes the series that are chosen by family, labels and the time they were last moved, in every instance.
    /// Returns how many; `None` if another instance wrote a base meanwhile.
    pub(super) async fn remove(
        &mut self,
        is_chosen: impl FnMut(&Spec, &[&str], i64) -> bool,
    ) -> Result<Option<usize>, JournalError> {
        let mut totals = self.copy();
        let removed = totals.remove(is_chosen);
        if removed == 0 {
            return Ok(Some(0));
        }
        if !self.state.position.holds(&self.base.position)
            || !self.write_base(self.base.epoch + 1, &totals).await?
        {
            return Ok(None);
        }
        let position = self.state.position.clone();
        self.state.replace(totals, position);
        Ok(Some(removed))
    }

    /// Writes the first base, with these totals. False if there is one by now.
    pub(super) async fn write_first_base(&mut self, totals: &Totals) -> Result<bool, JournalError> {
        self.base.seen(None);
        self.write_base(0, totals).await
    }

    /// Deletes documents that nobody needs any more.
    pub(super) async fn clean(&mut self) -> Result<(), JournalError> {
        self.state.batches.forget_old(Instant::now());
        let Some(deletable) = self.base.deletable(Instant::now()) else { return Ok(()) };
        let heads = self.store.heads().await?;
        for (writer, _) in heads.iter() {
            let up_to = deletable.last(writer);
            if up_to > 0 {
                self.store.delete(writer, up_to).await?;
            }
        }
        Ok(())
    }

    /// Reads what a writer wrote since the last time.
    async fn read_writer(&mut self, writer: WriterId) -> Result<Option<Gap>, JournalError> {
        loop {
            let before = self.state.position.last(writer);
            let documents = self.store.after(writer, before).await?;
            let gap = self.state.apply(&entries(documents));
            if gap.is_some() || self.state.position.last(writer) == before {
                return Ok(gap);
            }
        }
    }

    /// A gap that two polls saw: the missing documents are in the base, or they are nowhere.
    async fn close(&mut self, gap: Gap) -> Result<(), JournalError> {
        if self.base.position.last(gap.writer) >= gap.last {
            return self.reload().await;
        }
        tracing::warn!(
            writer = gap.writer,
            number = gap.last,
            "documents of the journal of live metrics are missing: somebody removed them; what they counted is lost"
        );
        self.state.position.advance(gap.writer, gap.last, self.state.clock.now());
        self.read_writer(gap.writer).await.map(|_| ())
    }

    /// Reads base and journal again, and shows nothing lower than before unless series were removed.
    async fn reload(&mut self) -> Result<(), JournalError> {
        match self.store.base().await? {
            Some(base) => self.read_from(&base).await,
            None => Ok(()),
        }
    }

    async fn read_from(&mut self, base: &Document) -> Result<(), JournalError> {
        let head = BaseHead::from_document(base)?;
        let (mut totals, mut position) = (totals_of(base)?, head.position());
        let heads = self.store.heads().await?;
        for (writer, last) in heads.iter() {
            let known = self.state.position.last(writer);
            while position.last(writer) < last {
                let entries = entries(self.store.after(writer, position.last(writer)).await?);
                if entries.is_empty() {
                    break;
                }
                for entry in entries {
                    totals.add(&entry.families, &entry.reports, entry.at);
                    position.advance(writer, entry.id.number, entry.at);
                    if entry.id.number > known {
                        self.state.remember_batches(&entry);
                    }
                }
            }
        }
        if head.epoch == self.base.epoch && !position.holds(&self.state.position) {
            totals.raise(&self.copy());
            position.raise(&self.state.position);
        }
        self.base.seen(Some(&head));
        self.state.replace(totals, position);
        Ok(())
    }

    /// The database has less than is shown: it was dropped, or restored from a backup. Writes what is shown.
    async fn restore(&mut self) -> Result<(), JournalError> {
        self.store.ensure_indexes().await?;
        if let Some(base) = self.store.base().await? {
            self.read_from(&base).await?;
        } else {
            self.base.seen(None);
        }
        let totals = self.copy();
        if self.write_base(self.base.epoch, &totals).await? {
            tracing::warn!(
                "MongoDB had lost live metrics that were shown already: somebody dropped a collection or restored a \
                 backup; they were written again"
            );
        }
        Ok(())
    }

    async fn write_base(&mut self, epoch: i64, totals: &Totals) -> Result<bool, JournalError> {
        let heads = self.store.heads().await?;
        let mut position: Position = self.state.position.clone();
        position.forget_silent(&heads, self.state.clock.now());
        let head = Base::next(epoch, &position);
        let (families, reports) = (totals.to_series(), totals.reports());
        let (head, document) = tokio::task::spawn_blocking(move || {
            let document = head.with_totals(families, reports);
            (head, document)
        })
        .await?;
        let is_written = self.store.replace_base(self.base.stamp, document?).await?;
        if is_written {
            self.base.wrote(&head, Instant::now());
            self.state.position = position;
        }
        Ok(is_written)
    }
}

/// The documents that can be used, up to the first one of a later version.
fn entries(documents: Vec<Document>) -> Vec<Entry> {
    let mut entries = Vec::with_capacity(documents.len());
    for document in documents {
        match Entry::from_document(document) {
            Ok(entry) => entries.push(entry),
            Err(error @ FormError::Form(_)) => {
                tracing::debug!(%error, "the rest of this writer waits");
                break;
            }
            Err(error) => tracing::error!(%error, "it is not counted"),
        }
    }
    entries
}
