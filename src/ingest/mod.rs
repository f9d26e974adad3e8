//! Batches of events out of JSON and NDJSON.
//!
//! A batch is read in one pass, by what serde derives for the events. Only when that fails is it read again, slowly, to
//! name every bad event and what is wrong with it (`diagnosis`).

mod batch;
mod diagnosis;
mod error;
#[cfg(test)]
mod fuzz;

pub use batch::Batch;
pub use error::{BatchError, EventError, MAX_EVENTS};
