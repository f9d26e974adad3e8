//! Choosing series: selectors against families.
//!
//! The name is compared once for each family, and a label once for each distinct text of its column, however many rows
//! show it. What is left for each row is to look at a bit for each label.

use std::sync::Arc;
use std::time::{Duration, Instant};

use playarr_jobs::metric::{Column, Family};
use promql_parser::label::METRIC_NAME;

use super::matcher::Matcher;
use super::rows::RowSet;
use super::stored::{self, StoredFamily, names};
use super::{Selector, SelectorError};

/// The time that choosing may take.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// The chosen series of a name; at least one.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    /// The series.
    pub(crate) stored: StoredFamily,
    /// Which of them are chosen.
    pub(crate) rows: RowSet,
}

/// The series that any of the selectors chooses; all if there is no selector.
///
/// Histograms are chosen from as Prometheus stores them: by `_bucket` (with the label `le`), `_sum` and `_count`.
///
/// # Errors
/// When it takes too long.
pub(crate) fn choose(families: &[Arc<Family>], selectors: &[Selector]) -> Result<Vec<Chosen>, SelectorError> {
    let deadline = Instant::now() + TIME_LIMIT;
    let mut all = Vec::new();
    for (position, family) in families.iter().enumerate() {
        let is_candidate = |name: &str| selectors.is_empty() || selectors.iter().any(|selector| selector.takes(name));
        if !names(family).iter().any(|name| is_candidate(name)) {
            continue;
        }
        for stored in stored::stored(family, position).into_iter().filter(|stored| is_candidate(&stored.family.name)) {
            let rows = rows(&stored.family, selectors, deadline)?;
            if !rows.is_empty() {
                all.push(Chosen { stored, rows });
            }
        }
    }
    Ok(all)
}

impl Selector {
    /// Whether series of this name may be chosen.
    fn takes(&self, name: &str) -> bool {
        self.alternatives.iter().any(|matchers| takes(matchers, name))
    }
}

fn takes(matchers: &[Matcher], name: &str) -> bool {
    matchers.iter().filter(|matcher| matcher.label() == METRIC_NAME).all(|matcher| matcher.matches(name))
}

fn rows(family: &Family, selectors: &[Selector], deadline: Instant) -> Result<RowSet, SelectorError> {
    if selectors.is_empty() {
        return Ok(RowSet::of(family.len(), |_| true));
    }
    let mut chosen = RowSet::none(family.len());
    let alternatives = selectors.iter().flat_map(|selector| &selector.alternatives);
    for matchers in alternatives.filter(|matchers| takes(matchers, &family.name)) {
        let columns = family.columns.iter();
        let columns =
            columns.map(|column| matching_texts(column, matchers, deadline)).collect::<Result<Vec<_>, _>>()?;
        if columns.iter().flatten().any(|(_, texts)| texts.is_empty()) || !without_absent(family, matchers) {
            continue;
        }
        let columns: Vec<_> = columns.into_iter().flatten().collect();
        let matches = |row: usize| columns.iter().all(|(ids, texts)| texts.contains(ids[row] as usize));
        chosen.add(&RowSet::of(family.len(), matches));
    }
    Ok(chosen)
}

/// The text of each row of a column, and which texts match; `None` if no matcher is about this label.
fn matching_texts<'c>(
    column: &'c Column,
    matchers: &[Matcher],
    deadline: Instant,
) -> Result<Option<(&'c [u32], RowSet)>, SelectorError> {
    let matchers: Vec<_> = matchers.iter().filter(|matcher| matcher.label() == column.name).collect();
    if matchers.is_empty() {
        return Ok(None);
    }
    let (texts, ids) = column.parts();
    let mut matching = Vec::with_capacity(texts.len() as usize);
    for id in 0..texts.len() {
        let text = texts.get(id);
        matching.push(matchers.iter().all(|matcher| matcher.matches(text)));
        if Instant::now() > deadline {
            return Err(SelectorError::TooSlow(TIME_LIMIT.as_secs()));
        }
    }
    Ok(Some((ids, RowSet::of(matching.len(), |id| matching[id]))))
}

