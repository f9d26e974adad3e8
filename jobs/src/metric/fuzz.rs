//! Fuzz target: label and sample values out of raw documents.

use mongodb::bson::{Bson, RawDocument, doc, oid::ObjectId, serialize_to_vec};
use playarr_fuzz::{RAW_BSON, bson_of, elements_of, fuzz};

use super::{UNKNOWN, label_value, sample_value};

#[test]
fn a_field_of_a_document_may_hold_any_bytes() {
    let values = doc! {
        "a": "text", "b": 1_i32, "c": 1_i64 << 60, "d": 1.5, "e": f64::NAN, "f": true, "g": Bson::Null,
        "h": ObjectId::from_bytes([7; 12]), "i": [1, "x"], "j": { "k": -0.0 }, "l": "x".repeat(1_100) + "é",
    };
    let raw = serialize_to_vec(&values).unwrap();
    let words = [&["a\0", "\x0c", "\x0f"], RAW_BSON].concat();
    fuzz("label and sample values", &[elements_of(&raw)], &words, |elements| {
        let bytes = bson_of(elements);
        let document = RawDocument::from_bytes(&bytes).ok()?;
        let mut outcomes = Vec::new();
        for element in document {
            let Ok((_, value)) = element else { break };
            let label = label_value(Some(value));
            assert!(!label.is_empty() && label.len() <= 1_024, "{label:?}");
            let sample = sample_value(Some(value));
            assert!(sample.is_none_or(f64::is_finite), "{sample:?}");
            outcomes.push((value.element_type() as u8, label == UNKNOWN, sample.is_some()));
        }
        outcomes.truncate(3);
        Some(outcomes)
    });
}
