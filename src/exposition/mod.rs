//! Families to bytes: the two text formats, and the compressed form that lets a part rendered beforehand and a
//! part rendered now be sent as one.

mod deflate;
mod format;
#[cfg(test)]
mod read_back;
mod render;

pub(crate) use deflate::{CompressionLevel, Deflated, GZIP_HEADER, deflate, gzip_trailer};
pub(crate) use format::Format;
pub(crate) use render::{header, histogram, part_header, render, sample, value};
