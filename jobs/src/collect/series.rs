//! Rows to series: rows with equal labels become one series.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::metric::Texts;

/// How the values of rows with equal labels become the one value of their series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Merge {
    /// They add up.
    #[default]
    Sum,
    /// The largest counts.
    Max,
    /// The smallest counts.
    Min,
}

impl Merge {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Sum => one + other,
            Self::Max => one.max(other),
            Self::Min => one.min(other),
        }
    }
}

/// Series under construction: each distinct label set once, with the merged values of its rows.
///
/// Label values are interned per label, so a label set is a few integers and adding to half a million series
/// allocates nothing once they are there.
pub(crate) struct SeriesTable {
    merge: Merge,
    labels: Vec<Interner>,
    keys: Vec<u32>,
    values: Vec<f64>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl SeriesTable {
    /// An empty table for series of `width` labels.
    #[must_use]
    pub(crate) fn new(width: usize, merge: Merge) -> Self {
        Self {
            merge,
            labels: (0..width).map(|_| Interner::default()).collect(),
            keys: Vec::new(),
            values: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Merges `value` into the series of these label values, which starts with it if it is the first.
    pub(crate) fn add<L: AsRef<str>>(&mut self, labels: &[L], value: f64) {
        let key: Vec<u32> = labels.iter().enumerate().map(|(label, text)| self.intern(label, text.as_ref())).collect();
        self.add_key(&key, value);
    }

    /// The number that stands for a label value in [`SeriesTable::add_key`].
    pub(crate) fn intern(&mut self, label: usize, text: &str) -> u32 {
        self.labels[label].intern(text)
    }

    /// Merges `value` into the series of these interned label values.
    ///
    /// # Panics
    /// Beyond 2^32 series, which no memory of ours holds.
    pub(crate) fn add_key(&mut self, key: &[u32], value: f64) {
        let width = self.labels.len();
        debug_assert_eq!(key.len(), width, "one interned value for each label");
        let Self { merge, keys, values, index, hasher, .. } = self;
        let row_key = |row: u32| &keys[row as usize * width..][..width];
        let hash = hasher.hash_one(key);
        if let Some(&row) = index.find(hash, |&row| row_key(row) == key) {
            values[row as usize] = merge.of(values[row as usize], value);
            return;
        }
        let row = u32::try_from(values.len()).expect("fewer than 2^32 series");
        index.insert_unique(hash, row, |&row| hasher.hash_one(row_key(row)));
        keys.extend_from_slice(key);
        values.push(value);
    }

    /// How many labels each series has.
    #[must_use]
    pub(crate) fn width(&self) -> usize {
        self.labels.len()
    }

    /// How many series there are.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// About how many bytes of memory it takes.
    #[must_use]
    pub(crate) fn bytes(&self) -> usize {
        let texts: usize = self.labels.iter().map(|label| label.texts.bytes()).sum();
        texts + size_of_val(&*self.keys) + size_of_val(&*self.values)
    }

    /// The interned label values of a series.
    pub(crate) fn key(&self, row: u32) -> &[u32] {
        let width = self.width();
        &self.keys[row as usize * width..][..width]
    }

    /// The value of a series.
    pub(crate) fn value(&self, row: u32) -> f64 {
        self.values[row as usize]
    }

    /// The text of an interned label value.
    pub(crate) fn text(&self, label: usize, id: u32) -> &str {
        self.labels[label].texts.get(id)
    }

    /// For each interned value of a label, its place in ascending order.
    ///
    /// Comparing places instead of texts makes sorting half a million series a matter of integers.
    #[expect(clippy::cast_possible_truncation, reason = "as many as there are interned texts")]
    pub(crate) fn ranks(&self, label: usize) -> Vec<u32> {
        let texts = &self.labels[label].texts;
        let mut order: Vec<u32> = (0..texts.len()).collect();
        order.sort_unstable_by_key(|&id| texts.get(id));
        let mut ranks = vec![0; order.len()];
        for (rank, id) in order.into_iter().enumerate() {
            ranks[id as usize] = rank as u32;
        }
        ranks
    }
}

#[derive(Default)]
struct Interner {
    texts: Texts,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Interner {
    fn intern(&mut self, text: &str) -> u32 {
        let Self { texts, index, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(&id) = index.find(hash, |&id| texts.get(id) == text) {
            return id;
        }
        let id = texts.push(text);
        index.insert_unique(hash, id, |&id| hasher.hash_one(texts.get(id)));
        id
    }
}
