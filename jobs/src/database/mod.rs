//! How both crates talk to MongoDB: within a time, durably where it matters, and with errors in plain words.

mod ask;
mod error;
mod words;

pub use ask::{ask, durable, durable_options};
pub use error::{DatabaseError, is_duplicate_key, plain_message};
