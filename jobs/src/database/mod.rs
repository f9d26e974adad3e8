//! How both crates talk to MongoDB: within a time, durably where it matters, and with errors in plain words.

mod ask;
mod backoff;
mod contents;
mod driver_messages;
mod error;
mod health;
mod stored;

pub use ask::{ask, durable, durable_options};
pub use backoff::Backoff;
pub use contents::Contents;
pub use error::{DatabaseError, is_duplicate_key, plain_message};
pub use health::{Health, HealthState, Outage};
pub use stored::StoredDocument;
