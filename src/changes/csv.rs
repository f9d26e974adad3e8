//! The series that differ, as CSV (RFC 4180).

use std::collections::BTreeSet;

use super::diff::{Comparison, FamilyChange};
use crate::explore::csv_cell;

/// The columns before those of labels.
const COLUMNS: [&str; 4] = ["metric", "difference", "before", "after"];

/// A line for each series that differs or cannot be compared, with a column for each label that occurs. A label that is
/// called as another column gets `label_` before its name.
pub(crate) fn csv(comparison: &Comparison<'_>) -> Vec<u8> {
    let changed = || comparison.families.iter().filter(|family| !family.series.is_empty());
    let labels: BTreeSet<&str> = changed().flat_map(FamilyChange::label_names).collect();
    let mut out = COLUMNS.join(",").into_bytes();
    for label in &labels {
        let prefix = if COLUMNS.contains(label) { "label_" } else { "" };
        out.extend_from_slice(format!(",{prefix}{label}").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    for family in changed() {
        for &series in &family.series {
            let (before, after) = family.values(series);
            let number = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
            let difference = series.difference.as_str();
            out.extend_from_slice(
                format!("{},{difference},{},{}", family.name(), number(before), number(after)).as_bytes(),
            );
            for label in &labels {
                out.push(b',');
                if let Some((_, value)) = family.labels(series).find(|(name, _)| name == label) {
                    csv_cell(value, &mut out);
                }
            }
            out.extend_from_slice(b"\r\n");
        }
    }
    out
}
