//! Fuzz target: texts of selectors. What can be read chooses the same series as matching them one by one.

use std::sync::Arc;

use playarr_fuzz::{fuzz, kind_of};
use playarr_jobs::metric::{Family, Kind};

use super::{Selector, choose};

const CORPUS: &[&[u8]] = &[
    br#"playarr_stream_requests_total{user=~"al.*",media_type!="movies"}"#,
    br#"{__name__=~"a|b",user!~'x+' or user=`a`}"#,
    br#"{"a",user="\u00e9\n\"\\"}"#,
];
const WORDS: &[&str] = &[
    "=~",
    "!~",
    "!=",
    "=",
    "{",
    "}",
    "\"",
    "'",
    "`",
    ",",
    " or ",
    "__name__",
    "user",
    "media_type",
    "a",
    ".*",
    "(?i)",
    "[^a]",
    "{2}",
    "\\d",
    "\\x41",
    "offset 5m",
    "[5m]",
    "@ 1",
    "\u{e9}",
];

#[test]
fn a_selector_may_be_any_text() {
    let values = ["", "a", "al", "alice", "movies", "é\n\"\\"];
    let samples: Vec<_> =
        values.iter().flat_map(|user| values.map(|media_type| (vec![*user, media_type], 1.0))).collect();
    let names = ["a", "b", "playarr_stream_requests_total"];
    let family = |name| Family::numbers(name, "Help.", Kind::Gauge, &["user", "media_type"], samples.clone());
    let families = names.map(|name| Arc::new(family(name)));
    fuzz("selectors", CORPUS, WORDS, |text| {
        let text = String::from_utf8_lossy(text);
        let selector = match Selector::parse(&text) {
            Ok(selector) => selector,
            Err(error) => return kind_of(&error.to_string()),
        };
        let expected: usize = families
            .iter()
            .map(|family| {
                let labels = |row| family.labels(row).collect::<Vec<_>>();
                (0..family.len()).filter(|&row| selector.matches(&family.name, &labels(row))).count()
            })
            .sum();
        let chosen = choose(&families, &[selector]).expect("so few texts are quick");
        let found: usize = chosen.iter().map(|chosen| chosen.rows.iter().count()).sum();
        assert_eq!(found, expected, "{text:?}");
        format!("chose {found}")
    });
}
