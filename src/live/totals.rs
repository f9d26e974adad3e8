//! What scrapes show: the sums of everything that is committed.

mod exposed;
mod reporters;
mod unknown;

use std::collections::BTreeMap;
use std::sync::Arc;

use playarr_jobs::metric::Spec;

use super::event::{FAMILIES, FamilyId, label_values, place_of};
use super::series::{ConnectionReport, FamilySeries, Series, loaded, stored};
use super::series_budget::{Admissions, other_key};
use reporters::Reporters;
use unknown::UnknownSeries;

pub use exposed::FOLDED_TOTAL;
pub(super) use reporters::MAX_REPORTERS;

/// Sums by series. Series that this version of the program does not know are kept for the one that does.
pub struct Totals {
    families: Box<[FamilyTotals]>,
    unknown: UnknownSeries,
    reporters: Reporters,
}

/// The sums of a family: a row for each set of open labels.
struct FamilyTotals {
    spec: &'static Spec,
    rows: BTreeMap<Arc<str>, Row>,
    new_rows: Vec<Arc<str>>,
    /// The key of the row that folded events went to; that of the only row in a family without open labels.
    other: Arc<str>,
    /// How many events went to the row of the folded.
    folded: u64,
}

/// The cells of a row, one for each combination of closed labels.
#[derive(Clone)]
struct Row {
    /// A histogram's cell has one count for each bucket, the last without a bound.
    counts: Box<[u64]>,
    /// By cell, of a histogram.
    nanoseconds: Box<[u128]>,
    /// When it was last moved, in seconds since the Unix epoch.
    moved: i64,
}

impl Default for Totals {
    fn default() -> Self {
        Self {
            families: FAMILIES.iter().map(|spec| FamilyTotals::new(spec)).collect(),
            unknown: UnknownSeries::default(),
            reporters: Reporters::default(),
        }
    }
}

impl Totals {
    /// Adds series that were moved, and takes the reports, as of a time in seconds since the Unix epoch.
    pub fn add(&mut self, families: &[FamilySeries], reports: &[ConnectionReport], at: i64) {
        self.combine(families, at, u64::saturating_add, u128::saturating_add);
        self.reporters.add(reports, at);
    }

    /// Tells which sets of open labels have had rows since the last call.
    pub(super) fn take_new_rows(&mut self) -> impl Iterator<Item = (FamilyId, Arc<str>)> {
        let families = FamilyId::all().zip(&mut self.families);
        families.flat_map(|(id, family)| family.new_rows.drain(..).map(move |key| (id, key)))
    }

    /// Makes no series lower than it is in the other totals.
    pub fn raise(&mut self, other: &Self) {
        self.combine(&other.to_series(), 0, u64::max, u128::max);
        self.reporters.add(&other.reports(), 0);
    }

    /// Every series that is not 0, in the form that is kept.
    #[must_use]
    pub fn to_series(&self) -> Vec<FamilySeries> {
        let known = self.families.iter().filter_map(FamilyTotals::to_series);
        known.chain(self.unknown.to_series()).collect()
    }

    /// The reports, in the form that is kept.
    #[must_use]
    pub fn reports(&self) -> Vec<ConnectionReport> {
        self.reporters.to_reports()
    }

    /// Removes series with open labels that are chosen by their family, their labels and the time they were last moved.
    /// Returns how many.
    pub fn remove(&mut self, mut is_chosen: impl FnMut(&Spec, &[&str], i64) -> bool) -> usize {
        self.families.iter_mut().map(|family| family.remove(&mut is_chosen)).sum()
    }

    /// Tells which sets of open labels have rows.
    pub(super) fn admit_to(&self, admissions: &Admissions) {
        for (id, family) in FamilyId::all().zip(&self.families) {
            admissions.replace(id, family.rows.keys());
        }
    }

