//! Which of several instances refreshes: a lease, one document in `playarr_metrics`.
//!
//! The document is taken and renewed by the clock of the server, so the clocks of the instances need not agree. Each
//! takeover raises its `fence`, and whatever the holder writes there names the fence: an instance that comes back late,
//! and believes that it still holds the lease, writes nothing. The document also gives out the numbers of snapshots,
//! each once. A snapshot is stored only over one with a lower number, so the number is the fence of that write.

mod document;
mod error;
#[cfg(test)]
mod fuzz;
mod handle;
mod role;
mod store;

pub use document::{LeaseView, RefreshRequests};
pub use error::LeaseError;
pub use handle::{LOOK_INTERVAL, Lease, Reservation};
pub use role::InstanceRole;
