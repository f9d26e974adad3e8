//! The metrics as the last release had them. Dashboards and alerts of other people depend on them, so whatever is
//! different now stands in `CHANGELOG.md`, under *Unreleased*.
//!
//! A release keeps its own with `PIN_METRICS=1 cargo test --lib catalog::contract`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Catalog, CatalogEntry};

/// The version whose metrics are compared.
const RELEASED: &str = "0.1.0";

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What others depend on: the name, the type, the labels with their known values, the buckets and the help.
fn public(entry: &CatalogEntry) -> Value {
    let labels = entry.labels.iter().map(|label| match label.values {
        [] => json!({ "name": label.name }),
        values => json!({ "name": label.name, "values": values }),
    });
    let mut family = json!({
        "name": entry.name,
        "type": entry.kind.as_str(),
        "labels": labels.collect::<Vec<_>>(),
        "help": entry.help,
    });
    if !entry.bounds.is_empty() {
        family["buckets"] = entry.bounds.into();
    }
    family
}

fn by_name(families: Vec<Value>) -> BTreeMap<String, Value> {
    families.into_iter().map(|family| (family["name"].as_str().unwrap_or_default().to_owned(), family)).collect()
}

/// The families that are new, gone or different, each with what is different.
fn changes(before: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<(String, String)> {
    let names: BTreeSet<_> = before.keys().chain(now.keys()).collect();
    let change = |name: &String| match (before.get(name), now.get(name)) {
        (Some(before), Some(now)) => {
            let parts = ["type", "labels", "buckets", "help"].into_iter().filter(|&part| before[part] != now[part]);
            let parts: Vec<_> = parts.map(|part| format!("{part} was {}, is {}", before[part], now[part])).collect();
            (!parts.is_empty()).then(|| parts.join("; "))
        }
        (None, _) => Some("is new".to_owned()),
        (_, None) => Some("is gone".to_owned()),
    };
    names.into_iter().filter_map(|name| Some((name.clone(), change(name)?))).collect()
}

#[test]
fn every_change_of_a_metric_since_the_last_release_stands_in_the_changelog() {
    let now: Vec<_> = Catalog::default().entries.iter().map(public).collect();
    let pinned = file(&format!("fixtures/contract/metrics-{RELEASED}.json"));
    let before = serde_json::from_str(&std::fs::read_to_string(pinned).unwrap()).unwrap();
    let changelog = std::fs::read_to_string(file("CHANGELOG.md")).unwrap();
    let (_, unreleased) = changelog.split_once("\n## Unreleased\n").expect("CHANGELOG.md has a part \"Unreleased\"");
    let unreleased = unreleased.split("\n## ").next().unwrap();
    let is_named = |name: &str| unreleased.contains(&format!("`{name}`"));
    let unnamed: Vec<_> = changes(&by_name(before), &by_name(now.clone()))
        .into_iter()
        .filter(|(name, _)| !is_named(name))
        .map(|(name, change)| format!("{name}: {change}"))
        .collect();
    assert!(
        unnamed.is_empty(),
        "these metrics are not as in {RELEASED}; name each in backticks under \"Unreleased\" of CHANGELOG.md, and say \
         what has changed:\n{}",
        unnamed.join("\n")
    );
    if std::env::var_os("PIN_METRICS").is_some() {
        let rows: Vec<_> = now.iter().map(|family| format!("  {family}")).collect();
        let path = file(&format!("fixtures/contract/metrics-{}.json", env!("CARGO_PKG_VERSION")));
        std::fs::write(path, format!("[\n{}\n]\n", rows.join(",\n"))).unwrap();
    }
}

#[test]
fn a_new_label_a_new_type_and_a_lost_family_are_changes() {
    let family = |labels: Value, kind: &str| json!({ "name": "a", "type": kind, "labels": labels, "help": "A." });
    let before = by_name(vec![family(json!([{ "name": "x" }]), "gauge"), json!({ "name": "b", "type": "gauge" })]);
    assert_eq!(changes(&before, &before), []);
    let now = by_name(vec![family(json!([{ "name": "y" }]), "counter"), json!({ "name": "c" })]);
    let found = changes(&before, &now);
    assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(found[0].1.starts_with("type was \"gauge\", is \"counter\"; labels was "), "{}", found[0].1);
    assert_eq!((found[1].1.as_str(), found[2].1.as_str()), ("is gone", "is new"));
}
