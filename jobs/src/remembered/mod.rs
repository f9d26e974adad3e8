//! Snapshots that MongoDB keeps (`playarr_metrics_snapshots`): the last one, from which a new process starts, and one
//! an hour for two days and one a day for a year, so that what changed can be shown.
//!
//! A remembered snapshot is a small head and a body. The body is the snapshot in a compact binary form, compressed and
//! cut into chunks. A head is written after its body and removed before it, so a head never lacks its body for long.

mod body;
mod form;
#[cfg(test)]
mod fuzz;
mod head;
mod history;
mod keeper;
#[cfg(test)]
mod old_forms;
mod retention;
mod store;
mod sums;

pub use head::{Head, Period};
pub use history::History;
pub use keeper::Remembered;
pub use store::RememberError;
pub use sums::FamilySums;
