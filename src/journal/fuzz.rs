//! Fuzz targets: the journal's documents, and those of the first version, as MongoDB returns them.
//!
//! They are mutated as extended JSON, so that they stay documents, and as BSON, so that elements have any type.

use std::io::Write;

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, deserialize_from_slice, doc, serialize_to_vec};
use playarr_fuzz::{EXTENDED_JSON, RAW_BSON, bson_of, elements_of, fuzz, kind_of};

use super::document::{BaseHead, EntryId, FORM, JournalEntry, totals_of};
use super::migration::{families, recent_batches};
use super::position::WriterPosition;
use super::state::State;
use crate::live::{ConnectionReport, FamilySeries, Live, Series, Totals};

const WORDS: &[&str] = &[
    "\"form\":",
    "\"_id\":",
    "\"families\":",
    "\"batches\":",
    "\"events\":",
    "\"reports\":",
    "\"series\":",
    "\"labels\":",
    "\"counts\":",
    "\"bounds\":",
    "\"folded\":",
    "\"moved\":",
    "\"alice\"",
    "\"playarr_stream_request_duration_seconds\"",
    "\"playarr_websocket_connections\"",
];

fn words() -> Vec<&'static str> {
    [WORDS, EXTENDED_JSON].concat()
}

fn json(document: &Document) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

fn document(json: &[u8]) -> Option<Document> {
    serde_json::from_slice(json).ok()
}

/// Names of elements, with the zero that ends them.
const RAW_WORDS: &[&str] = &[
    "form\0",
    "_id\0",
    "families\0",
    "batches\0",
    "events\0",
    "reports\0",
    "series\0",
    "labels\0",
    "counts\0",
    "bounds\0",
    "folded\0",
    "moved\0",
];

fn raw_words() -> Vec<&'static str> {
    [RAW_WORDS, RAW_BSON].concat()
}

fn raw(document: &Document) -> Vec<u8> {
    elements_of(&serialize_to_vec(document).unwrap()).to_vec()
}

fn raw_document(elements: &[u8]) -> Option<Document> {
    deserialize_from_slice(&bson_of(elements)).ok()
}

fn entry() -> JournalEntry {
    let series = |counts| {
        vec![Series { labels: vec!["alice".to_owned()], counts, seconds: 3, nanoseconds: 7, moved: 1_700_000_000 }]
    };
    let family = |name: &str, bounds: Vec<f64>, counts| FamilySeries {
        name: name.to_owned(),
        bounds,
        folded: 0,
        series: series(counts),
    };
    JournalEntry {
        id: EntryId { writer: 7, number: 1 },
        form: FORM,
        at: 1_700_000_000,
        families: vec![
            family("playarr_stream_requests_total", vec![], vec![i64::MAX]),
            family("playarr_stream_request_duration_seconds", vec![0.1, 1.0], vec![1, 2, 3]),
        ],
        batches: vec![-7],
        events: vec![3],
        reports: vec![ConnectionReport { reporter: "web".to_owned(), connections: 3, at: 1_700_000_000 }],
    }
}

/// Which families the totals have, and about how many series each, so that an input with others is a new outcome.
fn shape(totals: &Totals) -> String {
    let families = totals.to_series().into_iter().map(|family| (family.name, family.series.len().min(3)));
    format!("{:?}, {} reports", families.collect::<Vec<_>>(), totals.reports().len().min(3))
}

/// Applies the entries that it is given, and says how each went.
fn applying() -> impl FnMut(Option<Document>) -> String {
    let mut state = State::new(Live::new());
    let mut applied = 0;
    move |document| {
        let Some(document) = document else { return "no document".to_owned() };
        match JournalEntry::from_document(document) {
            Err(error) => kind_of(&error.to_string()),
            Ok(entry) => {
                applied += 1;
                if applied % 1_000 == 0 {
                    state = State::new(Live::new());
                }
                let shape =
                    (entry.families.len().min(4), entry.batches.len().min(4), entry.id.number.leading_zeros() / 8);
                let gap = state.apply(std::slice::from_ref(&entry));
                state.apply_own(entry);
                let _ = (state.live.gather(), state.live.totals());
                format!("applied {shape:?} {}", gap.is_some())
            }
        }
    }
}

#[test]
fn an_entry_of_the_journal_may_hold_anything() {
    let whole = entry().to_document().unwrap();
    let small = JournalEntry::without_counts(EntryId { writer: 1, number: 1 }).to_document().unwrap();
    let mut apply = applying();
    fuzz("journal entries", &[&json(&whole), &json(&small)], &words(), |text| apply(document(text)));
    let mut apply = applying();
    fuzz("raw journal entries", &[&raw(&whole), &raw(&small)], &raw_words(), |bytes| apply(raw_document(bytes)));
}

