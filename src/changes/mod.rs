//! What is different between two snapshots: series by series (`diff`), and in sentences for people (`sentences`).
//!
//! Series that the series budget folded on one side cannot be told apart there. They are never called new, gone or
//! changed; they are counted and said to be not comparable.

mod csv;
mod diff;
mod difference;
mod group;
mod number;
mod sentences;
mod wording;

pub(crate) use csv::csv;
pub(crate) use diff::{Comparison, FamilyChange, SeriesChange};
pub(crate) use difference::Difference;
pub(crate) use sentences::{ProviderNames, Sentence, sentences};
