//! The pages under `docs/` and the README: links lead somewhere, metrics exist, each alert has its section.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_yaml_ng::Value;

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every page.
fn pages() -> Vec<PathBuf> {
    let folders = ["docs", "docs/tutorials", "packaging/compose"];
    let docs = folders.iter().flat_map(|folder| std::fs::read_dir(top().join(folder)).unwrap());
    let pages = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.chain(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(|page| top().join(page))).collect()
}

/// The anchors of a page, as GitHub makes them of headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let text = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
            text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
        })
        .collect()
}

/// The targets of a page's links, those to other sites left out.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://"))
}

#[test]
fn every_link_within_the_repository_leads_to_a_file_and_a_heading() {
    for path in pages() {
        let page = read(&path);
        for link in links(&page) {
            let (file, anchor) = link.split_once('#').map_or((link, None), |(file, at)| (file, Some(at)));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{} links to {link}", path.display());
            if let Some(anchor) = anchor {
                assert!(anchors(&read(&target)).contains(anchor), "{} links to {link}", path.display());
            }
        }
    }
}

#[test]
fn each_alert_has_a_section_in_the_runbook_and_each_section_an_alert() {
    let rules: Value = serde_yaml_ng::from_str(&read(&top().join("packaging/prometheus/playarr.rules.yml"))).unwrap();
    let groups = rules["groups"].as_sequence().unwrap().iter();
    let rules = groups.flat_map(|group| group["rules"].as_sequence().unwrap());
    let alerts: BTreeSet<_> = rules.filter_map(|rule| rule.get("alert")?.as_str().map(str::to_owned)).collect();
    assert!(!alerts.is_empty());
    let operating = read(&top().join("docs/operating.md"));
    let sections: BTreeSet<_> =
        operating.lines().filter_map(|line| line.strip_prefix("### ").map(str::to_owned)).collect();
    assert_eq!(sections, alerts);
}

#[test]
fn every_metric_and_recording_that_is_named_exists() {
    let exposition = read(&top().join("fixtures/golden/metrics.txt"));
    let families: BTreeSet<_> =
        exposition.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = read(&top().join("packaging/prometheus/playarr.rules.yml"));
    // What Playarr had and this service has not; collections; what version 0.1.0 had.
    let others = [
        "playarr_provider_expiration_days",
        "playarr_metrics",
        "playarr_metrics_journal",
        "playarr_metrics_snapshots",
        "playarr_metrics_checkpoint_last_success_timestamp_seconds",
        "playarr_metrics_checkpoint_restore",
        "playarr_metrics_checkpoint_saves_total",
    ];
    for path in pages() {
        let page = read(&path);
        let words = page.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | ':'));
        for word in words.map(|word| word.trim_end_matches(':')).filter(|word| word.contains("playarr_")) {
            if word.contains(':') {
                assert!(rules.contains(&format!("record: {word}\n")), "{} names {word}", path.display());
                continue;
            }
            // Playarr's own words may end in it, such as the name of a file. Custom metrics have any name.
            if !word.starts_with("playarr_") || word.starts_with("playarr_custom_") || word.ends_with('_') {
                continue;
            }
            let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| word.strip_suffix(suffix));
            let family = of_histogram.filter(|family| families.contains(family)).unwrap_or(word);
            assert!(families.contains(family) || others.contains(&word), "{} names {word}", path.display());
        }
    }
}

#[test]
fn each_test_that_a_promise_rests_on_exists() {
    let page = read(&top().join("docs/limits-and-promises.md"));
    let words = page.split('`').skip(1).step_by(2);
    let tests: BTreeSet<_> =
        words.filter_map(|word| word.split_once("::")).filter(|(_, name)| *name != "name").collect();
    assert!(tests.len() > 20, "{tests:?}");
    for (file, name) in tests {
        let source = read(&top().join(format!("tests/{file}.rs")));
        assert!(source.contains(&format!("fn {name}(")), "a promise rests on {file}::{name}, which is not there");
    }
}

#[test]
fn every_query_can_be_pasted() {
    let mut queries = 0;
    for path in pages() {
        for block in read(&path).split("```promql\n").skip(1) {
            let query = block.split("```").next().unwrap();
            promql_parser::parser::parse(query).unwrap_or_else(|error| panic!("{}: {error}:\n{query}", path.display()));
            queries += 1;
        }
    }
    assert!(queries > 30, "{queries}");
}
