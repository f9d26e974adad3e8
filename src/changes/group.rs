//! Series added up by their first label: a sentence each.

use std::collections::HashMap;

use playarr_jobs::metric::{Family, OTHER};

use super::difference::{Difference, numbers};

/// A row of the earlier family, a row of the later one, or one of each with equal labels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair {
    /// `None` if nothing is different.
    pub(super) difference: Option<Difference>,
    pub(super) before: Option<usize>,
    pub(super) after: Option<usize>,
}

/// The series of one first label: all of them, or the comparable ones where the first label is folded.
#[derive(Debug, PartialEq)]
pub(super) struct ChangedGroup<'s> {
    /// The label's value; empty for a family without labels.
    pub(super) name: &'s str,
    pub(super) before: f64,
    pub(super) after: f64,
    /// Whether it had any series before.
    pub(super) is_before: bool,
    /// Whether it has any series after.
    pub(super) is_after: bool,
    /// Change by second label, the largest first. Without what cannot be compared.
    pub(super) parts: Vec<(&'s str, f64)>,
    /// How many series cannot be compared.
    pub(super) not_comparable: usize,
}

/// The groups in alphabetical order. Where they are not exact, what cannot be compared is counted but not added.
pub(super) fn groups<'s>(before: &'s Family, after: &'s Family, pairs: &[Pair], exact: bool) -> Vec<ChangedGroup<'s>> {
    let mut groups: HashMap<&str, ChangedGroup<'s>> = HashMap::new();
    let mut parts: HashMap<(&str, &str), f64> = HashMap::new();
    for pair in pairs {
        let value = |family: &Family, row: Option<usize>| row.and_then(|row| numbers(family).get(row).copied());
        let (old, new) = (value(before, pair.before), value(after, pair.after));
        let row = pair.after.map(|row| (after, row)).or(pair.before.map(|row| (before, row)));
        let mut labels = row.into_iter().flat_map(|(family, row)| family.labels(row)).map(|(_, value)| value);
        let (name, part) = (labels.next().unwrap_or_default(), labels.next());
        let is_comparable = pair.difference != Some(Difference::NotComparable);
        if !exact && name == OTHER && !is_comparable {
            continue;
        }
        let group = groups.entry(name).or_insert(ChangedGroup {
            name,
            before: 0.0,
            after: 0.0,
            is_before: false,
            is_after: false,
            parts: Vec::new(),
            not_comparable: 0,
        });
        group.not_comparable += usize::from(!is_comparable);
        if !is_comparable && !exact {
            continue;
        }
        group.before += old.unwrap_or_default();
        group.after += new.unwrap_or_default();
        group.is_before |= old.is_some();
        group.is_after |= new.is_some();
        if let Some(part) = part.filter(|_| is_comparable) {
            *parts.entry((name, part)).or_default() += new.unwrap_or_default() - old.unwrap_or_default();
        }
    }
    for ((name, part), change) in parts.into_iter().filter(|(_, change)| *change != 0.0) {
        if let Some(group) = groups.get_mut(name) {
            group.parts.push((part, change));
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_unstable_by_key(|group| group.name);
    for group in &mut groups {
        group.parts.sort_by(|(one, a), (other, b)| b.abs().total_cmp(&a.abs()).then_with(|| one.cmp(other)));
    }
    groups
}
