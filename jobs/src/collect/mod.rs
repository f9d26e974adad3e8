//! MongoDB to one family: a definition names the queries, a source asks them, the collector turns rows into series and
//! keeps them within the series budget.

mod collector;
mod definition;
mod expression;
mod reading;
mod series;
mod series_budget;
mod source;

pub(crate) use collector::collect;
pub use definition::Definition;
pub(crate) use definition::{Counted, NestedField, Query};
pub(crate) use expression::{is_object, is_text, labelable, length};
pub use reading::Lag;
pub(crate) use reading::Reading;
pub(crate) use series::Merge;
pub(crate) use series_budget::Budgeted;
pub(crate) use source::{Source, SourceError};
