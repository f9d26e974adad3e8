//! Fuzz targets: what the instance that refreshes notes for those that wait: its progress, and its report.

use std::cell::RefCell;
use std::time::Duration;

use mongodb::bson::{Document, deserialize_from_slice, doc, serialize_to_vec};
use playarr_fuzz::{RAW_BSON, bson_of, elements_of, fuzz};

use super::requests::Relay;
use crate::refresh::{Progress, Report};

/// The steps that are told of a document, each once however often it is read.
fn told(document: &Document) -> Vec<&'static str> {
    let steps = RefCell::new(Vec::new());
    let note = |step: &Progress| {
        steps.borrow_mut().push(match step {
            Progress::Started { .. } => "started",
            Progress::Collected(_) => "collected",
            _ => "another step",
        });
    };
    let mut relay = Relay::default();
    relay.pass(document, &note);
    let once = steps.borrow().len();
    relay.pass(document, &note);
    assert_eq!(steps.borrow().len(), once, "{document:?}");
    steps.into_inner()
}

#[test]
fn the_progress_of_another_instance_may_be_any_document() {
    let collector = doc! { "name": "channels", "series": 3_i64, "folded": 0_i64, "duration_us": 5_i64, "kept": false };
    let progress = doc! { "generation": 7_i64, "collectors": 9_i64, "collected": [collector] };
    assert_eq!(told(&progress), ["started", "collected"]);
    let raw = serialize_to_vec(&progress).unwrap();
    let words = ["generation\0", "collectors\0", "collected\0", "name\0", "series\0", "duration_us\0", "kept\0"];
    fuzz("raw progress", &[elements_of(&raw)], &[&words, RAW_BSON].concat(), |elements| {
        let document = deserialize_from_slice::<Document>(&bson_of(elements)).ok()?;
        let told = told(&document);
        Some((told.len().min(4), told.last().copied()))
    });
}

#[test]
fn the_report_of_another_instance_may_be_any_document() {
    let collector = doc! {
        "name": "channels", "series": 3_i64, "folded": 0_i64, "duration_us": 5_i64, "error": "down", "kept": true,
    };
    let report = doc! {
        "generation": 7_i64, "trigger": "manual", "age_ms": 50_i64, "duration_us": 9_i64, "collectors": [collector],
    };
    let raw = serialize_to_vec(&report).unwrap();
    let words = ["generation\0", "trigger\0", "age_ms\0", "collectors\0", "name\0", "error\0", "schedule", "change"];
    fuzz("raw reports", &[elements_of(&raw)], &[&words, RAW_BSON].concat(), |elements| {
        let document = deserialize_from_slice::<Document>(&bson_of(elements)).ok()?;
        let report = Report::from_document(&document, Duration::from_secs(60))?;
        let again = Report::from_document(&report.to_document(), Duration::ZERO).expect("what was read is written");
        assert_eq!((again.generation, again.collectors.len()), (report.generation, report.collectors.len()));
        let has_error = report.collectors.iter().any(|collector| collector.error.is_some());
        Some((report.trigger.as_str(), report.collectors.len().min(3), has_error))
    });
}
