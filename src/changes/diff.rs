//! Two snapshots, family by family and series by series.

use std::collections::{HashMap, HashSet};

use playarr_jobs::metric::{Column, Family, OTHER};
use playarr_jobs::refresh::{Collector, Snapshot};

use super::difference::{Difference, numbers};
use super::group::{ChangedGroup, Pair, groups};

/// Two snapshots compared.
#[derive(Debug)]
pub(crate) struct Comparison<'s> {
    /// Every family that one of them has, in the order of the later one.
    pub(crate) families: Vec<FamilyChange<'s>>,
}

/// What is different in a family.
#[derive(Debug)]
pub(crate) struct FamilyChange<'s> {
    /// The family in the earlier snapshot, if it was ever counted there.
    pub(crate) before: Option<&'s Family>,
    /// The family in the later snapshot.
    pub(crate) after: Option<&'s Family>,
    /// The series that differ or cannot be compared.
    pub(crate) series: Vec<SeriesChange>,
    /// The sums by first label.
    pub(super) groups: Vec<ChangedGroup<'s>>,
    /// Whether sums by first label cover what is folded.
    pub(super) has_exact_groups: bool,
}

/// A series that differs, as a row of each family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SeriesChange {
    pub(crate) difference: Difference,
    before: Option<usize>,
    after: Option<usize>,
}

impl<'s> Comparison<'s> {
    /// Compares an earlier with a later snapshot.
    pub(crate) fn of(before: &'s Snapshot, after: &'s Snapshot) -> Self {
        let gone = before.collectors.iter().filter(|collector| after.collector(&collector.name).is_none());
        let pairs = after.collectors.iter().map(|collector| (before.collector(&collector.name), Some(collector)));
        let pairs = pairs.chain(gone.map(|collector| (Some(collector), None)));
        Self { families: pairs.filter_map(|(before, after)| FamilyChange::of(before, after)).collect() }
    }

    /// The change of this family.
    pub(crate) fn family(&self, name: &str) -> Option<&FamilyChange<'s>> {
        self.families.iter().find(|family| family.name() == name)
    }
}

impl<'s> FamilyChange<'s> {
    fn of(before: Option<&'s Collector>, after: Option<&'s Collector>) -> Option<Self> {
        let side = |collector: Option<&'s Collector>| {
            let collector = collector?;
            Some(FamilySide::new(collector.family.as_deref()?, collector.folded))
        };
        let (before, after) = (side(before), side(after));
        let families = (before.as_ref().map(|side| side.family), after.as_ref().map(|side| side.family));
        let mut change = Self {
            before: families.0,
            after: families.1,
            series: Vec::new(),
            groups: Vec::new(),
            has_exact_groups: true,
        };
        if let (Some(before), Some(after)) = (before, after)
            && change.has_same_labels()
        {
            change.compare(&before, &after);
        }
        (change.before.is_some() || change.after.is_some()).then_some(change)
    }

    /// The family's name.
    pub(crate) fn name(&self) -> &'s str {
        self.any().map_or("", |family| &family.name)
    }

    /// The family's help text.
    pub(crate) fn help(&self) -> &'s str {
        self.any().map_or("", |family| &family.help)
    }

    /// The names of its labels.
    pub(crate) fn label_names(&self) -> impl Iterator<Item = &'s str> {
        self.any().into_iter().flat_map(|family| family.columns.iter().map(|column| &*column.name))
    }

    fn any(&self) -> Option<&'s Family> {
        self.after.or(self.before)
    }

    /// The sum of all series before, folded ones included; `None` if it was not counted.
    pub(crate) fn sum_before(&self) -> Option<f64> {
        self.before.map(sum)
    }

    /// The sum of all series after.
    pub(crate) fn sum_after(&self) -> Option<f64> {
        self.after.map(sum)
    }

    /// Whether series can be compared at all: a setting may have changed the labels.
    pub(crate) fn has_same_labels(&self) -> bool {
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                before.columns.iter().map(|column| &column.name).eq(after.columns.iter().map(|column| &column.name))
            }
            _ => true,
        }
    }

    /// How many series differ so.
    pub(crate) fn count(&self, difference: Difference) -> usize {
        self.series.iter().filter(|series| series.difference == difference).count()
    }

    /// The labels of a series.
    pub(crate) fn labels(&self, series: SeriesChange) -> impl Iterator<Item = (&'s str, &'s str)> {
        let row = self.after.zip(series.after).or(self.before.zip(series.before));
        row.into_iter().flat_map(|(family, row)| family.labels(row))
    }

    /// The values of a series before and after.
    pub(crate) fn values(&self, series: SeriesChange) -> (Option<f64>, Option<f64>) {
        let value = |family: Option<&Family>, row: Option<usize>| numbers(family?).get(row?).copied();
        (value(self.before, series.before), value(self.after, series.after))
    }

    fn compare(&mut self, before: &FamilySide<'s>, after: &FamilySide<'s>) {
        let keys = RowKeys::of(before.family, after.family);
        let rows_before: HashMap<&[u32], usize> = (0..before.family.len()).map(|row| (keys.before(row), row)).collect();
        let mut is_matched = vec![false; before.family.len()];
        let mut pairs = Vec::with_capacity(after.family.len());
        for (row, &new) in numbers(after.family).iter().enumerate() {
            let found = rows_before.get(keys.after(row)).copied();
            let difference = match found {
                Some(found) => {
                    is_matched[found] = true;
                    let is_folded = after.is_folded(row) || before.is_folded(found);
                    let is_other = numbers(before.family)[found].to_bits() != new.to_bits();
                    if is_folded { Some(Difference::NotComparable) } else { is_other.then_some(Difference::Changed) }
                }
                None if after.is_folded(row) || before.may_hold(after.family, row) => Some(Difference::NotComparable),
                None => Some(Difference::New),
            };
            pairs.push(Pair { difference, before: found, after: Some(row) });
        }
        for row in (0..before.family.len()).filter(|&row| !is_matched[row]) {
            let may_be_folded = before.is_folded(row) || after.may_hold(before.family, row);
            let difference = if may_be_folded { Difference::NotComparable } else { Difference::Gone };
            pairs.push(Pair { difference: Some(difference), before: Some(row), after: None });
        }
        self.has_exact_groups = before.keeps_first_label() && after.keeps_first_label();
        self.groups = groups(before.family, after.family, &pairs, self.has_exact_groups);
        self.series = pairs
            .into_iter()
            .filter_map(|Pair { difference, before, after }| {
                Some(SeriesChange { difference: difference?, before, after })
            })
            .collect();
    }
}

