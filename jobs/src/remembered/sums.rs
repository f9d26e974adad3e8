//! Sums of a family, kept beside a remembered snapshot: a chart over a year must not read 400 bodies.

use std::collections::HashMap;

use mongodb::bson::{Bson, Document, doc};

use crate::metric::{Family, Points};
use crate::refresh::Snapshot;

/// The most groups of a family that are kept: those with the largest sums.
const MAX_GROUPS: usize = 50;

/// The sums of a family.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilySums {
    /// The family's name.
    pub family: String,
    /// The sum of all its series.
    pub total: f64,
    /// The sum for each value of its first label, the largest first; at most 50.
    pub groups: Vec<(String, f64)>,
}

impl FamilySums {
    /// The sums of each family of a snapshot.
    #[must_use]
    pub fn of_all(snapshot: &Snapshot) -> Vec<Self> {
        snapshot.collectors.iter().filter_map(|collector| Self::of(collector.family.as_deref()?)).collect()
    }

    /// The sums of a family of numbers.
    #[must_use]
    pub fn of(family: &Family) -> Option<Self> {
        let Points::Numbers(numbers) = &family.points else { return None };
        let mut sums: HashMap<&str, f64> = HashMap::new();
        for (row, number) in numbers.iter().enumerate() {
            if let Some((_, group)) = family.labels(row).next() {
                *sums.entry(group).or_default() += number;
            }
        }
        let mut groups: Vec<_> = sums.into_iter().collect();
        groups.sort_by(|(one, a), (other, b)| b.total_cmp(a).then_with(|| one.cmp(other)));
        groups.truncate(MAX_GROUPS);
        let groups = groups.into_iter().map(|(group, sum)| (group.to_owned(), sum)).collect();
        Some(Self { family: family.name.to_string(), total: numbers.iter().sum(), groups })
    }

    pub(super) fn to_bson(&self) -> Bson {
        let (names, sums): (Vec<_>, Vec<_>) = self.groups.iter().cloned().unzip();
        doc! { "family": &self.family, "total": self.total, "groups": names, "sums": sums }.into()
    }

    pub(super) fn from_document(document: &Document) -> Option<Self> {
        let names = document.get_array("groups").ok()?.iter().filter_map(Bson::as_str).map(str::to_owned);
        let sums = document.get_array("sums").ok()?.iter().filter_map(Bson::as_f64);
        Some(Self {
            family: document.get_str("family").ok()?.to_owned(),
            total: document.get_f64("total").ok()?,
            groups: names.zip(sums).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Kind;

    #[test]
    fn the_groups_of_a_family_are_the_values_of_its_first_label() {
        let rows = [(vec!["p1", "News"], 2.0), (vec!["p2", "News"], 7.0), (vec!["p1", "Sports"], 3.0)];
        let family =
            Family::numbers("playarr_channels_count", "Help.", Kind::Gauge, &["provider_id", "category"], rows);
        let totals = FamilySums::of(&family).unwrap();
        assert_eq!(
            (totals.total, totals.groups.as_slice()),
            (12.0, &[("p2".to_owned(), 7.0), ("p1".to_owned(), 5.0)][..])
        );
        let Bson::Document(document) = totals.to_bson() else { panic!("a document") };
        assert_eq!(FamilySums::from_document(&document), Some(totals));
    }

    #[test]
    fn only_the_largest_groups_of_a_family_are_kept_and_the_total_is_of_all() {
        let rows = (1_u8..=60).map(|number| (vec![format!("user-{number}")], f64::from(number)));
        let family = Family::numbers("playarr_watchlist_titles_count", "Help.", Kind::Gauge, &["user"], rows);
        let sums = FamilySums::of(&family).unwrap();
        assert_eq!((sums.groups.len(), sums.total), (50, 1_830.0));
        assert_eq!(sums.groups.last(), Some(&("user-11".to_owned(), 11.0)));
    }
}
