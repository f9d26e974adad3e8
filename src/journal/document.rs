//! The form of the journal's documents and of the base in MongoDB.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{
    Binary, Document, deserialize_from_document, deserialize_from_slice, serialize_to_document, serialize_to_vec,
};
use playarr_jobs::database::StoredDocument;
use serde::{Deserialize, Serialize};

use super::position::{Position, WriterId, WriterPosition};
use crate::live::{ConnectionReport, FamilySeries, Totals};

/// The form that this program writes. Documents of another form are left alone.
pub(super) const FORM: i32 = 1;

/// The most that a base may hold when it is unpacked, in bytes. Far beyond what the budgets of series allow.
const MAX_STATE: u64 = 64 << 20;

/// What one writer counted between two of its commits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct JournalEntry {
    #[serde(rename = "_id")]
    pub(super) id: EntryId,
    pub(super) form: i32,
    /// When it was made, in seconds since the Unix epoch by the clock of the server.
    pub(super) at: i64,
    pub(super) families: Vec<FamilySeries>,
    /// The digests of its batches. Absent when there are none: the index over it is sparse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) batches: Vec<i64>,
    /// The events of each batch, in the order of `batches`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) events: Vec<i32>,
    /// The connections that processes reported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) reports: Vec<ConnectionReport>,
}

/// Unique for each document, and the same when it is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EntryId {
    #[serde(rename = "w")]
    pub(super) writer: WriterId,
    #[serde(rename = "n")]
    pub(super) number: i64,
}

/// A base without its totals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BaseHead {
    pub(super) form: i32,
    /// Random, another one in each base.
    pub(super) stamp: i64,
    /// Raised when series are removed: totals of an earlier epoch are not compared with these.
    pub(super) epoch: i64,
    /// The documents that are in it.
    pub(super) position: Vec<WriterPosition>,
}

/// The totals of a base.
#[derive(Debug, Default, Serialize, Deserialize)]
struct StoredTotals {
    families: Vec<FamilySeries>,
    reports: Vec<ConnectionReport>,
}

/// Why a document is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum FormError {
    /// A later version wrote it.
    #[error(
        "a document of the live metrics has form {0}, and this version of the service reads form {FORM}; update this \
         instance"
    )]
    Form(i32),
    /// It is not as this program writes it.
    #[error("a document of the live metrics is damaged: {0}")]
    Damaged(String),
}

impl JournalEntry {
    /// The document to insert.
    pub(super) fn to_document(&self) -> Result<Document, FormError> {
        serialize_to_document(self).map_err(damaged)
    }

    /// The entry in a document that was read.
    pub(super) fn from_document(document: Document) -> Result<Self, FormError> {
        check_form(&document)?;
        let entry: Self = deserialize_from_document(document).map_err(damaged)?;
        match entry.fault() {
            Some(fault) => Err(FormError::Damaged(fault.to_owned())),
            None => Ok(entry),
        }
    }

    /// How many series and reports it holds.
    pub(super) fn series(&self) -> usize {
        self.families.iter().map(|family| family.series.len()).sum::<usize>() + self.reports.len()
    }

    /// A document with this id that counts nothing.
    pub(super) fn without_counts(id: EntryId) -> Self {
        let (families, batches, events, reports) = Default::default();
        Self { id, form: FORM, at: 0, families, batches, events, reports }
    }

    fn fault(&self) -> Option<&'static str> {
        if self.id.number < 1 {
            Some("its number is not 1 or more")
        } else if self.batches.len() != self.events.len() {
            Some("it has not one number of events for each batch")
        } else if self.families.iter().any(FamilySeries::has_negative) {
            Some("a count or a duration is negative")
        } else {
            None
        }
    }
}

impl EntryId {
    /// The id of a document, if it can be read.
    pub(super) fn of(document: &Document) -> Option<Self> {
        deserialize_from_document(document.get_document("_id").ok()?.clone()).ok()
    }
}

impl BaseHead {
    /// The head of a base that was read.
    pub(super) fn from_document(document: &Document) -> Result<Self, FormError> {
        check_form(document)?;
        deserialize_from_document(document.clone()).map_err(damaged)
    }

    /// The documents that are in the base.
    pub(super) fn position(&self) -> Position {
        Position::from_stored(&self.position)
    }

    /// The document of the base with these totals. Takes milliseconds where there are many series.
    pub(super) fn with_totals(
        &self,
        families: Vec<FamilySeries>,
        reports: Vec<ConnectionReport>,
    ) -> Result<Document, FormError> {
        let state = serialize_to_vec(&StoredTotals { families, reports }).map_err(damaged)?;
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(&state).map_err(damaged)?;
        let bytes = packed.finish().map_err(damaged)?;
        let mut document = serialize_to_document(self).map_err(damaged)?;
        document.insert("totals", Binary { subtype: BinarySubtype::Generic, bytes });
        Ok(document)
    }
}

