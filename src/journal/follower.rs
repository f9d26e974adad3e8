//! Reads what other instances write, and writes the base.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mongodb::bson::Document;
use playarr_jobs::database::{Backoff, DatabaseError};
use playarr_jobs::metric::Spec;
use tokio::task::JoinError;

use super::base::Base;
use super::document::{BaseHead, EntryId, FormError, JournalEntry, totals_of};
use super::position::{Place, Position, WriterId};
use super::state::{Gap, State};
use super::store::Store;
use crate::live::Totals;

/// How long a gap may stay. If its documents are in no base by then, they are nowhere: whoever shows them would have
/// noticed the loss and written a base.
const GAP_PATIENCE: Duration = Duration::from_secs(10);

/// The pause after what was lost has been written again; it doubles while the database still has less than is shown. In
/// an election, the server that is read may not have what was just written.
const RESTORE_PAUSE: Duration = Duration::from_secs(2);

/// The longest such pause.
const LONGEST_RESTORE_PAUSE: Duration = Duration::from_secs(30);

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
    /// Whether the server is a standalone one: reads see there what a crash would undo.
    is_standalone: bool,
    /// The writer of this process.
    writer: WriterId,
    /// The last documents that the last poll saw.
    heads: Position,
    /// The gap of the last poll, if it had one, and since when it is there.
    gap: Option<(Gap, Instant)>,
    /// Whether the last poll found less in the database than is shown.
    was_lost: bool,
    /// When what was lost may be written again.
    restores: Backoff,
    /// Whether the journal has its indexes, as far as is known.
    has_indexes: bool,
    /// The forms of later versions that were met, and said.
    later_forms: BTreeSet<i32>,
}

impl Follower {
    pub(super) fn new(store: Store, state: State, writer: WriterId) -> Self {
        let (base, heads, later_forms) = Default::default();
        let (gap, was_lost, has_indexes, is_standalone) = (None, false, true, true);
        let restores = Backoff::new(RESTORE_PAUSE, LONGEST_RESTORE_PAUSE);
        Self { store, state, base, is_standalone, writer, heads, gap, was_lost, restores, has_indexes, later_forms }
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
        let (time, is_standalone) = self.store.server().await?;
        self.state.set_time(time);
        self.is_standalone = is_standalone;
        Ok(())
    }

    /// Reads what is new, and writes again what was lost if it may. To be called once or twice a second.
    pub(super) async fn poll(&mut self, may_write: bool) -> Result<(), JournalError> {
        let head = self.store.base_head().await?;
        let head = head.as_ref().map(BaseHead::from_document).transpose()?;
        if head.as_ref().is_some_and(|head| head.epoch > self.base.epoch) {
            return self.reload().await;
        }
        self.base.seen(head.as_ref());
        let heads = self.store.heads().await?;
        // Where documents went, the indexes may have gone with them: somebody dropped the collection.
        self.has_indexes &= heads.holds(&self.heads);
        self.heads = heads.clone();
        let mut gap = None;
        for (writer, last) in heads.iter() {
            gap = gap.or(self.read_writer(writer, last).await?);
        }
        let known = self.gap.filter(|&(known, _)| Some(known) == gap);
        self.gap = known.or(gap.map(|gap| (gap, Instant::now())));
        if let Some((gap, since)) = self.gap
            && since.elapsed() >= GAP_PATIENCE
        {
            self.pass_over(gap).await?;
        }
        // A base may hold documents that are not in the journal any more.
        if !self.state.position.holds(&self.base.position) {
            self.reload().await?;
        }
        let is_lost = head.is_none() || self.is_lost(&heads).await?;
        let was_lost = std::mem::replace(&mut self.was_lost, is_lost);
        if !may_write {
            return Ok(());
        }
        if !is_lost {
            self.restores.reset();
        } else if was_lost && self.restores.is_over() {
            self.restore().await?;
            self.restores.fail();
        }
        Ok(())
    }

    /// Makes the indexes where they may have gone.
    pub(super) async fn ensure_indexes(&mut self) -> Result<(), JournalError> {
        if !self.has_indexes {
            self.store.ensure_indexes().await?;
            self.has_indexes = true;
        }
        Ok(())
    }

    /// Makes the next poll look whether the indexes are there.
    pub(super) fn doubt_indexes(&mut self) {
        self.has_indexes = false;
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
        self.write_base(self.base.epoch, &self.shown()).await
    }

    /// How many series a filter chooses.
    pub(super) fn count(&self, is_chosen: impl FnMut(&Spec, &[&str], i64) -> bool) -> usize {
        self.shown().remove(is_chosen)
    }

