//! Documents, byte by byte, in each form that was ever written. Every later version reads them. The checkpoint of 0.1.0
//! was made by hand after its form.
//!
//! A new form gets files of its own, beside the old ones: `UPDATE_GOLDEN=1 cargo test --lib old_forms` writes those
//! that are missing, and never changes one.

use std::path::PathBuf;

use mongodb::bson::{Document, deserialize_from_slice, serialize_to_vec};

use super::document::{BaseHead, EntryId, FORM, JournalEntry, totals_of};
use super::migration::{families, recent_batches};
use super::position::WriterPosition;
use crate::live::{ConnectionReport, FamilySeries, Series, Totals};

fn kept(name: &str, write: impl FnOnce() -> Document) -> Document {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/forms").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, serialize_to_vec(&write()).unwrap()).unwrap();
    }
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    deserialize_from_slice(&bytes).unwrap()
}

fn counted(moved: i64) -> Vec<FamilySeries> {
    let family = |name: &str, label: &str, bounds: &[f64], counts: Vec<i64>, nanoseconds| FamilySeries {
        name: name.to_owned(),
        bounds: bounds.to_vec(),
        folded: 3,
        series: vec![Series { labels: vec![label.to_owned()], counts, seconds: 1, nanoseconds, moved }],
    };
    let mut streams = family("playarr_stream_requests_total", "alice", &[], vec![2], 0);
    streams.series[0].seconds = 0;
    let bounds = [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
    let duration = "playarr_stream_request_duration_seconds";
    vec![streams, family(duration, "live", &bounds, vec![1, 0, 0, 1, 0, 0, 0, 0], 550_000_000)]
}

fn reports(at: i64) -> Vec<ConnectionReport> {
    vec![ConnectionReport { reporter: "web-api".to_owned(), connections: 3, at }]
}

#[test]
fn an_entry_of_form_1_is_read() {
    let entry = JournalEntry {
        id: EntryId { writer: i64::MIN, number: 7 },
        form: 1,
        at: 1_700_000_000,
        families: counted(0),
        batches: vec![-7, 8],
        events: vec![10_000, 1],
        reports: reports(0),
    };
    let document = kept("journal-entry-1.bson", || entry.to_document().unwrap());
    assert_eq!(JournalEntry::from_document(document).unwrap(), entry);
}

#[test]
fn a_base_of_form_1_is_read() {
    let position = vec![WriterPosition { writer: i64::MIN, number: 7, at: 1_700_000_000 }];
    let head = BaseHead { form: 1, stamp: -3, epoch: 2, position };
    let mut totals = Totals::default();
    totals.add(&counted(1_700_000_000), &reports(1_700_000_000), 0);
    let document = kept("journal-base-1.bson", || head.with_totals(totals.to_series(), totals.reports()).unwrap());
    assert_eq!(BaseHead::from_document(&document).unwrap(), head);
    let read = totals_of(&document).unwrap();
    assert_eq!((read.to_series(), read.reports()), (totals.to_series(), totals.reports()));
}

#[test]
fn a_checkpoint_of_version_0_1_is_read() {
    let document = kept("checkpoint-0.1.bson", || panic!("only version 0.1.0 writes checkpoints"));
    let found = families(&document).unwrap();
    let of = |name: &str| found.iter().find(|family| family.name == name).unwrap();
    let (streams, duration) = (of("playarr_stream_requests_total"), of("playarr_stream_request_duration_seconds"));
    assert_eq!(
        (streams.folded, &streams.series[0].labels, &streams.series[0].counts),
        (3, &vec!["alice".into()], &vec![2])
    );
    let series = &duration.series[0];
    assert_eq!(
        (duration.bounds.len(), series.counts.len(), series.seconds, series.nanoseconds),
        (7, 8, 1, 550_000_000)
    );
    assert_eq!(recent_batches(&document), [(7, 5)], "the one that is younger than ten minutes");
}

#[test]
fn each_form_that_is_written_has_its_file() {
    for name in ["journal-entry", "journal-base"] {
        let path = format!("{}/fixtures/forms/{name}-{FORM}.bson", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::exists(&path).unwrap(), "{path} is missing; add a test for this form above");
    }
}
