//! What was recorded and is not committed yet: sums by series.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use playarr_jobs::metric::Spec;

use super::event::{FAMILIES, FamilyId, LabelKey, Sink, label_values};
use super::series::{ConnectionReport, FamilySeries, Series, stored};
use super::series_budget::{Admission, Admissions, RecordedBy};
use super::totals::MAX_REPORTERS;

/// The memory that a row or a report takes beside its text and its counts: its places in a map and in a list, and the
/// allocation of the text.
const ROW_BYTES: usize = 96;

/// What was recorded since some moment. Counts and durations are whole numbers (of nanoseconds), so sums are exact in
/// whatever order they are made.
pub struct Delta {
    families: Box<[FamilyDelta]>,
    /// The last number of WebSocket connections of each process that told one.
    reports: HashMap<String, u64>,
    is_empty: bool,
}

impl Default for Delta {
    fn default() -> Self {
        let families = FAMILIES.iter().map(|spec| FamilyDelta::new(spec)).collect();
        Self { families, reports: HashMap::new(), is_empty: true }
    }
}

impl Delta {
    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// An upper bound of the number of series that were moved, and of reports.
    #[must_use]
    pub fn series(&self) -> usize {
        let series = self.families.iter().map(|family| family.keys.len() * family.combinations);
        series.sum::<usize>() + self.reports.len()
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let families = self.families.iter().map(FamilyDelta::bytes);
        let reports = self.reports.keys().map(|reporter| reporter.len() + ROW_BYTES);
        size_of::<Self>() + families.chain(reports).sum::<usize>()
    }

    /// Adds what another one holds; its reports count as the later ones.
    pub fn merge(&mut self, other: &Self) {
        self.is_empty &= other.is_empty;
        for (mine, theirs) in self.families.iter_mut().zip(&other.families) {
            mine.merge(theirs);
        }
        for (reporter, &connections) in &other.reports {
            self.report(reporter, connections);
        }
    }

    /// As [`Delta::merge`], but its own reports count as the later ones.
    pub(super) fn put_below(&mut self, other: &Self) {
        let reports = std::mem::take(&mut self.reports);
        self.merge(other);
        self.reports.extend(reports);
    }

    /// Everything that is not 0, in the form that is kept.
    #[must_use]
    pub fn to_series(&self) -> Vec<FamilySeries> {
        let families = FamilyId::all().zip(&self.families);
        families.filter_map(|(id, family)| family.to_series(id.spec())).collect()
    }

    /// The reports, in the form that is kept.
    #[must_use]
    pub fn reports(&self) -> Vec<ConnectionReport> {
        let report = |(reporter, &connections): (&String, &u64)| ConnectionReport {
            reporter: reporter.clone(),
            connections: stored(connections),
            at: 0,
        };
        self.reports.iter().map(report).collect()
    }

    /// Takes a report of WebSocket connections; not those of more processes than may report.
    pub fn report(&mut self, reporter: &str, connections: u64) {
        self.is_empty = false;
        if let Some(known) = self.reports.get_mut(reporter) {
            *known = connections;
        } else if self.reports.len() < MAX_REPORTERS {
            self.reports.insert(reporter.to_owned(), connections);
        }
    }

    /// Records into this one, as far as the budget of series allows.
    #[inline]
    pub(super) fn sink<'a>(&'a mut self, admissions: &'a Admissions, origin: RecordedBy) -> DeltaSink<'a> {
        self.is_empty = false;
        DeltaSink { delta: self, admissions, origin }
    }
}

/// Records into a [`Delta`].
pub(super) struct DeltaSink<'a> {
    delta: &'a mut Delta,
    admissions: &'a Admissions,
    origin: RecordedBy,
}