/// Whether the matchers about labels that the family does not have match the empty text.
fn without_absent(family: &Family, matchers: &[Matcher]) -> bool {
    let is_there = |label: &str| label == METRIC_NAME || family.columns.iter().any(|column| column.name == label);
    matchers.iter().filter(|matcher| !is_there(matcher.label())).all(|matcher| matcher.matches(""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use playarr_jobs::metric::{Histogram, Kind, Points};
    use rand::RngExt;

    use super::*;

    type Series = (String, Vec<(String, String)>);

    fn series(chosen: &[Chosen]) -> BTreeSet<Series> {
        let of = |chosen: &Chosen| {
            let family = chosen.stored.family.clone();
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let rows = chosen.rows.iter();
            rows.map(|row| (family.name.to_string(), family.labels(row).map(owned).collect())).collect::<Vec<_>>()
        };
        chosen.iter().flat_map(of).collect()
    }

    /// Matches each series by itself.
    fn naive(families: &[Arc<Family>], selectors: &[Selector]) -> BTreeSet<Series> {
        let all = series(&choose(families, &[]).unwrap());
        let is_chosen = |(name, labels): &Series| {
            let labels: Vec<_> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
            selectors.iter().any(|selector| selector.matches(name, &labels))
        };
        all.into_iter().filter(is_chosen).collect()
    }

    fn histogram() -> Arc<Family> {
        let mut job = Column::new("job");
        job.push("x");
        job.push("y");
        let observed = || Histogram { buckets: vec![(0.5, 1), (1.0, 2)], sum: 2.5, count: 3 };
        Arc::new(Family {
            name: "took_seconds".into(),
            help: "Time.".into(),
            kind: Kind::Histogram,
            columns: vec![job],
            points: Points::Histograms(vec![observed(), observed()]),
        })
    }

    fn chosen_of_histogram(selector: &str) -> Vec<String> {
        let chosen = choose(&[histogram()], &[Selector::parse(selector).unwrap()]).unwrap();
        let text = |(name, labels): Series| {
            let values: Vec<_> = labels.into_iter().map(|(_, value)| value).collect();
            format!("{name} {}", values.join(" "))
        };
        series(&chosen).into_iter().map(text).collect()
    }

    #[test]
    fn histograms_are_chosen_from_as_prometheus_stores_them() {
        assert!(chosen_of_histogram("took_seconds").is_empty());
        assert_eq!(chosen_of_histogram("took_seconds_count"), ["took_seconds_count x", "took_seconds_count y"]);
        for one in [r#"{le="1",job="x"}"#, r#"{le="1.0",job="x"}"#, r#"{le=~"1|7",job!="y"}"#] {
            assert_eq!(chosen_of_histogram(one), ["took_seconds_bucket x 1.0"], "{one}");
        }
        for rest in [r#"{le!="1",job="x"}"#, r#"{le!="1.0",job="x"}"#] {
            let expected = [
                "took_seconds_bucket x +Inf",
                "took_seconds_bucket x 0.5",
                "took_seconds_count x",
                "took_seconds_sum x",
            ];
            assert_eq!(chosen_of_histogram(rest), expected, "{rest}");
        }
    }

    #[test]
    fn the_engine_agrees_with_matching_each_series_by_itself() {
        const NAMES: &[&str] = &["a", "ab", "b_total", "took_seconds_sum", "took_seconds_bucket"];
        const LABELS: &[&str] = &["job", "user", "le", "none"];
        const VALUES: &[&str] = &["", "x", "y", "xy", "1", "1.0", "é\n", "0.5"];
        const PATTERNS: &[&str] = &["x", "x.*", ".+", "x|y", "[^x]*", "1(\\\\.0)?", "é."];
        let mut random = rand::rng();
        let mut pick = |from: &[&'static str]| from[random.random_range(0..from.len())];
        for _ in 0..300 {
            let mut families: Vec<_> = ["a", "ab", "b_total"]
                .into_iter()
                .map(|name| {
                    let samples: Vec<_> = (0..20).map(|_| (vec![pick(VALUES), pick(VALUES)], 1.0)).collect();
                    Arc::new(Family::numbers(name, "Help.", Kind::Gauge, &["job", "user"], samples))
                })
                .collect();
            families.push(histogram());
            let mut selectors = Vec::new();
            while selectors.len() < 2 {
                let matcher = |pick: &mut dyn FnMut(&[&'static str]) -> &'static str| {
                    let operator = pick(&["=", "!=", "=~", "!~"]);
                    let value = if operator.ends_with('~') { pick(PATTERNS) } else { pick(VALUES) };
                    format!("{}{operator}\"{}\"", pick(LABELS), value.replace('\n', "\\n"))
                };
                let (first, second) = (matcher(&mut pick), matcher(&mut pick));
                let name = pick(&["", "", "name"]);
                let name = if name.is_empty() { name } else { pick(NAMES) };
                // Those that match everything are refused, as in Prometheus.
                selectors.extend(Selector::parse(&format!("{name}{{{first},{second}}}")).ok());
            }
            let chosen = choose(&families, &selectors).unwrap();
            assert_eq!(series(&chosen), naive(&families, &selectors), "{selectors:?}");
        }
    }
}
