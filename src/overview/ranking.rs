//! The largest of many, so that an answer stays small however large the library.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use playarr_jobs::metric::OTHER;
use serde::Serialize;

use super::directory::{Directory, ProviderTag};

/// Counts that add up and can be ranked.
pub(crate) trait Amount: Copy + Default {
    /// Adds another amount; the sum stops at the largest number there is.
    fn add(&mut self, other: &Self);

    /// The larger rank comes first.
    fn rank(&self) -> (u64, u64);
}

/// The largest members by name, and the sums of the others.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Ranking<T> {
    /// The number of names, without removed providers and without those that the series budget folded.
    pub(crate) members: usize,
    /// The sum of everything.
    pub(crate) total: T,
    /// The largest, in descending order.
    pub(crate) shown: Vec<Ranked<T>>,
    /// The sum of those that are not shown; `None` if all are.
    pub(crate) others: Option<Others<T>>,
    /// The sum of providers that Playarr does not have (any more); `None` without any.
    pub(crate) removed: Option<Others<T>>,
}

/// One of the largest members.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Ranked<T> {
    /// The name to show.
    pub(crate) name: String,
    /// Which provider it is, in rankings of providers.
    #[serde(flatten)]
    pub(crate) provider: Option<ProviderTag>,
    /// Its counts.
    #[serde(flatten)]
    pub(crate) amount: T,
}

/// The sum of several members.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Others<T> {
    /// The number of members, as far as it is known.
    pub(crate) members: usize,
    /// Whether it contains series that the series budget folded; how many members those were is not known.
    pub(crate) folded: bool,
    /// Their counts.
    #[serde(flatten)]
    pub(crate) amount: T,
}

impl<T: Amount> Ranking<T> {
    /// Ranks rows by name and shows the largest `limit`. Rows with the same name add up.
    pub(super) fn of<'r>(limit: usize, rows: impl IntoIterator<Item = (&'r str, T)>) -> Self {
        let (total, mut by_name) = add_up(rows);
        let folded = by_name.remove(OTHER);
        let (members, shown, others) = rank(limit, by_name, folded);
        let shown = shown.into_iter().map(|(name, amount)| Ranked { name: name.to_owned(), provider: None, amount });
        Self { members, total, shown: shown.collect(), others, removed: None }
    }

    /// Ranks rows by provider id and shows the largest `limit` with their names.
    pub(super) fn of_providers<'r>(
        limit: usize,
        directory: &Directory,
        rows: impl IntoIterator<Item = (&'r str, T)>,
    ) -> Self {
        let (total, mut by_id) = add_up(rows);
        let folded = by_id.remove(OTHER);
        let mut removed = None;
        by_id.retain(|id, amount| {
            let is_removed = directory.is_removed(id);
            if is_removed {
                let sum = removed.get_or_insert_with(|| Others { members: 0, folded: false, amount: T::default() });
                sum.members += 1;
                sum.amount.add(amount);
            }
            !is_removed
        });
        let (members, shown, others) = rank(limit, by_id, folded);
        let shown = shown.into_iter().map(|(id, amount)| {
            let tag = directory.tag(id);
            Ranked { name: directory.name(id), provider: Some(tag), amount }
        });
        Self { members, total, shown: shown.collect(), others, removed }
    }
}

type ByName<'r, T> = HashMap<&'r str, T, RandomState>;
type Largest<'r, T> = Vec<(&'r str, T)>;

fn add_up<'r, T: Amount>(rows: impl IntoIterator<Item = (&'r str, T)>) -> (T, ByName<'r, T>) {
    let (mut total, mut by_name) = (T::default(), ByName::default());
    for (name, amount) in rows {
        by_name.entry(name).or_insert_with(T::default).add(&amount);
        total.add(&amount);
    }
    (total, by_name)
}

/// The number of members, the largest of them, and the sum of the rest with what was folded.
fn rank<'r, T: Amount>(
    limit: usize,
    by_name: ByName<'r, T>,
    folded: Option<T>,
) -> (usize, Largest<'r, T>, Option<Others<T>>) {
    let members = by_name.len();
    let mut shown: Vec<_> = by_name.into_iter().collect();
    shown.sort_unstable_by_key(|&(name, amount)| (Reverse(amount.rank()), name));
    let rest = shown.split_off(shown.len().min(limit));
    let others = (folded.is_some() || !rest.is_empty()).then(|| {
        let mut amount = folded.unwrap_or_default();
        rest.iter().for_each(|(_, other)| amount.add(other));
        Others { members: rest.len(), folded: folded.is_some(), amount }
    });
    (members, shown, others)
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::Family;

    use super::*;
    use crate::overview::families::{Families, gauge};
    use crate::overview::library::Channels;

    fn ranking(limit: usize, rows: &[(&str, u64)]) -> Ranking<Channels> {
        Ranking::of(limit, rows.iter().map(|&(name, channels)| (name, Channels { channels })))
    }

    #[test]
    fn the_largest_are_shown_and_the_others_add_up() {
        let ranking = ranking(2, &[("c", 1), ("b", 3), ("a", 3), ("d", 5), ("c", 1)]);
        assert_eq!((ranking.members, ranking.total.channels), (4, 13));
        let shown: Vec<_> = ranking.shown.iter().map(|one| (&*one.name, one.amount.channels)).collect();
        assert_eq!(shown, [("d", 5), ("a", 3)]);
        assert_eq!(ranking.others, Some(Others { members: 2, folded: false, amount: Channels { channels: 5 } }));
    }

    #[test]
    fn folded_series_are_among_the_others_however_large_they_are() {
        let ranking = ranking(2, &[("_other", 100), ("a", 1)]);
        assert_eq!((ranking.members, ranking.total.channels, ranking.shown.len()), (1, 101, 1));
        let others = Others { members: 0, folded: true, amount: Channels { channels: 100 } };
        assert_eq!(ranking.others, Some(others));
    }

    #[test]
    fn there_are_no_others_when_all_are_shown() {
        assert_eq!(ranking(2, &[("a", 0), ("b", 1)]).others, None);
        assert_eq!(ranking(2, &[]).shown.len(), 0);
    }

    #[test]
    fn removed_providers_are_added_up_and_not_shown() {
        let labels = ["provider_id", "provider_name", "provider_type"];
        let info: Family = gauge("playarr_provider_info", &labels, &[(&["a", "AGTV", "agtv"], 1.0)]);
        let families = [info];
        let directory = Directory::of(&Families::new(&families));
        let rows = [("a", 2), ("gone", 40), ("unknown", 1), ("_other", 7)];
        let rows = rows.map(|(id, channels)| (id, Channels { channels }));
        let ranking = Ranking::of_providers(10, &directory, rows);
        assert_eq!((ranking.members, ranking.total.channels), (1, 50));
        assert_eq!(ranking.shown[0].name, "AGTV");
        assert_eq!(ranking.others.unwrap().amount.channels, 7);
        let removed = Others { members: 2, folded: false, amount: Channels { channels: 41 } };
        assert_eq!(ranking.removed, Some(removed));
    }
}