/// The totals of a base that was read.
pub(super) fn totals_of(base: &Document) -> Result<Totals, FormError> {
    let packed = base.get_binary_generic("totals").map_err(damaged)?;
    let mut unpacked = Vec::new();
    // The format carries a checksum.
    ZlibDecoder::new(&packed[..]).take(MAX_STATE).read_to_end(&mut unpacked).map_err(damaged)?;
    // MongoDB has not looked at what is packed: its parts may lie in each other as deep as there is room.
    let state: StoredDocument = deserialize_from_slice(&unpacked).map_err(damaged)?;
    let state: StoredTotals = deserialize_from_document(state.into_inner()).map_err(damaged)?;
    if state.families.iter().any(FamilySeries::has_negative) {
        return Err(FormError::Damaged("a count or a duration is negative".to_owned()));
    }
    let mut totals = Totals::default();
    totals.add(&state.families, &state.reports, 0);
    Ok(totals)
}

fn check_form(document: &Document) -> Result<(), FormError> {
    match document.get_i32("form") {
        Ok(form) if form != FORM => Err(FormError::Form(form)),
        _ => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn damaged(error: impl ToString) -> FormError {
    FormError::Damaged(error.to_string())
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{Bson, doc};

    use super::*;
    use crate::live::Series;

    fn family() -> FamilySeries {
        let series =
            Series { labels: vec!["alice".to_owned()], counts: vec![i64::MAX], seconds: 0, nanoseconds: 0, moved: 0 };
        let name = "playarr_stream_requests_total".to_owned();
        FamilySeries { name, bounds: vec![], folded: 3, series: vec![series] }
    }

    fn entry() -> JournalEntry {
        JournalEntry {
            id: EntryId { writer: i64::MIN, number: 1 },
            form: FORM,
            at: 1_700_000_000,
            families: vec![family()],
            batches: vec![-7],
            events: vec![10_000],
            reports: vec![ConnectionReport { reporter: "web-api".to_owned(), connections: 3, at: 0 }],
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let document = entry().to_document().unwrap();
        assert_eq!(JournalEntry::from_document(document).unwrap(), entry());
    }

    #[test]
    fn an_entry_without_batches_has_no_field_that_the_unique_index_would_hold() {
        let document = JournalEntry { batches: vec![], events: vec![], ..entry() }.to_document().unwrap();
        assert!(!document.contains_key("batches"));
    }

    #[test]
    fn another_form_is_named_and_damage_is_an_error() {
        let with = |key: &str, value: Bson| {
            let mut document = entry().to_document().unwrap();
            document.insert(key, value);
            JournalEntry::from_document(document).unwrap_err()
        };
        assert!(matches!(with("form", Bson::Int32(2)), FormError::Form(2)));
        let negative = doc! { "name": "a", "series": [{ "labels": [], "counts": [-1_i64] }] };
        for (key, value) in [
            ("form", Bson::Null),
            ("families", Bson::String("x".to_owned())),
            ("families", Bson::Array(vec![Bson::Document(negative)])),
            ("events", Bson::Array(vec![])),
            ("_id", Bson::Document(doc! { "w": 1_i64, "n": 0_i64 })),
            ("at", Bson::Null),
        ] {
            assert!(matches!(with(key, value.clone()), FormError::Damaged(_)), "{key}: {value}");
        }
        assert!(JournalEntry::from_document(Document::new()).is_err());
    }

    #[test]
    fn a_base_is_read_as_it_was_written_and_damage_is_noticed() {
        let mut totals = Totals::default();
        totals.add(&[family()], &entry().reports, 1_700_000_000);
        let position = vec![WriterPosition { writer: 1, number: 2, at: 3 }];
        let head = BaseHead { form: FORM, stamp: 7, epoch: 1, position };
        let mut document = head.with_totals(totals.to_series(), totals.reports()).unwrap();
        let again = totals_of(&document).unwrap();
        assert_eq!((again.to_series(), again.reports()), (totals.to_series(), totals.reports()));
        assert_eq!(BaseHead::from_document(&document).unwrap(), head);
        let mut bytes = document.get_binary_generic("totals").unwrap().clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        document.insert("totals", Binary { subtype: BinarySubtype::Generic, bytes });
        assert!(totals_of(&document).is_err());
    }
}
