//! Reads the text format back into series, strictly: what cannot be read fails the test.

use std::collections::{BTreeMap, BTreeSet};

use playarr_jobs::gauges::{self, EpisodesDetail};

use super::oracle::{Gauges, Labels};

/// The samples of an exposition by name and labels.
///
/// # Panics
/// When a line is malformed, a series appears twice, or a family's lines are not in one group.
pub(crate) fn parse(text: &str) -> Gauges {
    let mut gauges = Gauges::new();
    let mut families_seen = BTreeSet::new();
    let mut family = String::new();
    for line in text.split_terminator('\n') {
        if let Some(comment) = line.strip_prefix("# ") {
            if let Some(help) = comment.strip_prefix("HELP ") {
                family = help.split(' ').next().unwrap().to_owned();
                assert!(families_seen.insert(family.clone()), "{family} has two groups of lines");
                gauges.entry(family.clone()).or_default();
            }
            continue;
        }
        let (name, labels, value) = sample(line);
        assert!(name.starts_with(&family), "{name} stands in the group of {family}");
        let twice = gauges.entry(name.clone()).or_default().insert(labels.clone(), value);
        assert!(twice.is_none(), "{name}{labels:?} appears twice");
    }
    assert!(text.ends_with('\n'), "the last line is complete");
    gauges
}

/// The families of the database's gauges only.
pub(crate) fn database_gauges(mut families: Gauges) -> Gauges {
    let names: BTreeSet<_> = gauges::all(EpisodesDetail::Title).into_iter().map(|definition| definition.name).collect();
    families.retain(|name, _| names.contains(&**name));
    families
}

/// The value of one series, by its labels written as `name=value`.
pub(crate) fn value(gauges: &Gauges, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    gauges.get(name)?.get(&labels).copied()
}

fn sample(line: &str) -> (String, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value: {line}"));
    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), BTreeMap::new(), value);
    };
    (name.to_owned(), self::labels(labels, line), value)
}

fn labels(text: &str, line: &str) -> Labels {
    let mut labels = Labels::new();
    let mut rest = text;
    while rest != "}" {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        let (mut value, mut characters) = (String::new(), after.char_indices());
        rest = loop {
            match characters.next().unwrap_or_else(|| panic!("label without end: {line}")) {
                (_, '\\') => value.push(match characters.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, escaped @ ('\\' | '"'))) => escaped,
                    other => panic!("escape {other:?}: {line}"),
                }),
                (end, '"') => break &after[end + 1..],
                (_, character) => value.push(character),
            }
        };
        rest = rest.strip_prefix(',').unwrap_or(rest);
        assert!(labels.insert(name.to_owned(), value).is_none(), "label {name} twice: {line}");
    }
    labels
}
