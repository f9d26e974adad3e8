//! JSON, as one document or a document a line.

use serde_json::{Map, json};

use super::{About, ExportedFamily};
use crate::explore::series::{number, values};

/// Writes what comes before the first series.
pub(super) fn begin(about: &About, total: usize, out: &mut Vec<u8>) {
    let taken_at = Some(&about.taken_at).filter(|taken_at| !taken_at.is_empty());
    let beginning = json!({ "generation": about.generation, "taken_at": taken_at, "total": total });
    let text = beginning.to_string();
    out.extend_from_slice(text.trim_end_matches('}').as_bytes());
    out.extend_from_slice(b",\"series\":[");
}

/// Writes a series; `about` is for series that stand alone.
pub(super) fn series(part: &ExportedFamily, row: usize, about: Option<&About>, out: &mut Vec<u8>) {
    let ExportedFamily { family, kind, unit, taken_at, .. } = part;
    let labels: Map<_, _> = family.labels(row).map(|(name, value)| (name.to_owned(), value.into())).collect();
    let mut series = json!({
        "metric": family.name,
        "type": kind,
        "labels": labels,
        "value": number(values(family)[row]),
        "unit": unit,
        "taken_at": taken_at,
    });
    if let Some(about) = about {
        series["generation"] = about.generation.into();
    }
    // Writing to memory cannot fail.
    let _ = serde_json::to_writer(out, &series);
}
