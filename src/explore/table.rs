//! The tables of the explorer as files: the list of families, and those of the cardinality.

use playarr_jobs::metric::Text;
use serde_json::Value;

use super::export::csv_cell;

/// A table of the explorer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExportedTable {
    /// The list of families.
    Families,
    /// A table of the cardinality.
    Cardinality(CardinalityTable),
}

/// A table of the cardinality.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum CardinalityTable {
    /// The largest families.
    Families,
    /// The labels.
    Labels,
    /// The label values that most series have.
    Values,
    /// What the budget folded.
    Folded,
}

impl ExportedTable {
    /// The name of the list in the answer that the table is made of.
    fn list(self) -> &'static str {
        match self {
            Self::Families => "families",
            Self::Cardinality(table) => table.into(),
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Families => {
                &["name", "type", "origin", "unit", "labels", "series", "share", "folded", "taken_at", "help"]
            }
            Self::Cardinality(CardinalityTable::Families) => &["name", "type", "origin", "series", "share"],
            Self::Cardinality(CardinalityTable::Labels) => &["name", "distinct", "series", "families"],
            Self::Cardinality(CardinalityTable::Values) => &["label", "value", "series", "share"],
            Self::Cardinality(CardinalityTable::Folded) => &["name", "series", "setting", "advice"],
        }
    }

    /// The name of a file with it.
    #[must_use]
    pub(crate) fn file_name(self, answer: &Value) -> String {
        let of = if self == Self::Families { "" } else { "cardinality-" };
        format!("playarr-metrics-{of}{}-{}.csv", self.list(), answer["generation"])
    }

    /// The table out of the answer of the API, as CSV with the generation in each row.
    #[must_use]
    pub(crate) fn csv(self, answer: &Value) -> Vec<u8> {
        let mut out = [self.columns().join(",").as_bytes(), b",generation\r\n"].concat();
        for row in answer[self.list()].as_array().into_iter().flatten() {
            for column in self.columns() {
                csv_cell(&text(&row[column]), &mut out);
                out.push(b',');
            }
            csv_cell(&text(&answer["generation"]), &mut out);
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}

/// A value in one cell; a list as its elements with spaces between them.
fn text(value: &Value) -> Text {
    match value {
        Value::String(text) => text.clone().into(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" ").into(),
        Value::Null => Text::default(),
        other => other.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_has_a_row_for_each_entry_and_runs_nothing() {
        let values = json!([{ "label": "category", "value": "=1+1", "series": 3, "share": 0.5 }]);
        let answer = json!({ "generation": 7, "values": values });
        let table = ExportedTable::Cardinality(CardinalityTable::Values);
        let csv = String::from_utf8(table.csv(&answer)).unwrap();
        assert_eq!(csv, "label,value,series,share,generation\r\ncategory,'=1+1,3,0.5,7\r\n");
        assert_eq!(table.file_name(&answer), "playarr-metrics-cardinality-values-7.csv");

        let family = json!({ "name": "x", "labels": ["a", "b"], "help": "One, two.", "taken_at": null });
        let csv =
            String::from_utf8(ExportedTable::Families.csv(&json!({ "generation": 1, "families": [family] }))).unwrap();
        assert!(csv.ends_with("\r\nx,,,,a b,,,,,\"One, two.\",1\r\n"), "{csv}");
    }
}
