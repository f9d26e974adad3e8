//! The catalog for people: `docs/metrics.md`.

use std::fmt::{self, Write};

use super::dashboard::layout::SECTIONS;
use crate::catalog::{Catalog, CatalogEntry, Origin};

/// The whole page.
pub(super) fn document(catalog: &Catalog) -> String {
    let mut out = Document(String::from(
        "# Metrics\n\n\
         Every metric of playarr-metrics, and the rules and panels made of them. This page is printed by\n\
         `playarr-metrics catalog --format markdown`; what to do about an alert is in [operating.md](operating.md).\n",
    ));
    let has_any = |origin: &Origin| catalog.entries.iter().any(|entry| entry.origin == *origin);
    for origin in Origin::ALL.into_iter().filter(has_any) {
        out.line(format_args!("\n## {}\n\n{}\n", title(origin), preface(origin)));
        out.line(format_args!("| metric | type | labels | unit | meaning |\n|---|---|---|---|---|"));
        for entry in catalog.entries.iter().filter(|entry| entry.origin == origin) {
            let (kind, labels) = (entry.kind.as_str(), labels(entry));
            let (name, unit, help) = (&entry.name, cell(&entry.unit), cell(&entry.help));
            let (buckets, note) = (buckets(entry), note(entry));
            out.line(format_args!("| `{name}` | {kind} | {labels} | {unit} | {help}{buckets}{note} |"));
        }
    }
    out.line(format_args!(
        "\n## Alerts\n\n\
         `playarr-metrics catalog --format rules` prints the rule file.\n\n\
         | alert | severity | for | when |\n|---|---|---|---|"
    ));
    for alert in catalog.alerts() {
        let (name, anchor) = (alert.name, alert.name.to_ascii_lowercase());
        let (severity, hold, expr) = (alert.severity.as_str(), alert.hold, code(&alert.expr));
        out.line(format_args!("| [{name}](operating.md#{anchor}) | {severity} | {hold} | {expr} |"));
    }
    out.line(format_args!("\n## Recording rules\n\n| name | query |\n|---|---|"));
    for rule in catalog.recordings() {
        out.line(format_args!("| `{}` | {} |", rule.name, code(rule.expr)));
    }
    out.line(format_args!(
        "\n## Dashboard\n\n\
         `playarr-metrics catalog --format dashboard` prints it, for Grafana 10 and later. Its rows and panels:\n"
    ));
    for section in SECTIONS {
        let panels: Vec<_> =
            catalog.panels().filter(|panel| panel.section == section).map(|panel| panel.title).collect();
        out.line(format_args!("- **{}**: {}", section.title(), panels.join(", ")));
    }
    out.0
}

fn title(origin: Origin) -> &'static str {
    match origin {
        Origin::Database => "Gauges from the database",
        Origin::Custom => "Custom metrics",
        Origin::Live => "Live metrics",
        Origin::Service => "About the service itself",
    }
}

fn preface(origin: Origin) -> &'static str {
    match origin {
        Origin::Database => {
            "Counted in MongoDB at each refresh. `EPISODES_DETAIL` leaves labels of the episodes away; series of a\n\
             gauge beyond its `SERIES_BUDGET` are summed under `_other`."
        }
        Origin::Custom => {
            "Defined in `CUSTOM_METRICS_FILE` and counted in MongoDB at each refresh; see\n\
             [custom metrics](custom-metrics.md)."
        }
        Origin::Live => {
            "Counted as things happen, in this process and in those that report to `POST /api/metrics/events`. Labels\n\
             whose values are listed show all of them from the start."
        }
        Origin::Service => "What the service says of its refreshes, collectors, scrapes, tokens, database and process.",
    }
}

fn labels(entry: &CatalogEntry) -> String {
    let label = |label: &crate::catalog::CatalogLabel| match label.values {
        [] => label.name.to_string(),
        values => format!("{} ({})", label.name, values.join(", ")),
    };
    entry.labels.iter().map(label).collect::<Vec<_>>().join(", ")
}

fn buckets(entry: &CatalogEntry) -> String {
    if entry.bounds.is_empty() {
        return String::new();
    }
    let bounds: Vec<_> = entry.bounds.iter().map(f64::to_string).collect();
    format!(" Buckets: {}.", bounds.join(", "))
}

fn note(entry: &CatalogEntry) -> String {
    entry.note.map(|note| format!(" {note}")).unwrap_or_default()
}

/// A query in one line of a table.
fn code(expr: &str) -> String {
    let words: Vec<_> = expr.split_whitespace().collect();
    format!("`{}`", cell(&words.join(" ")))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

struct Document(String);

impl Document {
    fn line(&mut self, line: fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").unwrap_or_else(|_| unreachable!("a String takes all that is written to it"));
    }
}
