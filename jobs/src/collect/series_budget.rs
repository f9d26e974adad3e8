//! The series budget: the largest series stay, all others are folded into `_other`, and no sum changes.

use hashbrown::HashSet;

use super::definition::Definition;
use super::series::{Merge, SeriesTable};
use crate::metric::{Column, Family, Kind, OTHER, Points, Texts};

/// A family within its budget.
#[derive(Debug)]
pub(crate) struct Budgeted {
    /// At most `budget` series, in ascending order of their label values.
    pub(crate) family: Family,
    /// How many series were folded away.
    pub(crate) folded: usize,
}

/// Brings the series of a gauge within `budget` series (at least one).
///
/// The largest values stay (ties by label values, ascending, in the order of the labels); the rest is summed
/// into series whose labels are all [`OTHER`] except the one the definition keeps. The `_other` series count
/// towards the budget. Where the kept label alone has too many values for that, it folds too.
#[must_use]
pub(crate) fn fold(table: &SeriesTable, definition: &Definition, budget: usize) -> Budgeted {
    let order = Order::of(table);
    let total = table.len();
    let mut rows: Vec<u32> = (0..u32::try_from(total).unwrap_or(u32::MAX)).collect();
    if total <= budget {
        return Budgeted { family: order.family(table, definition, rows), folded: 0 };
    }
    rows.sort_unstable_by(|&a, &b| table.value(b).total_cmp(&table.value(a)).then_with(|| order.compare(a, b)));
    let (stay, keep) = split(table, &rows, definition.kept_label(), budget);

    // What is folded adds up, however the gauge merges equal rows.
    let mut within = SeriesTable::new(table.width(), Merge::Sum);
    for &row in &rows[..stay] {
        within.add(&labels(table, row), table.value(row));
    }
    // A real label value may read `_other` as well: then the folded series adds up with it, like all equals.
    for &row in &rows[stay..] {
        let mut labels = labels(table, row);
        for (label, text) in labels.iter_mut().enumerate() {
            if keep != Some(label) {
                *text = OTHER;
            }
        }
        within.add(&labels, table.value(row));
    }
    let all = (0..u32::try_from(within.len()).unwrap_or(u32::MAX)).collect();
    Budgeted { family: Order::of(&within).family(&within, definition, all), folded: total - stay }
}

/// How many of the rows, sorted by importance, stay as they are, and which label the folded ones keep.
fn split(table: &SeriesTable, rows: &[u32], keep: Option<usize>, budget: usize) -> (usize, Option<usize>) {
    if let Some(label) = keep {
        let mut folded_into = HashSet::new();
        let mut stay = rows.len();
        while stay > 0 {
            folded_into.insert(table.key(rows[stay - 1])[label]);
            stay -= 1;
            if stay + folded_into.len() <= budget {
                return (stay, keep);
            }
        }
    }
    (budget.saturating_sub(1), None)
}

fn labels(table: &SeriesTable, row: u32) -> Vec<&str> {
    table.key(row).iter().enumerate().map(|(label, &id)| table.text(label, id)).collect()
}

/// The order of series by their label values.
struct Order<'a> {
    table: &'a SeriesTable,
    ranks: Vec<Vec<u32>>,
}

impl<'a> Order<'a> {
    fn of(table: &'a SeriesTable) -> Self {
        Self { table, ranks: (0..table.width()).map(|label| table.ranks(label)).collect() }
    }

    fn compare(&self, a: u32, b: u32) -> std::cmp::Ordering {
        self.ranked(a).cmp(self.ranked(b))
    }

    fn ranked(&self, row: u32) -> impl Iterator<Item = u32> {
        self.table.key(row).iter().zip(&self.ranks).map(|(&id, ranks)| ranks[id as usize])
    }

