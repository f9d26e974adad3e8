//! MongoDB to one family: a definition names the queries, a source asks them, the collector turns rows into series and
//! keeps them within the series budget.

mod budget;
mod collector;
mod definition;
mod expression;
mod series;
mod source;

pub use budget::{Budgeted, fold};
pub use collector::collect;
pub use definition::{Counted, Definition, NestedField, Query};
pub use expression::{is_object, is_text, labelable, length};
pub use series::{Merge, SeriesTable};
pub use source::{Source, SourceError};
