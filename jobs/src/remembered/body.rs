//! The body of a remembered snapshot: compressed, and cut into chunks that MongoDB takes.

use std::io::{Read, Write};
use std::time::Duration;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::form::{SnapshotFormError, decode, encode};
use crate::refresh::Snapshot;

/// The bytes of a chunk. A document of MongoDB may have 16 MiB.
pub(super) const CHUNK_BYTES: usize = 8 << 20;

/// The most bytes that a body may have: far more than that of a million series.
pub(super) const MAX_PACKED: usize = 64 << 20;

/// The most bytes that a body may unpack to: those of some million series.
const MAX_UNPACKED: u64 = 256 << 20;

/// A body that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is not what was compressed.
    #[error("the body cannot be unpacked: {0}")]
    Unpack(#[from] std::io::Error),
    /// What was compressed is no snapshot.
    #[error(transparent)]
    Form(#[from] SnapshotFormError),
}

/// Packs a snapshot. Takes some tens of milliseconds for 100,000 series.
pub(super) fn pack(snapshot: &Snapshot) -> Result<Vec<u8>, std::io::Error> {
    let bytes = encode(snapshot);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&bytes)?;
    let packed = encoder.finish()?;
    // Nothing is written that could not be read.
    if bytes.len() as u64 > MAX_UNPACKED || packed.len() > MAX_PACKED {
        return Err(std::io::Error::other("it is too large; lower SERIES_BUDGET"));
    }
    Ok(packed)
}

/// Unpacks a snapshot that was packed `elapsed` ago.
pub(super) fn unpack(packed: &[u8], elapsed: Duration) -> Result<Snapshot, BodyError> {
    let mut bytes = Vec::new();
    ZlibDecoder::new(packed).take(MAX_UNPACKED).read_to_end(&mut bytes)?;
    Ok(decode(&bytes, elapsed)?)
}
