//! Every series at one moment, for people and programs that look for some of them: families, pages of series,
//! cardinality and exports.

mod cardinality;
mod cursor;
mod export;
mod families;
mod promql;
mod series;
mod table;
mod view;

pub(crate) use cardinality::{Budget, cardinality};
pub(crate) use cursor::CursorError;
pub(crate) use export::{Export, ExportFormat, compressed, csv_cell, file_name};
pub(crate) use families::families;
pub(crate) use series::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest, Sort, page};
pub(crate) use table::{CardinalityTable, ExportedTable};
pub(crate) use view::View;
