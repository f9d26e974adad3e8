//! Families to bytes: the two text formats, and the compressed form that lets a part rendered beforehand and a
//! part rendered now be sent as one.

mod deflate;
mod format;
mod render;

pub(crate) use deflate::{Deflated, GZIP_HEADER, Level, deflate, gzip_trailer};
pub(crate) use format::Format;
pub(crate) use render::render;
