//! The largest of many, so that an answer stays small however large the library.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use playarr_jobs::metric::OTHER;
use serde::Serialize;

/// What adds up, and what makes one larger than another.
pub trait Amount: Copy + Default {
    /// Adds another one.
    fn add(&mut self, other: &Self);

    /// The larger comes first.
    fn rank(&self) -> (u64, u64);
}

/// The largest by name, and all others together.
#[derive(Debug, PartialEq, Serialize)]
pub struct Top<T> {
    /// How many names there are, without folded ones.
    pub members: usize,
    /// Everything together.
    pub total: T,
    /// The largest, the very largest first.
    pub shown: Vec<Entry<T>>,
    /// The others, if there are any.
    pub others: Option<Others<T>>,
}

/// One of the largest.
#[derive(Debug, PartialEq, Serialize)]
pub struct Entry<T> {
    /// What it is called.
    pub name: String,
    /// How much it is.
    #[serde(flatten)]
    pub amount: T,
}

/// The rest.
#[derive(Debug, PartialEq, Serialize)]
pub struct Others<T> {
    /// How many they are, as far as that is known.
    pub members: usize,
    /// Whether there are some among them that the series budget has folded: their number is not known.
    pub folded: bool,
    /// How much they are together.
    #[serde(flatten)]
    pub amount: T,
}

impl<T: Amount> Top<T> {
    /// The largest `most` of these; rows of one name add up.
    pub(super) fn of<'r>(most: usize, rows: impl IntoIterator<Item = (&'r str, T)>) -> Self {
        let mut by_name: HashMap<&str, T, RandomState> = HashMap::default();
        let mut total = T::default();
        for (name, amount) in rows {
            by_name.entry(name).or_default().add(&amount);
            total.add(&amount);
        }
        let folded = by_name.remove(OTHER);
        let members = by_name.len();
        let mut entries: Vec<_> = by_name.into_iter().collect();
        entries.sort_unstable_by_key(|&(name, amount)| (Reverse(amount.rank()), name));
        let rest = entries.split_off(entries.len().min(most));
        let others = (folded.is_some() || !rest.is_empty()).then(|| {
            let mut amount = folded.unwrap_or_default();
            rest.iter().for_each(|(_, other)| amount.add(other));
            Others { members: rest.len(), folded: folded.is_some(), amount }
        });
        let shown = entries.into_iter().map(|(name, amount)| Entry { name: name.to_owned(), amount });
        Self { members, total, shown: shown.collect(), others }
    }
}

/// A type of named counts that add up: `(rank) -> ...` says which comes first.
macro_rules! amounts {
    ($($(#[doc = $doc:literal])+ $amount:ident { $($(#[doc = $field_doc:literal])+ $field:ident,)+ } first $rank:expr;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
        pub struct $amount { $($(#[doc = $field_doc])+ pub $field: u64,)+ }

        impl $crate::overview::top::Amount for $amount {
            fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)+
            }

            fn rank(&self) -> (u64, u64) {
                let rank: fn(&Self) -> (u64, u64) = $rank;
                rank(self)
            }
        }
    )+};
}

pub(super) use amounts;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::Channels;

    fn top(most: usize, rows: &[(&str, u64)]) -> Top<Channels> {
        Top::of(most, rows.iter().map(|&(name, channels)| (name, Channels { channels })))
    }

    #[test]
    fn the_largest_are_shown_and_the_others_add_up() {
        let top = top(2, &[("c", 1), ("b", 3), ("a", 3), ("d", 5), ("c", 1)]);
        assert_eq!((top.members, top.total.channels), (4, 13));
        let shown: Vec<_> = top.shown.iter().map(|entry| (&*entry.name, entry.amount.channels)).collect();
        assert_eq!(shown, [("d", 5), ("a", 3)]);
        assert_eq!(top.others, Some(Others { members: 2, folded: false, amount: Channels { channels: 5 } }));
    }

    #[test]
    fn what_the_budget_has_folded_is_with_the_others_however_large() {
        let top = top(2, &[("_other", 100), ("a", 1)]);
        assert_eq!((top.members, top.total.channels, top.shown.len()), (1, 101, 1));
        assert_eq!(top.others, Some(Others { members: 0, folded: true, amount: Channels { channels: 100 } }));
    }

    #[test]
    fn without_others_there_are_none() {
        assert_eq!(top(2, &[("a", 0), ("b", 1)]).others, None);
        assert_eq!(top(2, &[]).shown.len(), 0);
    }
}
