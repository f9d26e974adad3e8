//! Fuzz targets: files of custom metrics, and the documents of those that admins define.

use mongodb::bson::{Document, deserialize_from_slice, serialize_to_vec};
use playarr_fuzz::{EXTENDED_JSON, RAW_BSON, bson_of, elements_of, fuzz, kind_of};

use super::file::CustomFile;
use super::record::CustomRecord;

const CORPUS: &[&[u8]] = &[
    b"metrics:\n- name: playarr_custom_titles_count\n  help: Titles.\n  unit: titles\n  collection: titles\n  \
      labels: [type]\n  value: count\n  budget: 100\n  pipeline:\n  - $group: { _id: $type, count: { $sum: 1 } }\n  - \
      $project: { type: $_id, count: 1 }\n",
    b"metrics:\n- name: playarr_custom_a\n  help: A.\n  collection: users\n  pipeline: '[{\"$count\":\"value\"}]'\n",
    b"{\"metrics\":[]}",
];
const WORDS: &[&str] = &[
    "metrics:",
    "- name: ",
    "pipeline:",
    "$match",
    "$lookup",
    "$out",
    "$expr",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "|\n  ",
    ">\n  ",
    "{ ",
    " }",
    "[",
    "]",
    "\n",
    "  ",
    "\t",
    "---\n",
    "...\n",
    "null",
    "~",
    ".nan",
    "0x10",
    "1_000",
    "# ",
];

#[test]
fn a_file_of_custom_metrics_may_hold_anything() {
    fuzz("custom metric files", CORPUS, WORDS, |text| {
        let text = String::from_utf8_lossy(text);
        match serde_yaml_ng::from_str::<CustomFile>(&text) {
            Ok(file) => file.problems().first().map(|problem| kind_of(problem)).unwrap_or_default(),
            Err(error) => kind_of(&error.to_string()),
        }
    });
}

/// What becomes of a document that is read, changed and undone.
fn change(document: Option<Document>) -> String {
    let Some(document) = document else { return "no document".to_owned() };
    match CustomRecord::from_document(&document) {
        Err(error) => kind_of(&error.to_string()),
        Ok(record) => {
            let shape = (record.current.metric.is_some(), record.history.len().min(3));
            let again = record.to_document().map(|document| CustomRecord::from_document(&document));
            assert_eq!(again.unwrap().unwrap(), record, "what was read is written");
            let changed = record.changed(None, "admin");
            let number = changed.current.number;
            let undone = changed.undone("admin").expect("it was changed just now");
            assert!(undone.current.number >= number);
            format!("{shape:?}")
        }
    }
}

#[test]
fn the_document_of_a_custom_metric_may_hold_anything() {
    let metric = r#"{"name":"playarr_custom_a","help":"A.","collection":"users","pipeline":[{"$count":"value"}]}"#;
    let first = CustomRecord::first("playarr_custom_a", serde_json::from_str(metric).unwrap(), "admin");
    let second = first.clone().changed(None, "root").to_document().unwrap();
    let first = first.to_document().unwrap();
    let json = |document: &Document| {
        let text = serde_json::to_string(document).unwrap();
        text.replace("\"revision\":1", "\"revision\":{\"$numberLong\":\"1\"}")
            .replace("\"revision\":2", "\"revision\":{\"$numberLong\":\"2\"}")
    };
    let (first_json, second_json) = (json(&first), json(&second));
    let words = ["\"form\":", "\"history\":", "\"metric\":", "\"revision\":", "\"time\":", "\"name\":"];
    let words = [&words, EXTENDED_JSON].concat();
    let target = |text: &[u8]| change(serde_json::from_slice(text).ok());
    fuzz("custom metric documents", &[first_json.as_bytes(), second_json.as_bytes()], &words, target);

    let [first, second] = [&first, &second].map(|document| serialize_to_vec(document).unwrap());
    let words = [&["form\0", "history\0", "metric\0", "revision\0", "time\0", "name\0"], RAW_BSON].concat();
    let target = |elements: &[u8]| change(deserialize_from_slice(&bson_of(elements)).ok());
    fuzz("raw custom metric documents", &[elements_of(&first), elements_of(&second)], &words, target);
}
