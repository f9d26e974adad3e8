//! A family's part of a shard.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use playarr_jobs::metric::Spec;

use super::registry::{Admission, FOLDED, Registry};
use crate::live::event::{FamilyId, Key};

/// A family's part of a shard: a row for each set of open labels, in it a cell for each combination of closed ones.
pub(in crate::live) struct Cells {
    /// What this shard knows of the registry.
    rows: HashMap<Arc<str>, u32, RandomState>,
    /// By cell; a histogram's has one count for each bucket, the last without a bound.
    pub(in crate::live) counts: Vec<u64>,
    /// By cell, of a histogram.
    pub(in crate::live) nanoseconds: Vec<u128>,
    /// How many events went to the row of the folded.
    pub(in crate::live) folded: u64,
    /// The upper bounds of the buckets.
    pub(super) bounds: Box<[Duration]>,
    pub(super) stride: usize,
    combinations: usize,
    is_open: bool,
}

impl Cells {
    pub(super) fn new(spec: &Spec) -> Self {
        Self {
            rows: HashMap::default(),
            counts: Vec::new(),
            nanoseconds: Vec::new(),
            folded: 0,
            bounds: spec.bounds.iter().map(|&bound| Duration::from_secs_f64(bound)).collect(),
            stride: spec.stride(),
            combinations: spec.combinations(),
            is_open: spec.is_open(),
        }
    }

    /// The cell of a series, which there is from now on.
    #[inline]
    pub(super) fn cell(
        &mut self,
        family: FamilyId,
        key: &Key,
        combination: usize,
        events: u64,
        registry: &Registry,
    ) -> usize {
        let row = if !self.is_open {
            FOLDED
        } else if let Some(&row) = self.rows.get(key.as_str()) {
            row
        } else {
            self.admit(family, key, events, registry)
        };
        let cell = row as usize * self.combinations + combination;
        if cell * self.stride >= self.counts.len() {
            self.grow(row);
        }
        cell
    }

    /// The row of a set of open labels that this shard does not know.
    #[cold]
    fn admit(&mut self, family: FamilyId, key: &Key, events: u64, registry: &Registry) -> u32 {
        match registry.admit(family, key) {
            Admission::Row(row, key) => {
                self.rows.insert(key, row);
                row
            }
            Admission::Folded => {
                self.folded = self.folded.saturating_add(events);
                FOLDED
            }
            Admission::Other => FOLDED,
        }
    }

    /// Makes room for a row.
    #[cold]
    fn grow(&mut self, row: u32) {
        let cells = (row as usize + 1) * self.combinations;
        self.counts.resize(cells * self.stride, 0);
        if !self.bounds.is_empty() {
            self.nanoseconds.resize(cells, 0);
        }
    }
}
