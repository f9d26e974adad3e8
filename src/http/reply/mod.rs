//! Making answers.

pub(super) mod error;
