//! One gzip member out of parts compressed at different times.
//!
//! Deflate (RFC 1951) is a sequence of blocks. A part that ends in a sync flush ends at a byte boundary and never
//! refers to what came before it, so parts can be put one after the other; gzip (RFC 1952) then wants a header, a
//! last block, the CRC-32 of the whole and its length. Checksums of parts combine without reading them again.

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress};

/// Deflate, no name, no time, unknown system.
pub(crate) const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How hard a part is compressed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CompressionLevel {
    /// As usual: a snapshot is compressed once for many scrapes.
    Snapshot,
    /// As fast as possible: the live part is compressed again for nearly each scrape.
    Live,
}

impl CompressionLevel {
    fn compression(self) -> Compression {
        match self {
            Self::Snapshot => Compression::default(),
            Self::Live => Compression::fast(),
        }
    }
}

/// A part of a member: deflate blocks that end at a byte boundary, none of them the last.
#[derive(Clone, Debug)]
pub struct Deflated {
    /// The blocks.
    pub blocks: Bytes,
    /// The checksum (and length) of what they hold.
    pub checksum: Hasher,
}

/// Compresses a part. `prefix` goes before the blocks as it is.
#[must_use]
pub(crate) fn deflate(prefix: &[u8], text: &[u8], level: CompressionLevel) -> Deflated {
    let mut compress = Compress::new(level.compression(), false);
    let mut blocks = Vec::with_capacity(prefix.len() + text.len() / 8 + 64);
    blocks.extend_from_slice(prefix);
    let mut consumed = 0;
    loop {
        // A flush is complete when it leaves room in the output.
        blocks.reserve(64 + (text.len() - consumed) / 8);
        compress
            .compress_vec(&text[consumed..], &mut blocks, FlushCompress::Sync)
            .unwrap_or_else(|_| unreachable!("compressing into memory cannot fail"));
        consumed = usize::try_from(compress.total_in()).unwrap_or(usize::MAX);
        if consumed == text.len() && blocks.len() < blocks.capacity() {
            break;
        }
    }
    blocks.shrink_to_fit();
    let mut checksum = Hasher::new();
    checksum.update(text);
    Deflated { blocks: blocks.into(), checksum }
}

/// What ends a member that holds `parts` and then, uncompressed, the few bytes of `end`.
#[must_use]
pub(crate) fn gzip_trailer<'a>(parts: impl IntoIterator<Item = (&'a Deflated, usize)>, end: &[u8]) -> Vec<u8> {
    let (mut checksum, mut length) = (Hasher::new(), 0);
    for (part, part_length) in parts {
        checksum.combine(&part.checksum);
        length += part_length;
    }
    checksum.update(end);
    length += end.len();
    let end_length = u16::try_from(end.len()).unwrap_or_else(|_| unreachable!("an exposition ends in a few bytes"));

    let mut trailer = Vec::with_capacity(end.len() + 13);
    trailer.push(1); // the last block, stored
    trailer.extend_from_slice(&end_length.to_le_bytes());
    trailer.extend_from_slice(&(!end_length).to_le_bytes());
    trailer.extend_from_slice(end);
    trailer.extend_from_slice(&checksum.finalize().to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "gzip wants the length modulo 2^32")]
    trailer.extend_from_slice(&(length as u32).to_le_bytes());
    trailer
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn member(texts: &[&[u8]], end: &[u8]) -> Vec<u8> {
        let parts: Vec<_> = texts.iter().map(|text| deflate(&[], text, CompressionLevel::Snapshot)).collect();
        let mut member = GZIP_HEADER.to_vec();
        for part in &parts {
            member.extend_from_slice(&part.blocks);
        }
        member.extend(gzip_trailer(parts.iter().zip(texts.iter().map(|text| text.len())), end));
        member
    }

    /// Reads the first member only, as curl does, and checks that nothing follows.
    fn read(member: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(member);
        decoder.read_to_end(&mut text).unwrap();
        assert!(decoder.into_inner().is_empty(), "one member and nothing after it");
        text
    }

    #[test]
    fn parts_compressed_apart_read_as_one_member() {
        let long: Vec<u8> = (0..200_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        for texts in [vec![], vec![b"".as_slice()], vec![b"live 1\n".as_slice(), &long, b"more\n"]] {
            for end in [b"".as_slice(), b"# EOF\n"] {
                let expected = [texts.concat(), end.to_vec()].concat();
                assert_eq!(read(&member(&texts, end)), expected);
            }
        }
    }

    #[test]
    fn what_cannot_be_compressed_still_ends_complete() {
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(300_000)
        .collect();
        assert_eq!(read(&member(&[&noise], b"")), noise);
    }
}
