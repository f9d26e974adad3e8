//! What was recorded, in a form that outlives the process and the version of the program.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::live::event::{FamilyId, Key, place_of};

/// Everything recorded as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::live) struct Totals {
    pub(in crate::live) series: Vec<Total>,
    /// Events folded, by family.
    pub(in crate::live) folded: BTreeMap<String, u64>,
    pub(in crate::live) reporters: Vec<ReporterTotal>,
}

/// A series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::live) struct Total {
    pub(in crate::live) family: String,
    /// In the order of the family's labels.
    pub(in crate::live) labels: Vec<String>,
    /// A histogram's, in seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::live) bounds: Vec<f64>,
    /// A counter's count, or those of a histogram's buckets, the last without a bound.
    pub(in crate::live) counts: Vec<u64>,
    /// The sum of a histogram's durations.
    #[serde(default)]
    pub(in crate::live) nanoseconds: u128,
}

/// What a process said of its WebSocket connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::live) struct ReporterTotal {
    pub(in crate::live) reporter: String,
    pub(in crate::live) count: u64,
    pub(in crate::live) age_seconds: u64,
}

impl Total {
    /// Where the series is today: its family, its open labels and the combination of its closed ones. None if there is
    /// no such series any more.
    pub(in crate::live) fn place(&self) -> Option<(FamilyId, Key, usize)> {
        let family = FamilyId::named(&self.family)?;
        let spec = family.spec();
        if self.bounds != spec.bounds || self.counts.len() != spec.stride() {
            return None;
        }
        let (key, combination) = place_of(spec, &self.labels)?;
        Some((family, key, combination))
    }
}
