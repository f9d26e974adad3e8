//! What the series are many by: families, labels, label values, and what the budget folded.

use std::cmp::Reverse;
use std::collections::HashMap;

use playarr_jobs::custom::MAX_BUDGET;
use serde_json::{Value, json};

use super::families::{of, share};
use super::view::View;
use crate::catalog::Origin;
use crate::custom::{DefinedIn, RunningMetric};
use crate::selector::{Chosen, Selector, SelectorError};

/// How many values of each label are told.
const TOP_OF_LABEL: usize = 10;
/// How many values of all labels are told.
const TOP: usize = 20;
/// The gauge that a setting of its own makes smaller.
const EPISODES: &str = "playarr_episodes_count";

/// What limits the series of gauges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// The most series of a gauge: `SERIES_BUDGET`.
    pub(crate) series: usize,
}

/// The cardinality of the series that the selectors choose, as the API shows it.
///
/// # Errors
/// When choosing takes too long.
pub(crate) fn cardinality(view: &View, selectors: &[Selector], budget: Budget) -> Result<Value, SelectorError> {
    let chosen = view.choose(selectors)?;
    let total: usize = chosen.iter().map(|chosen| chosen.rows.len()).sum();
    let labels = Labels::of(&chosen);
    Ok(json!({
        "generation": view.generation,
        "total": total,
        "families": families(view, &chosen, total),
        "labels": labels.list(),
        "values": labels.largest_values(total),
        "folded": folded(view, &chosen, budget),
    }))
}

fn families(view: &View, chosen: &[Chosen], total: usize) -> Vec<Value> {
    let series = |position| of(chosen, position).map(|chosen| chosen.rows.len()).sum::<usize>();
    let mut counted: Vec<_> = (0..view.families.len()).map(|position| (series(position), position)).collect();
    counted.retain(|&(series, _)| series > 0);
    counted.sort_by_key(|&(series, position)| (Reverse(series), position));
    let family = |(series, position): (usize, usize)| {
        let family = &view.families[position];
        json!({
            "name": family.name,
            "type": family.kind.as_str(),
            "origin": view.facts[position].origin.as_str(),
            "series": series,
            "share": share(series, total),
        })
    };
    counted.into_iter().map(family).collect()
}

fn folded(view: &View, chosen: &[Chosen], budget: Budget) -> Vec<Value> {
    let is_folded = |position: &usize| view.facts[*position].folded > 0 && of(chosen, *position).next().is_some();
    let positions = (0..view.families.len()).filter(is_folded);
    let gauge = |position: usize| {
        let (name, folded) = (&view.families[position].name, view.facts[position].folded);
        let shown = view.families[position].len();
        // The folded series are in `shown` as at least one series of `_other`.
        let needed = shown + folded;
        let (setting, advice) = match &view.facts[position].custom {
            Some(metric) => ("budget", custom_advice(metric, needed)),
            None => ("SERIES_BUDGET", advice(name, budget, needed)),
        };
        json!({ "name": name, "series": folded, "setting": setting, "advice": advice })
    };
    let is_gauge = |position: &usize| matches!(view.facts[*position].origin, Origin::Database | Origin::Custom);
    positions.filter(is_gauge).map(gauge).collect()
}

fn advice(name: &str, budget: Budget, needed: usize) -> String {
    let other = match name {
        EPISODES => ", or leave out the title with EPISODES_DETAIL=season",
        _ => "",
    };
    format!("Raise SERIES_BUDGET (now {}) to at least {needed} to see them all{other}.", budget.series)
}

fn custom_advice(metric: &RunningMetric, needed: usize) -> String {
    let place = match metric.defined_in {
        DefinedIn::Page => "on the page of custom metrics",
        DefinedIn::File => "in CUSTOM_METRICS_FILE",
    };
    if needed > MAX_BUDGET {
        return format!("Drop a label {place}: there are more series than the largest budget, {MAX_BUDGET}.");
    }
    format!("Raise its budget (now {}) to at least {needed} {place} to see them all, or drop a label.", metric.budget)
}

/// Series by label and value.
struct Labels<'c>(HashMap<&'c str, LabelCount<'c>>);

#[derive(Default)]
struct LabelCount<'c> {
    series: usize,
    families: Vec<usize>,
    values: HashMap<&'c str, usize>,
}

impl<'c> Labels<'c> {
    fn of(chosen: &'c [Chosen]) -> Self {
        let mut labels = HashMap::<_, LabelCount<'_>>::new();
        for Chosen { stored, rows } in chosen {
            for column in &stored.family.columns {
                let (texts, ids) = column.parts();
                let mut counts = vec![0_usize; texts.len() as usize];
                rows.iter().for_each(|row| counts[ids[row] as usize] += 1);
                let label = labels.entry(&*column.name).or_default();
                label.series += rows.len();
                if label.families.last() != Some(&stored.position) {
                    label.families.push(stored.position);
                }
                for (id, count) in (0..texts.len()).zip(counts).filter(|&(_, count)| count > 0) {
                    *label.values.entry(texts.get(id)).or_default() += count;
                }
            }
        }
        Self(labels)
    }

    /// Labels with the most distinct values first.
    fn list(&self) -> Vec<Value> {
        let mut labels: Vec<_> = self.0.iter().collect();
        labels.sort_by_key(|&(name, label)| (Reverse(label.values.len()), *name));
        let label = |(name, label): (&&str, &LabelCount<'_>)| {
            let top: Vec<_> = top(label.values.iter().map(|(value, series)| (*series, *value)), TOP_OF_LABEL)
                .into_iter()
                .map(
                    |(series, value)| json!({ "value": value, "series": series, "share": share(series, label.series) }),
                )
                .collect();
            json!({
                "name": name,
                "distinct": label.values.len(),
                "series": label.series,
                "families": label.families.len(),
                "top": top,
            })
        };
        labels.into_iter().map(label).collect()
    }

    /// The label values that most series have.
    fn largest_values(&self, total: usize) -> Vec<Value> {
        let of_label = |(name, label): (&&'c str, &LabelCount<'c>)| {
            label.values.iter().map(|(v, s)| (*s, (*name, *v))).collect::<Vec<_>>()
        };
        top(self.0.iter().flat_map(of_label), TOP)
            .into_iter()
            .map(|(series, (label, value))| {
                json!({ "label": label, "value": value, "series": series, "share": share(series, total) })
            })
            .collect()
    }
}

/// The largest counts, ties in the order of what is counted.
fn top<T: Ord + Copy>(counted: impl IntoIterator<Item = (usize, T)>, limit: usize) -> Vec<(usize, T)> {
    let mut all: Vec<_> = counted.into_iter().map(|(count, what)| (Reverse(count), what)).collect();
    if all.len() > limit {
        all.select_nth_unstable(limit);
        all.truncate(limit);
    }
    all.sort_unstable();
    all.into_iter().map(|(Reverse(count), what)| (count, what)).collect()
}
