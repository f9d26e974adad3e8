//! The catalog for programs.

use serde_json::{Value, json};

use crate::catalog::{Catalog, CatalogEntry};

/// Families, recording rules and alerts.
pub(super) fn document(catalog: &Catalog) -> String {
    let recordings: Vec<_> = catalog.recordings().map(|rule| json!({ "name": rule.name, "expr": rule.expr })).collect();
    let alerts: Vec<_> = catalog
        .alerts()
        .map(|alert| {
            json!({
                "name": alert.name,
                "severity": alert.severity.as_str(),
                "for": alert.hold,
                "expr": alert.expr,
                "summary": alert.summary,
                "description": alert.description,
            })
        })
        .collect();
    let families: Vec<_> = catalog.entries.iter().map(family).collect();
    pretty(&json!({ "families": families, "recordings": recordings, "alerts": alerts }))
}

/// A document over several lines, with a line end.
pub(super) fn pretty(document: &Value) -> String {
    format!("{document:#}\n")
}

fn family(entry: &CatalogEntry) -> Value {
    let labels: Vec<_> = entry
        .labels
        .iter()
        .map(|label| match label.values {
            [] => json!({ "name": label.name }),
            values => json!({ "name": label.name, "values": values }),
        })
        .collect();
    let mut family = json!({
        "name": entry.name,
        "type": entry.kind.as_str(),
        "labels": labels,
        "unit": entry.unit,
        "help": entry.help,
        "origin": entry.origin.as_str(),
    });
    if let Some(note) = entry.note {
        family["note"] = note.into();
    }
    if !entry.bounds.is_empty() {
        family["buckets"] = entry.bounds.into();
    }
    family
}