    fn family(&self, table: &SeriesTable, definition: &Definition, mut rows: Vec<u32>) -> Family {
        rows.sort_unstable_by(|&a, &b| self.compare(a, b));
        let columns = definition.labels.iter().enumerate().map(|(label, name)| {
            // Only texts that are still used move on: a folded family must not hold every title's name.
            let mut texts = Texts::default();
            let mut moved = vec![u32::MAX; self.ranks[label].len()];
            let ids = rows
                .iter()
                .map(|&row| {
                    let id = table.key(row)[label];
                    let new = &mut moved[id as usize];
                    if *new == u32::MAX {
                        *new = texts.push(table.text(label, id));
                    }
                    *new
                })
                .collect();
            texts.shrink();
            Column::encoded(name.clone(), texts, ids)
        });
        Family {
            name: definition.name.clone(),
            help: definition.help.clone(),
            kind: Kind::Gauge,
            columns: columns.collect(),
            points: Points::Numbers(rows.iter().map(|&row| table.value(row)).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn episodes(rows: &[(&str, &str, f64)]) -> (SeriesTable, Definition) {
        let definition =
            Definition::new("playarr_test_count", "things", "Test.").labels(["source", "title_name"]).keeping("source");
        let mut table = SeriesTable::new(2, Merge::Sum);
        for &(source, title, value) in rows {
            table.add(&[source, title], value);
        }
        (table, definition)
    }

    fn shown(budgeted: &Budgeted) -> Vec<(String, f64)> {
        let Points::Numbers(values) = &budgeted.family.points else { panic!("gauges have numbers") };
        let text = |row| budgeted.family.labels(row).map(|(_, value)| value).collect::<Vec<_>>().join("/");
        values.iter().enumerate().map(|(row, &value)| (text(row), value)).collect()
    }

    #[test]
    fn within_the_budget_all_series_stay_sorted_by_label() {
        let (table, definition) = episodes(&[("b", "x", 1.0), ("a", "y", 2.0), ("a", "x", 3.0), ("b", "x", 4.0)]);
        let budgeted = fold(&table, &definition, 3);
        assert_eq!(budgeted.folded, 0);
        assert_eq!(shown(&budgeted), [("a/x".to_owned(), 3.0), ("a/y".to_owned(), 2.0), ("b/x".to_owned(), 5.0)]);
    }

    #[test]
    fn beyond_the_budget_the_largest_stay_and_sums_by_the_kept_label_are_exact() {
        let (table, definition) = episodes(&[
            ("a", "big", 9.0),
            ("a", "s1", 1.0),
            ("a", "s2", 2.0),
            ("b", "s1", 1.0),
            ("b", "s2", 1.0),
            ("b", "big", 8.0),
        ]);
        let budgeted = fold(&table, &definition, 4);
        assert_eq!(budgeted.folded, 4);
        let expected = [("a/_other", 3.0), ("a/big", 9.0), ("b/_other", 2.0), ("b/big", 8.0)];
        assert_eq!(shown(&budgeted), expected.map(|(labels, value)| (labels.to_owned(), value)));
    }

    proptest! {
        #[test]
        fn whatever_is_folded_no_sum_changes(
            rows in prop::collection::vec(("[a-d]", "[p-z_]{1,2}", 0_u32..100), 0..60),
            budget in 1_usize..30,
        ) {
            let rows = rows.iter().map(|(source, title, value)| (&**source, &**title, f64::from(*value)));
            let rows: Vec<_> = rows.collect();
            let (table, definition) = episodes(&rows);
            let (before, budgeted) = (fold(&table, &definition, usize::MAX), fold(&table, &definition, budget));
            let (whole, shown) = (shown(&before), shown(&budgeted));
            prop_assert!(shown.len() <= budget);
            prop_assert!(shown.windows(2).all(|pair| pair[0].0 < pair[1].0), "each labels once, in order");
            prop_assert_eq!(total(&shown), total(&whole));
            if !shown.iter().any(|(labels, _)| labels == "_other/_other") {
                prop_assert_eq!(by_source(&shown), by_source(&whole));
            }
            let folded_values = |(labels, _): &&(String, f64)| !labels.ends_with("/_other");
            let smallest_shown = shown.iter().filter(folded_values).map(|(_, value)| *value).fold(f64::MAX, f64::min);
            let is_shown = |labels: &String| shown.iter().any(|(found, _)| found == labels);
            for (labels, value) in whole.iter().filter(|(labels, _)| !is_shown(labels)) {
                prop_assert!(*value <= smallest_shown, "{} is folded, and a smaller one is shown", labels);
            }
        }
    }

    fn total(shown: &[(String, f64)]) -> f64 {
        shown.iter().map(|(_, value)| value).sum()
    }

    fn by_source(shown: &[(String, f64)]) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for (labels, value) in shown {
            *sums.entry(labels.split('/').next().unwrap_or_default()).or_default() += value;
        }
        sums
    }

    #[test]
    fn ties_go_to_the_smaller_label_values() {
        let (table, definition) = episodes(&[("a", "z", 1.0), ("a", "m", 1.0), ("a", "b", 1.0)]);
        let expected = [("a/_other", 2.0), ("a/b", 1.0)];
        assert_eq!(shown(&fold(&table, &definition, 2)), expected.map(|(labels, value)| (labels.to_owned(), value)));
    }

    #[test]
    fn a_kept_label_with_too_many_values_folds_too() {
        let (table, definition) = episodes(&[("a", "x", 1.0), ("b", "x", 2.0), ("c", "x", 3.0), ("d", "x", 4.0)]);
        let budgeted = fold(&table, &definition, 2);
        let expected = [("_other/_other", 6.0), ("d/x", 4.0)];
        assert_eq!(shown(&budgeted), expected.map(|(labels, value)| (labels.to_owned(), value)));
        assert_eq!(budgeted.folded, 3);
        assert_eq!(shown(&fold(&table, &definition, 1)), [("_other/_other".to_owned(), 10.0)]);
    }

    #[test]
    fn a_real_other_adds_up_with_the_folded_series() {
        let (table, definition) = episodes(&[("a", "_other", 9.0), ("a", "x", 1.0), ("a", "y", 2.0)]);
        assert_eq!(shown(&fold(&table, &definition, 2)), [("a/_other".to_owned(), 12.0)]);
    }
}
