//! Custom metrics: gauges that an admin defines with an aggregation pipeline of their own.
//!
//! A [`CustomMetric`] is what the admin wrote. [`compile`] checks it and turns it into an ordinary
//! [`Definition`](crate::gauges::Definition), which the collector cannot tell from a built-in one. Whatever the
//! pipeline says goes through the `sandbox` first: only stages and operators of its lists, only Playarr's
//! collections, and no document before its secrets are removed.

mod compile;
mod cost;
#[cfg(test)]
mod fuzz;
mod metric;
mod names;
mod preview;
mod problem;
mod sandbox;
mod views;

pub use compile::{Compiled, compile};
pub use cost::ReadCost;
pub use metric::{CustomMetric, Pipeline};
pub use names::{MAX_BUDGET, MAX_LABELS, MAX_METRICS, MAX_STAGES, PREFIX};
pub use preview::{PREVIEW_SERIES, PREVIEW_TIME, Preview, preview};
pub use problem::MetricProblem;
pub use sandbox::{ReadableCollection, operators, readable_collections, stages};
pub use views::{RunError, refuse_views};
