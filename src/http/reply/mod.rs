//! Making answers.

pub(super) mod attachment;
pub(super) mod counted_by;
pub(super) mod error;
pub(super) mod extensions;
pub(super) mod json;
pub(super) mod page;
pub(super) mod stream;
mod time;
pub(super) mod unauthorized;

pub(super) use time::{rfc3339, since};
