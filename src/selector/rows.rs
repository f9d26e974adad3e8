//! A set of rows of a family, a bit each.

/// Some of the rows of a family.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    rows: usize,
}

const BITS: usize = u64::BITS as usize;

impl RowSet {
    /// None of this many rows.
    #[must_use]
    pub(crate) fn none(rows: usize) -> Self {
        Self { words: vec![0; rows.div_ceil(BITS)], rows }
    }

    /// Those of this many rows that satisfy a condition.
    #[must_use]
    pub(crate) fn of(rows: usize, chosen: impl Fn(usize) -> bool) -> Self {
        let mut set = Self::none(rows);
        for (position, word) in set.words.iter_mut().enumerate() {
            let first = position * BITS;
            for bit in 0..BITS.min(rows - first) {
                *word |= u64::from(chosen(first + bit)) << bit;
            }
        }
        set
    }

    /// Adds the rows of another set of the same family.
    pub(crate) fn add(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// How many rows are in the set.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set has no rows.
    #[must_use]
    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether a row is in the set.
    #[must_use]
    pub(crate) fn contains(&self, row: usize) -> bool {
        self.words.get(row / BITS).is_some_and(|word| word >> (row % BITS) & 1 == 1)
    }

    /// The first row of the set that is `row` or comes after it.
    #[must_use]
    pub(crate) fn next(&self, row: usize) -> Option<usize> {
        let mut position = row / BITS;
        let mut word = self.words.get(position)? & (u64::MAX << (row % BITS));
        while word == 0 {
            position += 1;
            word = *self.words.get(position)?;
        }
        Some(position * BITS + word.trailing_zeros() as usize)
    }

    /// The rows of the set, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.next(0), |row| self.next(row + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_gives_its_rows_in_order() {
        for rows in [0, 1, 63, 64, 65, 200] {
            let mut set = RowSet::of(rows, |row| row % 7 == 0);
            let expected: Vec<_> = (0..rows).filter(|row| row % 7 == 0).collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), expected);
            assert_eq!(set.len(), expected.len());
            set.add(&RowSet::of(rows, |row| row % 5 == 0));
            let both = |row: &usize| row.is_multiple_of(7) || row.is_multiple_of(5);
            assert_eq!(set.iter().collect::<Vec<_>>(), (0..rows).filter(both).collect::<Vec<_>>());
            assert!((0..rows + 70).all(|row| set.contains(row) == (row < rows && both(&row))));
            assert!(RowSet::none(rows).is_empty());
        }
    }
}