/// A family with what was folded in it.
struct FamilySide<'s> {
    family: &'s Family,
    /// The rows that hold folded series.
    folded: HashSet<usize>,
}

impl<'s> FamilySide<'s> {
    fn new(family: &'s Family, folded: usize) -> Self {
        // Folding sets every label to `_other`, or every label but one.
        let is_folded = |row: &usize| {
            let width = family.columns.len();
            let others = family.labels(*row).filter(|(_, value)| *value == OTHER).count();
            others > 0 && others + 1 >= width
        };
        let rows = if folded == 0 { 0 } else { family.len() };
        Self { family, folded: (0..rows).filter(is_folded).collect() }
    }

    fn is_folded(&self, row: usize) -> bool {
        self.folded.contains(&row)
    }

    /// Whether a series of another snapshot may be folded here.
    fn may_hold(&self, other: &Family, row: usize) -> bool {
        let holds = |folded: &usize| {
            let labels = self.family.labels(*folded).zip(other.labels(row));
            labels.into_iter().all(|((_, here), (_, there))| here == OTHER || here == there)
        };
        self.folded.iter().any(holds)
    }

    /// Whether folded series still show their first label.
    fn keeps_first_label(&self) -> bool {
        self.folded.iter().all(|&row| self.family.labels(row).next().is_some_and(|(_, value)| value != OTHER))
    }
}

/// Rows as numbers: equal labels have equal numbers in both families.
struct RowKeys {
    width: usize,
    before: Vec<u32>,
    after: Vec<u32>,
}

impl RowKeys {
    fn of(before: &Family, after: &Family) -> Self {
        let width = before.columns.len();
        let mut keys = Self { width, before: vec![0; before.len() * width], after: vec![0; after.len() * width] };
        for (position, (old, new)) in before.columns.iter().zip(&after.columns).enumerate() {
            let mut known = HashMap::new();
            fill(&mut keys.before, old, (position, width), &mut known);
            fill(&mut keys.after, new, (position, width), &mut known);
        }
        keys
    }

    fn before(&self, row: usize) -> &[u32] {
        &self.before[row * self.width..][..self.width]
    }

    fn after(&self, row: usize) -> &[u32] {
        &self.after[row * self.width..][..self.width]
    }
}

/// Writes the numbers of a column. Each distinct text is looked up once, not each row.
fn fill<'c>(
    keys: &mut [u32],
    column: &'c Column,
    (position, width): (usize, usize),
    known: &mut HashMap<&'c str, u32>,
) {
    let (texts, rows) = column.parts();
    let numbers: Vec<u32> = (0..texts.len())
        .map(|text| {
            let next = u32::try_from(known.len()).unwrap_or(u32::MAX);
            *known.entry(texts.get(text)).or_insert(next)
        })
        .collect();
    for (row, &text) in rows.iter().enumerate() {
        keys[row * width + position] = numbers[text as usize];
    }
}

