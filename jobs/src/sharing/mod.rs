//! Several instances on one database: one refreshes, and the others show its snapshots.
//!
//! Who holds the lease refreshes, and hands each snapshot on through `playarr_metrics_snapshots` before it shows it.
//! The others look at the lease every second. The number in it tells them that there is, or soon will be, a later
//! snapshot.

#[cfg(test)]
mod fuzz;
mod handle;
mod requests;
mod state;

pub use handle::{Sharing, bind};
