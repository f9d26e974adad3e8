//! MongoDB to snapshot.
//!
//! Data flows one way: a [`definition`] names a gauge and its queries, [`source`] asks MongoDB, [`collector`] turns
//! rows into [`series`], [`budget`] folds them into a [`family`], [`update`] gathers the families of all collectors
//! into a [`snapshot`] and swaps it in. [`scheduler`] says when. Nothing here knows HTTP, a text format or the
//! environment.

pub mod budget;
pub mod collector;
pub mod definition;
pub mod family;
pub mod gauges;
pub mod hints;
mod history;
pub mod label;
pub mod report;
pub mod scheduler;
pub mod series;
pub mod snapshot;
pub mod source;
pub mod update;
