//! A table by RFC 4180, which a spreadsheet opens without running anything in it.

use std::collections::HashSet;

use playarr_jobs::metric::Text;

use super::{About, ExportedFamily};
use crate::explore::series::values;
use crate::exposition::value;
use crate::selector::Chosen;

/// The columns before those of labels.
const COLUMNS: [&str; 6] = ["metric", "type", "value", "unit", "generation", "taken_at"];

/// The labels that occur, in the order in which they do.
pub(super) fn labels(chosen: &[Chosen]) -> Vec<Text> {
    let mut seen = HashSet::new();
    let columns = chosen.iter().flat_map(|chosen| &chosen.stored.family.columns);
    columns.map(|column| column.name.clone()).filter(|name| seen.insert(name.clone())).collect()
}

/// Writes the first record. A label that is called as another column gets `label_` before its name.
pub(super) fn header(labels: &[Text], out: &mut Vec<u8>) {
    let labels = labels.iter().map(|label| match COLUMNS.contains(&&**label) {
        true => format!("label_{label}"),
        false => label.to_string(),
    });
    let columns: Vec<_> = COLUMNS.iter().map(|column| (*column).to_owned()).chain(labels).collect();
    out.extend_from_slice(columns.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Writes a series.
pub(super) fn record(part: &ExportedFamily, row: usize, about: &About, labels: &[Text], out: &mut Vec<u8>) {
    let ExportedFamily { family, kind, unit, taken_at, .. } = part;
    let mut number = Vec::new();
    value(values(family)[row], &mut number);
    let number = String::from_utf8_lossy(&number);
    let generation = about.generation.to_string();
    for (position, text) in [&*family.name, kind, &number, unit, &generation, taken_at].into_iter().enumerate() {
        if position > 0 {
            out.push(b',');
        }
        cell(text, out);
    }
    for wanted in labels {
        out.push(b',');
        if let Some((_, text)) = family.labels(row).find(|(name, _)| name == wanted) {
            cell(text, out);
        }
    }
    out.extend_from_slice(b"\r\n");
}

/// Writes a text as one cell.
pub(crate) fn cell(text: &str, out: &mut Vec<u8>) {
    let is_quoted = text.contains(['"', ',', '\n', '\r']);
    if is_quoted {
        out.push(b'"');
    }
    if needs_apostrophe(text) {
        out.push(b'\'');
    }
    for &byte in text.as_bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    if is_quoted {
        out.push(b'"');
    }
}

/// Whether a spreadsheet would run a text; numbers are what they look like. A text that only looks as if it had been
/// made harmless gets another apostrophe, so that taking one away always gives the text back.
fn needs_apostrophe(text: &str) -> bool {
    let bare = text.trim_start_matches('\'');
    bare.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text)
}

/// Whether a text is a number in digits, such as -1, +0.5 or 1e9.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) && text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_run() {
        for (text, expected) in [
            ("agtv", "agtv"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a\"b\nc", "\"a\"\"b\nc\""),
            ("=1+1", "'=1+1"),
            ("+Inf", "'+Inf"),
            ("-1", "-1"),
            ("-1.5e-7", "-1.5e-7"),
            ("-1+1", "'-1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\r=1", "\"'\r=1\""),
            ("'80s", "'80s"),
            ("'=1", "''=1"),
            ("'-1", "''-1"),
            ("📺", "📺"),
        ] {
            let mut out = Vec::new();
            cell(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}
