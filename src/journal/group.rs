//! What goes into one document: everything that waited to be kept.

use std::collections::HashMap;

use tokio::sync::OwnedSemaphorePermit;

use super::document::{EntryId, FORM, JournalEntry};
use super::handle::{RecordError, Reply, WaitingBatch};
use crate::live::Delta;

/// The most batches in a document.
const MAX_BATCHES: usize = 256;

/// The most series in a document, about a megabyte.
const MAX_SERIES: usize = 5_000;

/// What this service counted itself, and batches.
pub(super) struct CommitGroup {
    own: Delta,
    batches: Vec<GroupedBatch>,
    by_digest: HashMap<i64, usize>,
    series: usize,
    /// When the document was first made, in seconds since the Unix epoch. It stays the same when it is sent again.
    at: i64,
}

struct GroupedBatch {
    digest: Option<i64>,
    events: i32,
    delta: Delta,
    /// Where to send the answer; more than one receiver if the batch came twice.
    replies: Vec<Reply<usize>>,
    _room: OwnedSemaphorePermit,
}

impl CommitGroup {
    /// A group of what this service counted, made at this time.
    pub(super) fn new(own: Delta, at: i64) -> Self {
        let series = own.series();
        Self { own, batches: Vec::new(), by_digest: HashMap::new(), series, at }
    }

    /// Adds a batch.
    pub(super) fn push(&mut self, batch: WaitingBatch) {
        if let Some(digest) = batch.digest {
            if let Some(&known) = self.by_digest.get(&digest) {
                self.batches[known].replies.push(batch.reply);
                return;
            }
            self.by_digest.insert(digest, self.batches.len());
        }
        self.series += batch.delta.series();
        self.batches.push(GroupedBatch {
            digest: batch.digest,
            events: batch.events,
            delta: batch.delta,
            replies: vec![batch.reply],
            _room: batch.room,
        });
    }

    /// Whether a document has room for another batch.
    pub(super) fn has_room(&self) -> bool {
        self.batches.len() < MAX_BATCHES && self.series < MAX_SERIES
    }

    /// Whether there is nothing to keep.
    pub(super) fn is_empty(&self) -> bool {
        self.own.is_empty() && self.batches.is_empty()
    }

    /// The document.
    pub(super) fn to_entry(&self, id: EntryId) -> JournalEntry {
        let mut sum = Delta::default();
        sum.merge(&self.own);
        for batch in &self.batches {
            sum.merge(&batch.delta);
        }
        let with_id = self.batches.iter().filter_map(|batch| Some((batch.digest?, batch.events)));
        let (batches, events) = with_id.unzip();
        JournalEntry { id, form: FORM, at: self.at, families: sum.to_series(), batches, events, reports: sum.reports() }
    }

    /// The digests of its batches.
    pub(super) fn digests(&self) -> Vec<i64> {
        self.batches.iter().filter_map(|batch| batch.digest).collect()
    }

    /// Takes out the batches that were counted before, with the number of events they had then, and answers them.
    /// Returns how many those were.
    pub(super) fn answer_repeated(&mut self, known: &HashMap<i64, i32>) -> usize {
        let before = self.batches.len();
        let (repeated, new): (Vec<_>, Vec<_>) = std::mem::take(&mut self.batches)
            .into_iter()
            .partition(|batch| batch.digest.is_some_and(|digest| known.contains_key(&digest)));
        self.batches = new;
        for batch in repeated {
            let events = batch.digest.and_then(|digest| known.get(&digest)).copied().unwrap_or(batch.events);
            batch.answer(&Ok(count(events)));
        }
        let with_id = self.batches.iter().enumerate();
        self.by_digest = with_id.filter_map(|(place, batch)| Some((batch.digest?, place))).collect();
        before - self.batches.len()
    }

    /// It is kept: answers its batches. Returns how many those were.
    pub(super) fn answer_kept(self) -> usize {
        let batches = self.batches.len();
        for batch in self.batches {
            let events = batch.events;
            batch.answer(&Ok(count(events)));
        }
        batches
    }

    /// It is not known to be kept: answers its batches, and keeps what they counted. Returns how many those were.
    pub(super) fn answer_failed(&mut self, error: &RecordError) -> usize {
        let waiting = self.batches.iter().filter(|batch| !batch.replies.is_empty()).count();
        for batch in &mut self.batches {
            for reply in std::mem::take(&mut batch.replies) {
                // The receiver may have stopped waiting.
                let _ = reply.send(Err(error.clone()));
            }
        }
        waiting
    }

    /// What this service counted itself.
    pub(super) fn own(&self) -> &Delta {
        &self.own
    }
}

impl GroupedBatch {
    fn answer(self, answer: &Result<usize, RecordError>) {
        for reply in self.replies {
            // The receiver may have stopped waiting.
            let _ = reply.send(answer.clone());
        }
    }
}

fn count(events: i32) -> usize {
    usize::try_from(events).unwrap_or_default()
}
