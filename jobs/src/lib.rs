//! MongoDB to snapshot.
//!
//! Data flows one way: [`gauges`] define what to count, `collect` turns one definition into a family of [`metric`],
//! [`refresh`] gathers the families of all collectors into a snapshot and swaps it in. Nothing here knows HTTP, a text
//! format or the environment.

mod collect;
pub mod custom;
pub mod database;
pub mod gauges;
pub mod lease;
pub mod metric;
pub mod refresh;
pub mod remembered;
pub mod sharing;
pub mod tasks;
