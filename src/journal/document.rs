//! The form of journal documents in MongoDB.

use mongodb::bson::{Document, Timestamp, deserialize_from_document, serialize_to_document};
use serde::{Deserialize, Serialize};

use super::position::WriterId;

/// The form that this program writes. Documents of another form are left alone.
pub(super) const FORM: i32 = 1;

/// What one writer counted between two of its commits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "_id")]
    pub(super) id: EntryId,
    pub(super) form: i32,
    /// The time of the server, in seconds: it fills an empty timestamp of an insert.
    pub(super) at: Timestamp,
    pub(super) families: Vec<FamilyEntry>,
    /// The digests of its batches. Absent when there are none: the index over it is sparse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) batches: Vec<i64>,
    /// The events of each batch, in the order of `batches`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<i32>,
    /// The connections that other processes reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reports: Vec<Report>,
}

/// Unique for each document, and the same when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryId {
    #[serde(rename = "w")]
    pub(super) writer: WriterId,
    #[serde(rename = "n")]
    pub(super) number: i64,
}

/// The series of a family that were moved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct FamilyEntry {
    pub(super) name: String,
    /// The bounds of a histogram's buckets, in seconds: a later version may have others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) bounds: Vec<f64>,
    /// The events that went to the series `_other`.
    #[serde(default)]
    pub(super) folded: i64,
    pub(super) series: Vec<SeriesEntry>,
}

/// What was added to a series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SeriesEntry {
    pub(super) labels: Vec<String>,
    /// A counter's count, or those of a histogram's buckets, the last one without a bound.
    pub(super) counts: Vec<i64>,
    /// The sum of a histogram's durations: whole seconds and the nanoseconds beyond.
    #[serde(default)]
    pub(super) seconds: i64,
    #[serde(default)]
    pub(super) nanoseconds: i32,
}

/// The WebSocket connections of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) reporter: String,
    pub(super) connections: i64,
}

/// Why a document is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum EntryError {
    /// A later version wrote it.
    #[error(
        "a document of the live metrics has form {0} and this program reads form {FORM}; update this instance"
    )]
    Form(i32),
    /// It is not as this program writes it.
    #[error("a document of the live metrics is damaged and is not counted: {0}")]
    Damaged(String),
}

impl Entry {
    /// The document to insert.
    pub(super) fn to_document(&self) -> Result<Document, EntryError> {
        serialize_to_document(self).map_err(|error| EntryError::Damaged(error.to_string()))
    }

    /// The entry in a document that was read.
    pub(super) fn from_document(document: Document) -> Result<Self, EntryError> {
        if let Ok(form) = document.get_i32("form")
            && form != FORM
        {
            return Err(EntryError::Form(form));
        }
        let entry: Self =
            deserialize_from_document(document).map_err(|error| EntryError::Damaged(error.to_string()))?;
        match entry.fault() {
            Some(fault) => Err(EntryError::Damaged(fault.to_owned())),
            None => Ok(entry),
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let series = || self.families.iter().flat_map(|family| &family.series);
        let is_negative = series().any(|series| {
            series.seconds < 0 || series.nanoseconds < 0 || series.counts.iter().any(|&count| count < 0)
        });
        if self.id.number < 1 {
            Some("its number is not 1 or more")
        } else if self.batches.len() != self.events.len() {
            Some("it has not one number of events for each batch")
        } else if is_negative || self.families.iter().any(|family| family.folded < 0) {
            Some("a count or a duration is negative")
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

    use super::*;

    fn entry() -> Entry {
        let series = SeriesEntry {
            labels: vec!["agtv".to_owned()],
            counts: vec![0, i64::MAX],
            seconds: i64::MAX,
            nanoseconds: 999_999_999,
        };
        let family =
            FamilyEntry { name: "durations".to_owned(), bounds: vec![0.1], folded: 3, series: vec![series] };
        Entry {
            id: EntryId { writer: i64::MIN, number: 1 },
            form: FORM,
            at: Timestamp { time: 0, increment: 0 },
            families: vec![family],
            batches: vec![-7],
            events: vec![10_000],
            reports: vec![Report { reporter: "web-api".to_owned(), connections: 3 }],
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let document = entry().to_document().unwrap();
        assert_eq!(Entry::from_document(document).unwrap(), entry());
    }

    #[test]
    fn an_entry_without_batches_has_no_field_that_the_unique_index_would_hold() {
        let document = Entry { batches: vec![], events: vec![], ..entry() }.to_document().unwrap();
        assert!(!document.contains_key("batches"));
    }

    #[test]
    fn another_form_is_named_and_damage_is_an_error() {
        let good = || entry().to_document().unwrap();
        let with = |key: &str, value: Bson| {
            let mut document = good();
            document.insert(key, value);
            Entry::from_document(document).unwrap_err()
        };
        assert!(matches!(with("form", Bson::Int32(2)), EntryError::Form(2)));
        for (key, value) in [
            ("form", Bson::Null),
            ("families", Bson::String("x".to_owned())),
            (
                "families",
                Bson::Array(vec![Bson::Document(
                    doc! { "name": "a", "series": [{ "labels": [], "counts": [-1_i64] }] },
                )]),
            ),
            ("events", Bson::Array(vec![])),
            ("_id", Bson::Document(doc! { "w": 1_i64, "n": 0_i64 })),
            ("at", Bson::Null),
        ] {
            assert!(matches!(with(key, value.clone()), EntryError::Damaged(_)), "{key}: {value}");
        }
        assert!(Entry::from_document(Document::new()).is_err());
    }
}