impl Sink for DeltaSink<'_> {
    #[inline]
    fn add_count(&mut self, family: FamilyId, key: &LabelKey, combination: usize, amount: u64) {
        let delta = &mut self.delta.families[family.index()];
        let row = delta.row(family, key, 1, self.admissions, self.origin);
        let cell = row * delta.combinations + combination;
        delta.counts[cell] = delta.counts[cell].saturating_add(amount);
    }

    #[inline]
    fn add_duration(&mut self, family: FamilyId, key: &LabelKey, combination: usize, duration: Duration) {
        let delta = &mut self.delta.families[family.index()];
        let row = delta.row(family, key, 1, self.admissions, self.origin);
        let cell = row * delta.combinations + combination;
        let bucket = delta.bounds.iter().position(|&bound| duration <= bound).unwrap_or(delta.bounds.len());
        let count = &mut delta.counts[cell * delta.stride + bucket];
        *count = count.saturating_add(1);
        delta.nanoseconds[cell] = delta.nanoseconds[cell].saturating_add(duration.as_nanos());
    }

    fn set_connections(&mut self, reporter: &str, connections: u64) {
        self.delta.report(reporter, connections);
    }
}

impl DeltaSink<'_> {
    /// Adds a series as it was counted elsewhere: its counts as they stand in a cell, and its durations.
    pub(super) fn add(
        &mut self,
        family: FamilyId,
        key: &LabelKey,
        combination: usize,
        counts: &[u64],
        nanoseconds: u128,
    ) {
        let delta = &mut self.delta.families[family.index()];
        let events = counts.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
        let row = delta.row(family, key, events, self.admissions, self.origin);
        delta.add(row * delta.combinations + combination, counts, nanoseconds);
    }
}

/// A family's part: a row for each set of open labels, in it a cell for each combination of closed ones.
struct FamilyDelta {
    rows: HashMap<Arc<str>, usize, RandomState>,
    /// By row.
    keys: Vec<Arc<str>>,
    /// By cell; a histogram's has one count for each bucket, the last without a bound.
    counts: Vec<u64>,
    /// By cell, of a histogram.
    nanoseconds: Vec<u128>,
    /// How many events went to the row of the folded.
    folded: u64,
    /// The upper bounds of the buckets.
    bounds: Box<[Duration]>,
    stride: usize,
    combinations: usize,
    is_open: bool,
}

impl FamilyDelta {
    fn new(spec: &Spec) -> Self {
        Self {
            rows: HashMap::default(),
            keys: Vec::new(),
            counts: Vec::new(),
            nanoseconds: Vec::new(),
            folded: 0,
            bounds: spec.bounds.iter().map(|&bound| Duration::from_secs_f64(bound)).collect(),
            stride: spec.stride(),
            combinations: spec.combinations(),
            is_open: spec.is_open(),
        }
    }

    fn bytes(&self) -> usize {
        let keys = self.keys.iter().map(|key| key.len() + ROW_BYTES).sum::<usize>();
        let cells = size_of_val(&*self.counts) + size_of_val(&*self.nanoseconds) + size_of_val(&*self.bounds);
        size_of::<Self>() + keys + cells
    }

    /// The row of a set of open labels, which there is from now on.
    #[inline]
    fn row(
        &mut self,
        family: FamilyId,
        key: &LabelKey,
        events: u64,
        admissions: &Admissions,
        origin: RecordedBy,
    ) -> usize {
        if !self.is_open && !self.keys.is_empty() {
            return 0;
        }
        match self.rows.get(key.as_str()) {
            Some(&row) => row,
            None => self.admit(admissions.admit(family, key, origin), events),
        }
    }

    #[cold]
    fn admit(&mut self, admission: Admission, events: u64) -> usize {
        match admission {
            Admission::Own(key) => self.known_row(&key),
            Admission::Folded(other) => {
                self.folded = self.folded.saturating_add(events);
                self.known_row(&other)
            }
        }
    }

    fn known_row(&mut self, key: &Arc<str>) -> usize {
        if let Some(&row) = self.rows.get(key) {
            return row;
        }
        let row = self.keys.len();
        self.keys.push(key.clone());
        self.rows.insert(key.clone(), row);
        let cells = self.keys.len() * self.combinations;
        self.counts.resize(cells * self.stride, 0);
        if !self.bounds.is_empty() {
            self.nanoseconds.resize(cells, 0);
        }
        row
    }

