//! What the benchmarks share: a large library, a service to measure, and medians.

#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod ingest;
pub(crate) mod large_library;
pub(crate) mod program;
pub(crate) mod service;

use std::time::Duration;

/// The median of some measurements.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median of some durations, in seconds.
pub(crate) fn median_seconds(durations: &[Duration]) -> f64 {
    median(durations.iter().map(Duration::as_secs_f64).collect())
}
