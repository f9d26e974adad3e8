//! The form of series that outlives the process and the version of the program.

use playarr_jobs::metric::Spec;
use serde::{Deserialize, Serialize};

const SECOND: u128 = 1_000_000_000;

/// Series of a family.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FamilySeries {
    /// The name of the family.
    pub name: String,
    /// The bounds of a histogram's buckets, in seconds: a later version may have others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounds: Vec<f64>,
    /// The events that went to the series `_other`.
    #[serde(default)]
    pub folded: i64,
    /// The series.
    pub series: Vec<Series>,
}

/// A series, or what was added to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// The values of its labels, in the order of the family's labels.
    pub labels: Vec<String>,
    /// A counter's count, or those of a histogram's buckets, the last one without a bound.
    pub counts: Vec<i64>,
    /// The sum of a histogram's durations: whole seconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: i64,
    /// The nanoseconds beyond.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub nanoseconds: i64,
    /// When it was last moved, in seconds since the Unix epoch by the clock of the database. 0 in what is added: the
    /// time is that of the document.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub moved: i64,
}

/// The WebSocket connections of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionReport {
    /// The process.
    pub reporter: String,
    /// How many it has.
    pub connections: i64,
    /// When it told, in seconds since the Unix epoch by the clock of the database. 0 in what is added: the time is that
    /// of the document.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub at: i64,
}

impl FamilySeries {
    pub(super) fn new(spec: &Spec, folded: i64, series: Vec<Series>) -> Self {
        Self { name: spec.name.to_owned(), bounds: spec.bounds.to_vec(), folded, series }
    }

    /// Whether a count or a duration is negative, which none can be.
    #[must_use]
    pub fn has_negative(&self) -> bool {
        let is_negative = |series: &Series| {
            series.seconds < 0 || series.nanoseconds < 0 || series.counts.iter().any(|&count| count < 0)
        };
        self.folded < 0 || self.series.iter().any(is_negative)
    }
}

impl Series {
    pub(super) fn new(labels: Vec<String>, counts: &[u64], nanoseconds: u128) -> Self {
        Self {
            labels,
            counts: counts.iter().copied().map(stored).collect(),
            seconds: i64::try_from(nanoseconds / SECOND).unwrap_or(i64::MAX),
            nanoseconds: i64::try_from(nanoseconds % SECOND).unwrap_or_default(),
            moved: 0,
        }
    }

    pub(super) fn counts(&self) -> Vec<u64> {
        self.counts.iter().copied().map(loaded).collect()
    }

    pub(super) fn nanoseconds(&self) -> u128 {
        u128::from(loaded(self.seconds)) * SECOND + u128::from(loaded(self.nanoseconds))
    }
}

/// A number as MongoDB keeps it: signed.
pub(super) fn stored(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The number that [`stored`] was given; 0 for a negative one.
pub(super) fn loaded(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_loaded_as_it_was_stored() {
        let series = Series::new(vec!["agtv".to_owned()], &[0, 7, i64::MAX as u64], 12_345_678_901);
        assert_eq!((series.counts(), series.nanoseconds()), (vec![0, 7, i64::MAX as u64], 12_345_678_901));
        assert_eq!((series.seconds, series.nanoseconds), (12, 345_678_901));
    }

    #[test]
    fn what_is_too_large_to_store_stays_at_the_largest_number() {
        let series = Series::new(vec![], &[u64::MAX], u128::MAX);
        assert_eq!((series.counts[0], series.seconds), (i64::MAX, i64::MAX));
    }
}
