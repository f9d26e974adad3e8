//! A rule file for Prometheus.

use std::fmt::Write;

use crate::catalog::Catalog;

/// Recording rules, then the alerts that may need them, each with a link to what to do.
pub(super) fn file(catalog: &Catalog, docs: &str) -> String {
    let mut out = String::from(
        "# Recording rules and alerts of Playarr, made by `playarr-metrics catalog --format rules`.\n\
         # They expect the service to be scraped under the job name playarr.\n\
         groups:\n  - name: playarr-recordings\n    rules:\n",
    );
    for rule in catalog.recordings() {
        line(&mut out, format_args!("      - record: {}", rule.name));
        expression(&mut out, rule.expr);
    }
    out.push_str("  - name: playarr-alerts\n    rules:\n");
    for alert in catalog.alerts() {
        line(&mut out, format_args!("      - alert: {}", alert.name));
        expression(&mut out, &alert.expr);
        line(&mut out, format_args!("        for: {}", alert.hold));
        line(&mut out, format_args!("        labels:\n          severity: {}", alert.severity.as_str()));
        line(&mut out, format_args!("        annotations:"));
        for (name, text) in [
            ("summary", &*alert.summary),
            ("description", &*alert.description),
            ("runbook_url", &*runbook(docs, alert.name)),
        ] {
            line(&mut out, format_args!("          {name}: {}", quoted(text)));
        }
    }
    out
}

/// The address of what to do about an alert.
fn runbook(docs: &str, alert: &str) -> String {
    format!("{docs}/operating.md#{}", alert.to_ascii_lowercase())
}

/// An expression as a block, in which nothing needs quotes.
fn expression(out: &mut String, expr: &str) {
    out.push_str("        expr: |-\n");
    for part in expr.lines() {
        line(out, format_args!("          {part}"));
    }
}

/// A text in the double quotes of JSON, which are those of YAML as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn line(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").unwrap_or_else(|_| unreachable!("a String takes all that is written to it"));
}