fn sum(family: &Family) -> f64 {
    numbers(family).iter().sum()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use playarr_jobs::metric::Kind;
    use proptest::prelude::*;

    use super::*;

    type Rows<'a> = &'a [(&'a [&'a str], f64)];

    fn snapshot(rows: Rows<'_>, folded: usize) -> Snapshot {
        let names: &[&'static str] = &["provider_id", "category"];
        let rows = rows.iter().map(|&(labels, value)| (labels.to_vec(), value));
        let family = Family::numbers("playarr_channels_count", "Help.", Kind::Gauge, names, rows);
        let collector = Collector {
            name: "playarr_channels_count".into(),
            family: Some(family.into()),
            folded,
            duration: Duration::ZERO,
            last_success: None,
            error: None,
        };
        Snapshot { generation: 1, taken_at: None, collectors: vec![collector], ..Snapshot::default() }
    }

    /// Each difference as `provider/category kind before after`.
    fn told(before: &Snapshot, after: &Snapshot) -> Vec<String> {
        let comparison = Comparison::of(before, after);
        let family = &comparison.families[0];
        let tell = |&series: &SeriesChange| {
            let labels: Vec<_> = family.labels(series).map(|(_, value)| value).collect();
            let (before, after) = family.values(series);
            format!("{} {:?} {before:?} {after:?}", labels.join("/"), series.difference)
        };
        let mut told: Vec<_> = family.series.iter().map(tell).collect();
        told.sort();
        told
    }

    #[test]
    fn series_are_new_gone_or_changed() {
        let before = snapshot(&[(&["a", "News"], 5.0), (&["a", "Kids"], 2.0), (&["b", "News"], 1.0)], 0);
        let after = snapshot(&[(&["b", "News"], 1.0), (&["a", "News"], 7.0), (&["c", "Sports"], 4.0)], 0);
        let expected =
            ["a/Kids Gone Some(2.0) None", "a/News Changed Some(5.0) Some(7.0)", "c/Sports New None Some(4.0)"];
        assert_eq!(told(&before, &after), expected);
    }

    #[test]
    fn what_may_be_folded_on_one_side_is_not_comparable() {
        let before = snapshot(&[(&["a", "News"], 5.0), (&["b", "News"], 1.0), (&["b", "Kids"], 2.0)], 0);
        // Folded series keep their provider, so those of b cannot be in the one of a.
        let after = snapshot(&[(&["a", "_other"], 6.0), (&["b", "News"], 3.0)], 4);
        let expected = [
            "a/News NotComparable Some(5.0) None",
            "a/_other NotComparable None Some(6.0)",
            "b/Kids Gone Some(2.0) None",
            "b/News Changed Some(1.0) Some(3.0)",
        ];
        assert_eq!(told(&before, &after), expected);
        let comparison = Comparison::of(&before, &after);
        let groups = &comparison.families[0].groups;
        let sums: Vec<_> = groups.iter().map(|group| (group.name, group.before, group.after)).collect();
        assert_eq!(sums, [("a", 5.0, 6.0), ("b", 3.0, 3.0)], "sums by the kept label are exact");
        assert!(groups.iter().map(|group| group.not_comparable).eq([2, 0]), "{groups:?}");
    }

    #[test]
    fn a_category_that_is_really_called_other_is_compared_where_nothing_is_folded() {
        let before = snapshot(&[(&["a", "_other"], 5.0)], 0);
        let after = snapshot(&[(&["a", "_other"], 6.0)], 0);
        assert_eq!(told(&before, &after), ["a/_other Changed Some(5.0) Some(6.0)"]);
    }

    #[test]
    fn groups_are_counted_without_what_hides_their_first_label() {
        let before = snapshot(&[(&["a", "News"], 5.0), (&["_other", "_other"], 9.0)], 3);
        let after = snapshot(&[(&["a", "News"], 4.0), (&["_other", "_other"], 2.0)], 1);
        let comparison = Comparison::of(&before, &after);
        let family = &comparison.families[0];
        assert!(!family.has_exact_groups);
        assert_eq!((family.sum_before(), family.sum_after()), (Some(14.0), Some(6.0)), "totals are exact");
        let sums: Vec<_> = family.groups.iter().map(|group| (group.name, group.before, group.after)).collect();
        assert_eq!(sums, [("a", 5.0, 4.0)]);
    }

    proptest! {
        #[test]
        fn no_series_is_lost_and_sums_agree(
            before in prop::collection::btree_map("[ab]/[k-n]", 0..5_u8, 0..9),
            after in prop::collection::btree_map("[ab]/[k-n]", 0..5_u8, 0..9),
        ) {
            let of = |rows: &std::collections::BTreeMap<String, u8>| {
                let rows = rows.iter().map(|(key, value)| (key.split('/').collect::<Vec<_>>(), f64::from(*value)));
                let rows: Vec<_> = rows.collect();
                let rows: Vec<_> = rows.iter().map(|(labels, value)| (labels.as_slice(), *value)).collect();
                snapshot(&rows, 0)
            };
            let (earlier, later) = (of(&before), of(&after));
            let comparison = Comparison::of(&earlier, &later);
            let family = &comparison.families[0];
            let expected = before.keys().chain(after.keys()).filter(|key| before.get(*key) != after.get(*key));
            let expected: std::collections::BTreeSet<_> = expected.collect();
            prop_assert_eq!(family.series.len(), expected.len());
            let change: f64 = family.groups.iter().map(|group| group.after - group.before).sum();
            prop_assert_eq!(change, family.sum_after().unwrap() - family.sum_before().unwrap());
        }
    }
}
