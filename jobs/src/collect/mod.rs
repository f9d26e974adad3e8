//! MongoDB to one family: a definition names the queries, a source asks them, the collector turns rows into series and
//! keeps them within the series budget.

mod budget;
mod collector;
mod definition;
mod expression;
mod series;
mod source;

pub(crate) use budget::Budgeted;
pub(crate) use collector::collect;
pub use definition::Definition;
pub(crate) use definition::{Counted, NestedField, Query};
pub(crate) use expression::{is_object, is_text, labelable, length};
pub(crate) use series::Merge;
