//! Which sets of open labels have series of their own. Keeps callers from growing memory.

use std::collections::HashSet;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use playarr_jobs::metric::{LabelSpec, OTHER, Spec};

use super::event::{FAMILIES, FamilyId, LabelKey, SEPARATOR};

/// How many series a family with open labels may have before further ones are folded into `_other`.
pub const LIVE_SERIES_BUDGET: usize = 1_000;

/// How many sets of open labels beyond the budget are kept for what this service records itself. Its endpoints are few
/// and known, so other processes that spend the budget must not hide them.
const RESERVED_ROWS: usize = 100;

/// Who records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordedBy {
    /// This service.
    Service,
    /// Another process, in a batch.
    Batch,
}

/// The answer to a set of open labels.
#[derive(Debug)]
pub(super) enum Admission {
    /// It has a row of its own.
    Own(Arc<str>),
    /// The budget is spent: the event goes to the row of this key.
    Folded(Arc<str>),
}

/// The sets of open labels that have a row, by family.
pub(super) struct Admissions {
    families: Box<[Mutex<Rows>]>,
}

struct Rows {
    keys: HashSet<Arc<str>, RandomState>,
    /// The key under which folded events are shown.
    other: Arc<str>,
    budget: usize,
}

impl Admissions {
    /// No rows yet; `budget` is that of a family, in series.
    pub(super) fn new(budget: usize) -> Self {
        let rows = |spec: &&Spec| {
            let budget = (budget / spec.combinations()).max(1);
            Mutex::new(Rows { keys: HashSet::default(), other: other_key(spec).into(), budget })
        };
        Self { families: FAMILIES.iter().map(rows).collect() }
    }

    /// First come, first served, while the budget lasts.
    pub(super) fn admit(&self, family: FamilyId, key: &LabelKey, origin: RecordedBy) -> Admission {
        let mut rows = self.families[family.index()].lock();
        if let Some(known) = rows.keys.get(key.as_str()) {
            return Admission::Own(known.clone());
        }
        if *key == *rows.other {
            return Admission::Own(rows.other.clone());
        }
        let most = match origin {
            RecordedBy::Service => rows.budget + RESERVED_ROWS,
            RecordedBy::Batch => rows.budget,
        };
        if rows.keys.len() >= most {
            return Admission::Folded(rows.other.clone());
        }
        let key: Arc<str> = Arc::from(key.as_str());
        rows.keys.insert(key.clone());
        Admission::Own(key)
    }

    /// Gives a row to a set of open labels that is shown already, whatever the budget.
    pub(super) fn insert(&self, family: FamilyId, key: Arc<str>) {
        let mut rows = self.families[family.index()].lock();
        if key != rows.other {
            rows.keys.insert(key);
        }
    }

    /// Keeps the rows of these sets of open labels only.
    pub(super) fn replace<'a>(&self, family: FamilyId, keys: impl Iterator<Item = &'a Arc<str>>) {
        let mut rows = self.families[family.index()].lock();
        rows.keys.clear();
        let other = rows.other.clone();
        rows.keys.extend(keys.filter(|key| **key != other).cloned());
    }
}

/// The key of the row that folded events of a family go to.
pub(super) fn other_key(spec: &Spec) -> String {
    let open = spec.label_specs().filter(LabelSpec::is_open).map(|_| OTHER);
    open.collect::<Vec<_>>().join(SEPARATOR.encode_utf8(&mut [0; 4]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> LabelKey {
        LabelKey::from(text).unwrap()
    }

    fn is_own(admission: &Admission) -> bool {
        matches!(admission, Admission::Own(_))
    }

    #[test]
    fn the_service_has_rows_when_other_processes_have_spent_the_budget() {
        let family = FamilyId::HTTP_REQUESTS;
        let admissions = Admissions::new(10);
        for number in 0..20 {
            let admission = admissions.admit(family, &key(&format!("/{number}\x00200")), RecordedBy::Batch);
            assert_eq!(is_own(&admission), number < 10, "{number}");
        }
        assert!(is_own(&admissions.admit(family, &key("/metrics\x00200"), RecordedBy::Service)));
        assert!(is_own(&admissions.admit(family, &key("/metrics\x00200"), RecordedBy::Batch)), "it is shown anyway");
        let folded = admissions.admit(family, &key("/20\x00200"), RecordedBy::Batch);
        assert!(matches!(folded, Admission::Folded(other) if *other == *"_other\x00_other"));
    }

    #[test]
    fn a_row_that_is_not_shown_any_more_makes_room() {
        let family = FamilyId::HTTP_REQUEST_DURATION;
        let admissions = Admissions::new(1);
        assert!(is_own(&admissions.admit(family, &key("/a"), RecordedBy::Batch)));
        assert!(!is_own(&admissions.admit(family, &key("/b"), RecordedBy::Batch)));
        admissions.replace(family, std::iter::empty());
        assert!(is_own(&admissions.admit(family, &key("/b"), RecordedBy::Batch)));
    }
}
