//! Takes over what the first version kept in Playarr's settings, once: the totals of each instance, and the batches of
//! the last ten minutes.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use mongodb::bson::Document;
use serde::Deserialize;

use super::document::{EntryId, FORM, JournalEntry};
use super::follower::{Follower, JournalError};
use super::position::WriterId;
use super::store::{InsertError, Store};
use crate::live::{FamilySeries, Series, Totals};

/// The bytes of a batch: digest, number of events, age in seconds.
const BATCH_BYTES: usize = 8 + 2 + 4;

/// The bytes of the checksum before the batches.
const CHECKSUM_BYTES: usize = 4;

/// How long the first version remembered the ids of batches, in seconds.
const MEMORY: u32 = 10 * 60;

/// The most that old totals may hold when they are unpacked, in bytes.
const MAX_TOTALS: u64 = 64 << 20;

const SECOND: u128 = 1_000_000_000;

#[derive(Deserialize)]
struct OldTotals {
    version: u32,
    series: Vec<OldSeries>,
    folded: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct OldSeries {
    family: String,
    labels: Vec<String>,
    #[serde(default)]
    bounds: Vec<f64>,
    counts: Vec<u64>,
    #[serde(default)]
    nanoseconds: u128,
}

/// Writes the first base. What the first version kept is in it, and is removed from the settings.
pub(super) async fn write_first_base(follower: &mut Follower, writer: WriterId) -> Result<(), JournalError> {
    let store = follower.store().clone();
    let checkpoints = store.old_checkpoints().await?;
    let now = follower.state.clock.now();
    let mut totals = Totals::default();
    let (mut batches, mut taken) = (BTreeMap::new(), Vec::new());
    for checkpoint in &checkpoints {
        let document = checkpoint.get_str("_id").unwrap_or_default();
        match families(checkpoint) {
            Some(families) => {
                totals.add(&families, &[], now);
                taken.push(document);
            }
            None => tracing::error!(
                document,
                "the live metrics in this document of the settings are damaged, or of a form that this version does \
                 not know; they are not taken over, and the document stays"
            ),
        }
        batches.extend(recent_batches(checkpoint));
    }
    // Before the base, so that no batch can be counted again in between.
    remember(&store, batches, writer, now).await?;
    let is_written = follower.write_first_base(&totals).await?;
    if is_written && !taken.is_empty() {
        tracing::info!("took over the live metrics that an earlier version had kept in the settings");
        // From here on they are ignored.
        if let Err(error) = store.delete_old_checkpoints(&taken).await {
            tracing::warn!(%error, documents = ?taken, "what was taken over could not be removed from the settings");
        }
    }
    Ok(())
}

/// Writes a document that holds batches and nothing else. It has a writer of its own.
async fn remember(store: &Store, batches: BTreeMap<i64, i32>, writer: WriterId, now: i64) -> Result<(), JournalError> {
    if batches.is_empty() {
        return Ok(());
    }
    let (batches, events) = batches.into_iter().unzip();
    let id = EntryId { writer: !writer, number: 1 };
    let entry = JournalEntry { id, form: FORM, at: now, families: vec![], batches, events, reports: vec![] };
    match store.insert(&entry.to_document()?).await {
        // Another attempt, or another instance, has written it.
        Ok(()) | Err(InsertError::Exists) => Ok(()),
        Err(InsertError::NotWritten(error) | InsertError::Unknown(error)) => Err(error.into()),
    }
}

/// The series of a checkpoint; `None` if it is damaged.
pub(super) fn families(checkpoint: &Document) -> Option<Vec<FamilySeries>> {
    let value = checkpoint.get_document("value").ok()?;
    if !value.contains_key("totals") {
        return Some(Vec::new());
    }
    let packed = value.get_binary_generic("totals").ok()?;
    let mut unpacked = Vec::new();
    GzDecoder::new(&packed[..]).take(MAX_TOTALS).read_to_end(&mut unpacked).ok()?;
    let totals: OldTotals = serde_json::from_slice(&unpacked).ok()?;
    if totals.version != 1 {
        return None;
    }
    let mut families: Vec<_> = totals.series.into_iter().map(OldSeries::into_family).collect();
    for (name, folded) in totals.folded {
        let known = families.iter_mut().find(|family| family.name == name);
        if let Some(known) = known {
            known.folded = stored(folded);
        }
    }
    Some(families)
}

impl OldSeries {
    fn into_family(self) -> FamilySeries {
        let series = Series {
            labels: self.labels,
            counts: self.counts.into_iter().map(stored).collect(),
            seconds: i64::try_from(self.nanoseconds / SECOND).unwrap_or(i64::MAX),
            nanoseconds: i64::try_from(self.nanoseconds % SECOND).unwrap_or_default(),
            moved: 0,
        };
        FamilySeries { name: self.family, bounds: self.bounds, folded: 0, series: vec![series] }
    }
}

/// The batches of a checkpoint that are still remembered, by digest, with the number of events of each.
pub(super) fn recent_batches(checkpoint: &Document) -> Vec<(i64, i32)> {
    let batches = checkpoint.get_document("value").ok().and_then(|value| value.get_binary_generic("batches").ok());
    let Some((_, batches)) = batches.and_then(|bytes| bytes.split_at_checked(CHECKSUM_BYTES)) else {
        return Vec::new();
    };
    let (batches, _) = batches.as_chunks::<BATCH_BYTES>();
    let read = |&[a, b, c, d, e, f, g, h, i, j, k, l, m, n]: &[u8; BATCH_BYTES]| {
        let digest = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
        let events = u16::from_be_bytes([i, j]);
        let age = u32::from_be_bytes([k, l, m, n]);
        (age < MEMORY).then_some((digest, events.into()))
    };
    batches.iter().filter_map(read).collect()
}

fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
