//! Which sets of open labels have series of their own. What all shards of the recorder agree on, and what keeps callers
//! from growing memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use playarr_jobs::metric::OTHER;

use crate::live::event::{FAMILIES, FamilyId, Key, SEPARATOR};

/// How many series a family with open labels may have before further ones are folded into `_other`.
pub const LIVE_SERIES_BUDGET: usize = 1_000;

/// The row that stands for every folded one; in a family without open labels, the only row.
pub(in crate::live) const FOLDED: u32 = 0;

/// The rows of every family.
pub(in crate::live) struct Registry {
    families: Box<[Mutex<Rows>]>,
}

/// What becomes of a set of open labels.
pub(in crate::live) enum Admission {
    /// It has a row.
    Row(u32, Arc<str>),
    /// The budget is spent.
    Folded,
    /// It is the set that the folded ones are shown under.
    Other,
}

impl Registry {
    /// No rows, and this budget of series for each family.
    pub(in crate::live) fn new(budget: usize) -> Self {
        let families = FAMILIES.iter().map(|spec| Mutex::new(Rows::new(budget / spec.combinations())));
        Self { families: families.collect() }
    }

    /// The row of a set of open labels: first come, first served, while the budget lasts.
    pub(in crate::live) fn admit(&self, family: FamilyId, key: &Key) -> Admission {
        if key.split(SEPARATOR).all(|label| label == OTHER) {
            return Admission::Other;
        }
        let mut rows = self.rows(family);
        let row = match rows.by_key.get(key.as_str()) {
            Some(&row) => row,
            None if rows.keys.len() < rows.most => rows.add(key),
            None => return Admission::Folded,
        };
        Admission::Row(row, rows.keys[row as usize - 1].clone())
    }

    /// The rows of a family as they are now.
    pub(in crate::live) fn rows(&self, family: FamilyId) -> MutexGuard<'_, Rows> {
        self.families[family.index()].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rows of a family.
pub(in crate::live) struct Rows {
    by_key: HashMap<Arc<str>, u32, RandomState>,
    /// By row, from the one after that of the folded.
    keys: Vec<Arc<str>>,
    /// The rows in the order of their keys.
    sorted: Vec<u32>,
    most: usize,
}

impl Rows {
    fn new(most: usize) -> Self {
        Self { by_key: HashMap::default(), keys: Vec::new(), sorted: Vec::new(), most: most.max(1) }
    }

    fn add(&mut self, key: &Key) -> u32 {
        let key: Arc<str> = Arc::from(key.as_str());
        let position = self.sorted.partition_point(|&row| *self.keys[row as usize - 1] < *key);
        self.keys.push(key.clone());
        #[expect(clippy::cast_possible_truncation, reason = "as many as the budget allows")]
        let row = self.keys.len() as u32;
        self.sorted.insert(position, row);
        self.by_key.insert(key, row);
        row
    }

    /// Every row with its open labels, in their order.
    pub(in crate::live) fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        self.sorted.iter().map(|&row| (row, &*self.keys[row as usize - 1]))
    }
}
