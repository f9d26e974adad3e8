//! The kinds of difference, and the values that are compared.

use playarr_jobs::metric::{Family, Points};

/// How a series differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It is only in the later snapshot.
    New,
    /// It is only in the earlier snapshot.
    Gone,
    /// Its value is another one.
    Changed,
    /// It is, or may be, folded in one of them.
    NotComparable,
}

impl Difference {
    /// The name in answers.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::NotComparable => "not_comparable",
        }
    }
}

/// The values of a family; none of a histogram, which no snapshot has.
pub(super) fn numbers(family: &Family) -> &[f64] {
    match &family.points {
        Points::Numbers(numbers) => numbers,
        Points::Histograms(_) => &[],
    }
}
