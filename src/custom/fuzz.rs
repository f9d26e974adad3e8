//! Fuzz target: files of custom metrics.

use playarr_fuzz::{fuzz, kind_of};

use super::file::CustomFile;

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
