//! Events out of JSON and NDJSON.

mod batch;
mod event;

pub use batch::{Batch, BatchError, MAX_EVENTS};
pub use event::EventError;
pub(crate) use event::{Field, Fields};
