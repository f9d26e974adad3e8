//! Custom metrics while the service runs: where they are kept, which of them run, and which are paused.
//!
//! What one is, and what it may do, is the subject of [`playarr_jobs::custom`]. Here they come from two places:
//! `file` reads `CUSTOM_METRICS_FILE`, `store` holds those of the page, in our collection, with their revisions.
//! `CustomMetrics` puts both together, gives the job what should run, and pauses what keeps failing (`pauses`).

mod changes;
mod file;
mod form;
#[cfg(test)]
mod fuzz;
mod handle;
mod import;
mod metrics;
mod pauses;
mod record;
mod store;

pub use file::{CustomFile, CustomFileError};
pub(crate) use form::{PreviewAnswer, ShownMetric, Submitted};
pub(crate) use handle::CustomMetrics;
pub(crate) use import::import;
pub(crate) use metrics::{ChangeError, DefinedIn, RunningMetric, RunningMetrics};