    /// How much a family has counted, by combination of its closed labels.
    pub(super) fn counted<const N: usize>(&self, family: FamilyId) -> [u64; N] {
        let family = &self.families[family.index()];
        debug_assert_eq!(family.spec.combinations(), N);
        let mut counted = [0_u64; N];
        for row in family.rows.values() {
            for (sum, counts) in counted.iter_mut().zip(row.counts.chunks(family.spec.stride())) {
                *sum = counts.iter().fold(*sum, |sum, &count| sum.saturating_add(count));
            }
        }
        counted
    }

    fn combine(
        &mut self,
        families: &[FamilySeries],
        at: i64,
        counts: fn(u64, u64) -> u64,
        nanoseconds: fn(u128, u128) -> u128,
    ) {
        for family in families {
            let known = FamilyId::named(&family.name)
                .map(|id| &mut self.families[id.index()])
                .filter(|known| known.spec.bounds == family.bounds);
            let Some(known) = known else {
                self.unknown.combine(family, &family.series, at, counts, nanoseconds);
                continue;
            };
            known.folded = counts(known.folded, loaded(family.folded));
            for series in &family.series {
                if !known.combine(series, at, counts, nanoseconds) {
                    let nothing_folded = FamilySeries { folded: 0, series: Vec::new(), ..family.clone() };
                    let series = std::slice::from_ref(series);
                    self.unknown.combine(&nothing_folded, series, at, counts, nanoseconds);
                }
            }
        }
    }
}

impl FamilyTotals {
    fn new(spec: &'static Spec) -> Self {
        let other: Arc<str> = other_key(spec).into();
        let mut rows = BTreeMap::new();
        if !spec.is_open() {
            rows.insert(other.clone(), Row::new(spec));
        }
        Self { spec, rows, new_rows: Vec::new(), other, folded: 0 }
    }

    /// False if there is no such series in this version.
    fn combine(
        &mut self,
        series: &Series,
        at: i64,
        counts: fn(u64, u64) -> u64,
        nanoseconds: fn(u128, u128) -> u128,
    ) -> bool {
        let stride = self.spec.stride();
        let Some((key, combination)) = place_of(self.spec, &series.labels) else { return false };
        if series.counts.len() != stride {
            return false;
        }
        let row = match self.rows.get_mut(key.as_str()) {
            Some(row) => row,
            None => {
                let key: Arc<str> = Arc::from(key.as_str());
                self.new_rows.push(key.clone());
                self.rows.entry(key).or_insert_with(|| Row::new(self.spec))
            }
        };
        row.moved = row.moved.max(series.moved).max(at);
        for (count, &other) in row.counts[combination * stride..].iter_mut().zip(&series.counts) {
            *count = counts(*count, loaded(other));
        }
        if let Some(sum) = row.nanoseconds.get_mut(combination) {
            *sum = nanoseconds(*sum, series.nanoseconds());
        }
        true
    }

    fn to_series(&self) -> Option<FamilySeries> {
        let mut series = Vec::new();
        for (key, row) in &self.rows {
            for (combination, counts) in row.counts.chunks(self.spec.stride()).enumerate() {
                let nanoseconds = row.nanoseconds.get(combination).copied().unwrap_or_default();
                // A row that has nothing but zeros is kept too: it is shown.
                if !self.spec.is_open() && counts.iter().all(|&count| count == 0) && nanoseconds == 0 {
                    continue;
                }
                let labels = label_values(self.spec, key, combination).map(str::to_owned).collect();
                series.push(Series { moved: row.moved, ..Series::new(labels, counts, nanoseconds) });
            }
        }
        let is_empty = series.is_empty() && self.folded == 0;
        (!is_empty).then(|| FamilySeries::new(self.spec, stored(self.folded), series))
    }

