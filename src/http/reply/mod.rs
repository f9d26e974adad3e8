//! Making answers.

pub(super) mod error;
pub(super) mod extensions;
pub(super) mod json;
pub(super) mod page;
mod time;

pub(super) use time::{rfc3339, since};
