//! How both crates talk to MongoDB: within a time, durably where it matters, and with errors in plain words.

mod ask;
mod contents;
mod error;
mod health;
mod words;

pub use ask::{ask, durable, durable_options};
pub use contents::Contents;
pub use error::{DatabaseError, is_duplicate_key, plain_message};
pub use health::{Health, HealthState, Outage};