    fn remove(&mut self, is_chosen: &mut impl FnMut(&Spec, &[&str], i64) -> bool) -> usize {
        let (spec, before) = (self.spec, self.rows.len());
        if spec.is_open() {
            self.rows.retain(|key, row| {
                // A row goes as a whole, with every combination of its closed labels.
                !(0..spec.combinations()).any(|combination| {
                    let values: Vec<_> = label_values(spec, key, combination).collect();
                    is_chosen(spec, &values, row.moved)
                })
            });
        }
        (before - self.rows.len()) * spec.combinations()
    }
}

impl Row {
    fn new(spec: &Spec) -> Self {
        let sums = if spec.bounds.is_empty() { 0 } else { spec.combinations() };
        Self {
            counts: vec![0; spec.combinations() * spec.stride()].into(),
            nanoseconds: vec![0; sums].into(),
            moved: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(user: &str, count: i64) -> FamilySeries {
        let series =
            Series { labels: vec![user.to_owned()], counts: vec![count], seconds: 0, nanoseconds: 0, moved: 0 };
        let name = "playarr_stream_requests_total".to_owned();
        FamilySeries { name, bounds: vec![], folded: 0, series: vec![series] }
    }

    fn count(totals: &Totals, user: &str) -> Option<u64> {
        let family = totals.families.iter().find(|family| family.spec.name == "playarr_stream_requests_total");
        Some(family.unwrap().rows.get(user)?.counts[0])
    }

    #[test]
    fn what_is_added_adds_up_and_is_read_as_it_was_written() {
        let mut totals = Totals::default();
        totals.add(&[counted("alice", 3), counted("bob", 1)], &[], 100);
        totals.add(&[counted("alice", 4)], &[], 200);
        assert_eq!((count(&totals, "alice"), count(&totals, "bob")), (Some(7), Some(1)));
        let mut again = Totals::default();
        again.add(&totals.to_series(), &totals.reports(), 0);
        assert_eq!(again.to_series(), totals.to_series());
    }

    #[test]
    fn raising_makes_nothing_lower_and_counts_nothing_twice() {
        let (mut a, mut b) = (Totals::default(), Totals::default());
        a.add(&[counted("alice", 5), counted("bob", 1)], &[], 1);
        b.add(&[counted("alice", 3), counted("bob", 2)], &[], 1);
        a.raise(&b);
        assert_eq!((count(&a, "alice"), count(&a, "bob")), (Some(5), Some(2)));
    }

    #[test]
    fn series_that_this_version_does_not_know_are_kept_as_they_are() {
        let mut totals = Totals::default();
        let mut unknown = counted("alice", 3);
        unknown.name = "playarr_of_a_later_version_total".to_owned();
        let other_buckets = FamilySeries {
            name: "playarr_stream_request_duration_seconds".to_owned(),
            bounds: vec![1.0],
            folded: 0,
            series: vec![Series { counts: vec![1, 2], ..counted("live", 0).series.remove(0) }],
        };
        totals.add(&[unknown.clone(), other_buckets], &[], 7);
        totals.add(&[unknown], &[], 9);
        let kept = totals.to_series();
        let by_name = |name: &str| kept.iter().find(|family| family.name == name).unwrap();
        let later = &by_name("playarr_of_a_later_version_total").series[0];
        assert_eq!((later.counts[0], later.moved), (6, 9));
        assert_eq!(by_name("playarr_stream_request_duration_seconds").bounds, [1.0]);
    }

    #[test]
    fn series_that_were_not_moved_for_long_can_be_removed_and_closed_ones_never() {
        let mut totals = Totals::default();
        totals.add(&[counted("alice", 5)], &[], 100);
        totals.add(&[counted("bob", 1)], &[], 200);
        assert_eq!(totals.remove(|_, _, moved| moved < 150), 1);
        assert_eq!((count(&totals, "alice"), count(&totals, "bob")), (None, Some(1)));
        totals.remove(|_, _, _| true);
        assert_eq!(totals.counted::<2>(FamilyId::CACHE_OPERATIONS), [0, 0]);
    }
}
