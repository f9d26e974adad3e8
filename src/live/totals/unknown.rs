//! Series that this version of the program does not know: of a later version, or with other buckets.

use std::collections::BTreeMap;

use crate::live::series::{FamilySeries, Series, loaded, stored};

/// By family. They are not shown, and not lost either.
#[derive(Default)]
pub(super) struct UnknownSeries {
    families: BTreeMap<(String, Vec<u64>), UnknownFamily>,
}

#[derive(Default)]
struct UnknownFamily {
    folded: u64,
    by_labels: BTreeMap<Vec<String>, Series>,
}

impl UnknownSeries {
    /// Combines series of a family with those that are here.
    pub(super) fn combine(
        &mut self,
        family: &FamilySeries,
        series: &[Series],
        at: i64,
        counts: fn(u64, u64) -> u64,
        nanoseconds: fn(u128, u128) -> u128,
    ) {
        let bounds = family.bounds.iter().map(|bound| bound.to_bits()).collect();
        let known = self.families.entry((family.name.clone(), bounds)).or_default();
        known.folded = counts(known.folded, loaded(family.folded));
        for one in series {
            let moved = one.moved.max(at);
            match known.by_labels.get_mut(&one.labels) {
                Some(known) => {
                    let both = known.counts().into_iter().zip(one.counts());
                    let sums: Vec<_> = both.map(|(a, b)| counts(a, b)).collect();
                    let sum = nanoseconds(known.nanoseconds(), one.nanoseconds());
                    let moved = known.moved.max(moved);
                    *known = Series { moved, ..Series::new(one.labels.clone(), &sums, sum) };
                }
                None => {
                    known.by_labels.insert(one.labels.clone(), Series { moved, ..one.clone() });
                }
            }
        }
    }

    /// All of them, in the form that is kept.
    pub(super) fn to_series(&self) -> impl Iterator<Item = FamilySeries> {
        self.families.iter().map(|((name, bounds), family)| FamilySeries {
            name: name.clone(),
            bounds: bounds.iter().map(|&bits| f64::from_bits(bits)).collect(),
            folded: stored(family.folded),
            series: family.by_labels.values().cloned().collect(),
        })
    }
}
