//! What a restart must not forget, as bytes: the totals and the batches that are in them.
//!
//! Both belong to one moment. A batch whose events are in the totals is among the batches, and no other: otherwise one
//! that is sent again after the restart would be counted twice, or not at all.

use std::io::Read;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::batches::BatchMark;
use super::recorder::totals::Totals;

/// The version of the form. One that is not known is not guessed at.
const VERSION: u32 = 1;

/// The bytes of a batch: digest, number of events, age in seconds.
const MARK_BYTES: usize = 8 + 2 + 4;

/// The bytes of the checksum before the batches.
const CHECKSUM_BYTES: usize = 4;

/// Everything recorded, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// The totals: JSON, packed with gzip, which carries a checksum.
    pub totals: Vec<u8>,
    /// The batches of the last ten minutes: a CRC-32, then 14 bytes for each.
    pub batches: Vec<u8>,
}

/// A checkpoint that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DamagedCheckpoint {
    /// The totals cannot be unpacked.
    #[error("the totals cannot be unpacked: {0}")]
    Packing(#[from] std::io::Error),
    /// The totals are no JSON of ours.
    #[error("the totals cannot be read: {0}")]
    Totals(#[from] serde_json::Error),
    /// The totals have a form of another time.
    #[error("the totals are of version {0}, and this program knows version {VERSION}")]
    Version(u32),
    /// The batches are not as they were written.
    #[error("the batches do not have the checksum they should have")]
    Batches,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    #[serde(flatten)]
    totals: T,
}

#[derive(Deserialize)]
struct Anything {}

impl Checkpoint {
    /// The marks carry ages instead of times: the next process has another clock.
    pub(super) fn new(totals: &Totals, batches: impl Iterator<Item = BatchMark>, now: u32) -> Self {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory does not fail, and neither does text for numbers and texts.
        let written = serde_json::to_writer(&mut packed, &Versioned { version: VERSION, totals });
        debug_assert!(written.is_ok(), "totals have a text");
        let totals = packed.finish().unwrap_or_default();
        let mut marks = vec![0; CHECKSUM_BYTES];
        for mark in batches {
            marks.extend(mark.digest.to_be_bytes());
            marks.extend(mark.events.to_be_bytes());
            marks.extend(now.saturating_sub(mark.at).to_be_bytes());
        }
        let checksum = crc32fast::hash(&marks[CHECKSUM_BYTES..]);
        marks[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_be_bytes());
        Self { totals, batches: marks }
    }

    pub(super) fn read(&self, now: u32) -> Result<(Totals, Vec<BatchMark>), DamagedCheckpoint> {
        let mut json = Vec::new();
        GzDecoder::new(&*self.totals).read_to_end(&mut json)?;
        let version = serde_json::from_slice::<Versioned<Anything>>(&json)?.version;
        if version != VERSION {
            return Err(DamagedCheckpoint::Version(version));
        }
        let totals = serde_json::from_slice::<Totals>(&json)?;
        let (checksum, marks) =
            self.batches.split_first_chunk::<CHECKSUM_BYTES>().ok_or(DamagedCheckpoint::Batches)?;
        let (marks, rest) = marks.as_chunks::<MARK_BYTES>();
        let hash = crc32fast::hash(&self.batches[CHECKSUM_BYTES..]);
        if u32::from_be_bytes(*checksum) != hash || !rest.is_empty() {
            return Err(DamagedCheckpoint::Batches);
        }
        Ok((totals, marks.iter().map(|bytes| mark(bytes, now)).collect()))
    }
}

fn mark(bytes: &[u8; MARK_BYTES], now: u32) -> BatchMark {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = *bytes;
    BatchMark {
        digest: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        events: u16::from_be_bytes([i, j]),
        at: now.saturating_sub(u32::from_be_bytes([k, l, m, n])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::recorder::totals::Total;

    fn checkpoint() -> (Totals, Vec<BatchMark>, Checkpoint) {
        let series = Total {
            family: "playarr_cache_operations_total".to_owned(),
            labels: vec!["hit".to_owned()],
            bounds: vec![],
            counts: vec![u64::MAX],
            nanoseconds: u128::MAX,
        };
        let totals = Totals { series: vec![series], ..Totals::default() };
        let marks = vec![BatchMark { digest: 7, events: 10_000, at: 900 }; 3];
        let checkpoint = Checkpoint::new(&totals, marks.iter().copied(), 1_000);
        (totals, marks, checkpoint)
    }

    #[test]
    fn what_was_written_is_read() {
        let (totals, marks, checkpoint) = checkpoint();
        assert_eq!(checkpoint.read(1_000).unwrap(), (totals, marks));
    }

    #[test]
    fn damage_anywhere_is_seen() {
        let (totals, marks, good) = checkpoint();
        for position in 0..good.batches.len() {
            let mut bad = good.clone();
            bad.batches[position] ^= 1;
            assert!(bad.read(1_000).is_err(), "batches, byte {position}");
        }
        // Byte 8 and 9 of gzip's header say how it was made, bytes 4 to 7 when.
        for position in (0..4).chain(10..good.totals.len()) {
            let mut bad = good.clone();
            bad.totals[position] ^= 0x10;
            // A bit that only fills up the last byte of the packed data is no damage.
            let read = bad.read(1_000);
            assert!(
                read.is_err() || read.unwrap() == (totals.clone(), marks.clone()),
                "totals, byte {position}"
            );
        }
        for bad in [
            Checkpoint { totals: vec![], ..good.clone() },
            Checkpoint { batches: vec![], ..good.clone() },
            Checkpoint { totals: good.totals[..good.totals.len() - 1].to_vec(), ..good.clone() },
            Checkpoint { batches: good.batches[..good.batches.len() - 1].to_vec(), ..good },
        ] {
            assert!(bad.read(1_000).is_err());
        }
    }
}
