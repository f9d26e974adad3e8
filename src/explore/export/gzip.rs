//! Compressing parts as they come.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The parts as one gzip member.
pub(crate) fn compressed(parts: impl Iterator<Item = Vec<u8>>) -> impl Iterator<Item = Vec<u8>> {
    let mut encoder = Some(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut parts = parts.fuse();
    std::iter::from_fn(move || {
        loop {
            let writing = encoder.as_mut()?;
            match parts.next() {
                Some(part) => {
                    // Writing to memory cannot fail.
                    let _ = writing.write_all(&part);
                    let ready = std::mem::take(writing.get_mut());
                    if !ready.is_empty() {
                        return Some(ready);
                    }
                }
                None => return encoder.take()?.finish().ok(),
            }
        }
    })
}