/// How the head and the totals of a base are read.
fn read_base(document: Option<Document>) -> String {
    let Some(document) = document else { return "no document".to_owned() };
    let position = BaseHead::from_document(&document).map(|head| head.position());
    match (position, totals_of(&document)) {
        (Ok(position), Ok(totals)) => format!("{} writers, {}", position.iter().count().min(4), shape(&totals)),
        (Err(error), _) | (_, Err(error)) => kind_of(&error.to_string()),
    }
}

#[test]
fn a_base_of_the_journal_may_hold_anything() {
    let mut totals = Totals::default();
    totals.add(&entry().families, &entry().reports, 1_700_000_000);
    let position = vec![WriterPosition { writer: 7, number: 2, at: 3 }];
    let head = BaseHead { form: FORM, stamp: 7, epoch: 1, position };
    let base = head.with_totals(totals.to_series(), totals.reports()).unwrap();
    fuzz("journal bases", &[&json(&base)], &words(), |text| read_base(document(text)));
    fuzz("raw journal bases", &[&raw(&base)], &raw_words(), |bytes| read_base(raw_document(bytes)));
}

/// Shows what a base has as its totals, and says what that is.
fn show_totals(unpacked: &[u8]) -> String {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(unpacked).unwrap();
    let bytes = packed.finish().unwrap();
    let base = doc! { "totals": Binary { subtype: BinarySubtype::Generic, bytes } };
    match totals_of(&base) {
        Err(error) => kind_of(&error.to_string()),
        Ok(totals) => {
            let shape = shape(&totals);
            let live = Live::new();
            live.show(totals);
            let _ = (live.gather(), live.totals());
            shape
        }
    }
}

#[test]
fn the_totals_of_a_base_may_hold_anything() {
    let empty = doc! { "families": [], "reports": [] };
    let mut totals = Totals::default();
    totals.add(&entry().families, &entry().reports, 1_700_000_000);
    let full = doc! {
        "families": mongodb::bson::serialize_to_bson(&totals.to_series()).unwrap(),
        "reports": mongodb::bson::serialize_to_bson(&totals.reports()).unwrap(),
    };
    fuzz("totals of a base", &[&json(&empty), &json(&full)], &words(), |text| {
        document(text).map(|document| show_totals(&serialize_to_vec(&document).unwrap()))
    });
    fuzz("raw totals of a base", &[&raw(&empty), &raw(&full)], &raw_words(), |bytes| show_totals(&bson_of(bytes)));
}

/// Takes over what a document of the first version has, and shows it.
fn take_over(checkpoint: &Document) -> String {
    let batches = recent_batches(checkpoint).len().min(4);
    let Some(families) = families(checkpoint) else { return format!("damaged, {batches} batches") };
    let mut totals = Totals::default();
    totals.add(&families, &[], 1_700_000_000);
    let shape = shape(&totals);
    let live = Live::new();
    live.show(totals);
    let _ = (live.gather(), live.totals());
    format!("{shape}, {batches} batches")
}

fn checkpoint(totals: &[u8]) -> Document {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(totals).unwrap();
    let binary = |bytes| Binary { subtype: BinarySubtype::Generic, bytes };
    let (totals, batches) = (binary(packed.finish().unwrap()), binary(vec![0; 4 + 2 * 14]));
    doc! { "_id": "metrics_checkpoint", "value": { "totals": totals, "batches": batches } }
}

#[test]
fn what_the_first_version_left_may_hold_anything() {
    let totals = br#"{"version":1,"series":[
        {"family":"playarr_stream_requests_total","labels":["alice"],"counts":[2]},
        {"family":"playarr_stream_request_duration_seconds","labels":["live"],"bounds":[0.1,0.5,1,2,5,10,30],
        "counts":[1,0,0,1,0,0,0,0],"nanoseconds":1550000000}],"folded":{"playarr_stream_requests_total":3}}"#;
    let whole = checkpoint(totals);
    assert!(take_over(&whole).contains("playarr_stream_request_duration_seconds"), "the example is taken over");
    let words = ["\"version\":", "\"family\":", "\"labels\":", "\"bounds\":", "\"counts\":", "\"folded\":"];
    let words = [&words, WORDS, &["18446744073709551615", "1e308", "-1", "340282366920938463463374607431768211455"]];
    fuzz("totals of the first version", &[totals], &words.concat(), |text| take_over(&checkpoint(text)));
    let words = [&["value\0", "totals\0", "batches\0", "_id\0"], RAW_BSON].concat();
    fuzz("raw checkpoints", &[&raw(&whole)], &words, |elements| {
        raw_document(elements).as_ref().map_or_else(|| "no document".to_owned(), take_over)
    });
}