    /// Removes the series that are chosen by family, labels and the time they were last moved, in every instance.
    /// Returns how many; `None` if another instance wrote a base meanwhile.
    pub(super) async fn remove(
        &mut self,
        is_chosen: impl FnMut(&Spec, &[&str], i64) -> bool,
    ) -> Result<Option<usize>, JournalError> {
        let mut totals = self.shown();
        let removed = totals.remove(is_chosen);
        if removed == 0 {
            return Ok(Some(0));
        }
        if !self.state.position.holds(&self.base.position)
            || !self.write_base(self.base.epoch.saturating_add(1), &totals).await?
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
            // The base may be an older one by now, from a backup.
            let up_to = deletable.last(writer).min(self.base.position.last(writer));
            if up_to > 0 {
                self.store.delete(writer, up_to).await?;
            }
        }
        Ok(())
    }

    /// A copy of what is shown.
    fn shown(&self) -> Totals {
        let (families, reports) = self.state.live.totals();
        let mut totals = Totals::default();
        totals.add(&families, &reports, 0);
        totals
    }

    /// Whether the database has less than is shown. Each instance vouches for all that it wrote itself: after a loss
    /// under load, its last document is there, and those before it are not.
    async fn is_lost(&self, heads: &Position) -> Result<bool, JournalError> {
        let (shown, base) = (&self.state.position, &self.base.position);
        if shown.is_lost(base, heads, self.state.clock.now()) {
            return Ok(true);
        }
        let (last, folded) = (shown.last(self.writer), base.last(self.writer));
        Ok(last > folded && self.store.count(self.writer, folded, last).await? < last - folded)
    }

    /// Reads what a writer wrote since the last time, up to this document: it may go on writing.
    async fn read_writer(&mut self, writer: WriterId, last: i64) -> Result<Option<Gap>, JournalError> {
        loop {
            let before = self.state.position.last(writer);
            if before >= last {
                return Ok(None);
            }
            let entries = self.durable_after(writer, before).await?;
            let gap = self.state.apply(&entries);
            if gap.is_some() || self.state.position.last(writer) == before {
                return Ok(gap);
            }
        }
    }

    /// The next documents of a writer that will not be undone by a crash: it might then send others of these numbers.
    async fn durable_after(&mut self, writer: WriterId, number: i64) -> Result<Vec<JournalEntry>, JournalError> {
        let entries = self.entries(self.store.after(writer, number).await?);
        let Some(last) = entries.last() else { return Ok(entries) };
        let are_durable = !self.is_standalone || self.store.confirm(writer, last.id.number).await?;
        Ok(if are_durable { entries } else { Vec::new() })
    }

    /// The documents that can be used, up to the first one of a later version. A damaged one counts nothing.
    fn entries(&mut self, documents: Vec<Document>) -> Vec<JournalEntry> {
        let mut entries = Vec::with_capacity(documents.len());
        for document in documents {
            let id = EntryId::of(&document);
            let (writer, number) = id.as_ref().map(|id| (id.writer, id.number)).unzip();
            match JournalEntry::from_document(document) {
                Ok(entry) => entries.push(entry),
                Err(error @ FormError::Form(form)) => {
                    if self.later_forms.insert(form) {
                        tracing::warn!(
                            %error, writer, number,
                            "a document of playarr_metrics_journal, and those after it of its writer, are not counted \
                             here until then"
                        );
                    }
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, writer, number, "a document of playarr_metrics_journal is not counted");
                    entries.extend(id.map(JournalEntry::without_counts));
                }
            }
        }
        entries
    }

    /// A gap that stays and that the base does not close: the missing documents are nowhere.
    async fn pass_over(&mut self, gap: Gap) -> Result<(), JournalError> {
        if self.base.position.last(gap.writer) >= gap.last {
            return Ok(());
        }
        tracing::warn!(
            writer = gap.writer,
            number = gap.last,
            "documents of the journal of live metrics are missing: somebody removed them; what they counted is lost"
        );
        self.state.position.advance(gap.writer, gap.last, self.state.clock.now());
        self.read_writer(gap.writer, self.heads.last(gap.writer)).await.map(|_| ())
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
            loop {
                let before = position.last(writer);
                let entries = if before < last { self.durable_after(writer, before).await? } else { Vec::new() };
                for entry in entries {
                    if add_next(&mut totals, &mut position, &entry) && entry.id.number > known {
                        self.state.remember_batches(&entry);
                    }
                }
                // At the end, or before a gap: the next poll sees to it.
                if position.last(writer) == before {
                    break;
                }
            }
        }
        // Where the journal was lost, what this instance wrote last is nowhere else.
        for entry in self.state.own() {
            add_next(&mut totals, &mut position, entry);
        }
        let is_same_epoch = head.epoch == self.base.epoch;
        self.base.seen(Some(&head));
        if is_same_epoch && !position.holds(&self.state.position) {
            if self.state.position.holds(&position) {
                return Ok(());
            }
            totals.raise(&self.shown());
            position.raise(&self.state.position);
        }
        self.state.replace(totals, position);
        Ok(())
    }

    /// The database has less than is shown: a primary was lost, or a collection was dropped or restored from a backup.
    /// Writes what is shown.
    async fn restore(&mut self) -> Result<(), JournalError> {
        self.has_indexes = false;
        if let Some(base) = self.store.base().await? {
            self.read_from(&base).await?;
        } else {
            self.base.seen(None);
        }
        if self.write_base(self.base.epoch, &self.shown()).await? {
            tracing::warn!(
                "MongoDB had fewer live metrics than were shown already: a primary was lost before others had its \
                 writes, or somebody dropped a collection or restored a backup; they were written again"
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

/// Adds a document if it is the next one of its writer.
fn add_next(totals: &mut Totals, position: &mut Position, entry: &JournalEntry) -> bool {
    let is_next = position.place(entry.id.writer, entry.id.number) == Place::Next;
    if is_next {
        totals.add(&entry.families, &entry.reports, entry.at);
        position.advance(entry.id.writer, entry.id.number, entry.at);
    }
    is_next
}