    fn add(&mut self, cell: usize, counts: &[u64], nanoseconds: u128) {
        for (count, more) in self.counts[cell * self.stride..].iter_mut().zip(counts).take(self.stride) {
            *count = count.saturating_add(*more);
        }
        if let Some(sum) = self.nanoseconds.get_mut(cell) {
            *sum = sum.saturating_add(nanoseconds);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.folded = self.folded.saturating_add(other.folded);
        for (place, key) in other.keys.iter().enumerate() {
            let row = self.known_row(key);
            for combination in 0..self.combinations {
                let (counts, nanoseconds) = other.cell(place * self.combinations + combination);
                self.add(row * self.combinations + combination, counts, nanoseconds);
            }
        }
    }

    fn cell(&self, cell: usize) -> (&[u64], u128) {
        let counts = &self.counts[cell * self.stride..(cell + 1) * self.stride];
        (counts, self.nanoseconds.get(cell).copied().unwrap_or_default())
    }

    fn to_series(&self, spec: &'static Spec) -> Option<FamilySeries> {
        let mut series = Vec::new();
        for (row, key) in self.keys.iter().enumerate() {
            for combination in 0..self.combinations {
                let (counts, nanoseconds) = self.cell(row * self.combinations + combination);
                if counts.iter().any(|&count| count > 0) || nanoseconds > 0 {
                    let labels = label_values(spec, key, combination).map(str::to_owned).collect();
                    series.push(Series::new(labels, counts, nanoseconds));
                }
            }
        }
        let is_empty = series.is_empty() && self.folded == 0;
        (!is_empty).then(|| FamilySeries::new(spec, stored(self.folded), series))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{Label, Live, MediaType, StreamRequest};

    #[test]
    fn however_many_processes_report_what_is_committed_together_stays_small() {
        let mut sum = Delta::default();
        for batch in 0..3 {
            let mut delta = Delta::default();
            for reporter in 0..900 {
                delta.report(&format!("{batch}-{reporter}"), 1);
            }
            sum.merge(&delta);
        }
        sum.report("0-0", 7);
        assert_eq!((sum.reports().len(), sum.series()), (MAX_REPORTERS, MAX_REPORTERS));
        assert!(sum.reports().iter().any(|report| report.reporter == "0-0" && report.connections == 7));
    }

    #[test]
    fn what_is_put_back_counts_as_reported_before_what_came_meanwhile() {
        let (mut taken, mut now) = (Delta::default(), Delta::default());
        taken.report("a", 3);
        taken.report("b", 4);
        now.report("a", 5);
        now.put_below(&taken);
        let mut reports: Vec<_> = now.reports().into_iter().map(|one| (one.reporter, one.connections)).collect();
        reports.sort_unstable();
        assert_eq!(reports, [("a".to_owned(), 5), ("b".to_owned(), 4)]);
    }

    #[test]
    fn a_duration_that_equals_a_bound_is_counted_in_its_bucket() {
        let live = Live::new();
        let family = FAMILIES.iter().find(|family| family.name == "playarr_stream_request_duration_seconds").unwrap();
        for (bucket, &bound) in family.bounds.iter().enumerate() {
            let (user, media_type) = (Label::new("alice").unwrap(), MediaType::Movies);
            let duration_seconds = Duration::from_secs_f64(bound).into();
            let delta = live.sum(&[StreamRequest { user, media_type, duration_seconds }.into()]);
            let counted = delta.to_series().into_iter().find(|counted| counted.name == family.name).unwrap();
            let expected: Vec<_> = (0..=family.bounds.len()).map(|place| i64::from(place == bucket)).collect();
            assert_eq!(counted.series[0].counts, expected, "{bound} s");
        }
    }
}
