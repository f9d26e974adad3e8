//! The list of families.

use std::collections::HashSet;

use playarr_jobs::metric::{Column, Family, Points};
use playarr_jobs::remembered::Head;
use serde_json::{Value, json};

use super::promql::queries;
use super::view::View;
use crate::catalog::Origin;
use crate::selector::{Chosen, Selector, SelectorError};

/// The most label values that are told of a search.
const MAX_FOUND: usize = 5;

/// The families that have series which a selector chooses, as the API shows them. With a search text, only those in
/// whose name, help or label values it occurs, whatever the case of its letters. Where there are snapshots of the
/// `past`, the oldest first, each gauge has the sums that it had in them and has now.
///
/// # Errors
/// When choosing takes too long.
pub(crate) fn families(
    view: &View,
    selectors: &[Selector],
    search: &str,
    past: &[&Head],
) -> Result<Value, SelectorError> {
    let chosen = view.choose(selectors)?;
    let total: usize = chosen.iter().map(|chosen| chosen.rows.len()).sum();
    let search = search.trim().to_lowercase();
    let mut list = Vec::new();
    for (position, family) in view.families.iter().enumerate() {
        let series: usize = of(&chosen, position).map(|chosen| chosen.rows.len()).sum();
        let Some(found) = found(family, &search) else { continue };
        if series == 0 && !selectors.is_empty() {
            continue;
        }
        let facts = &view.facts[position];
        let labels: Vec<_> = family.columns.iter().map(|column| &column.name).collect();
        let mut shown = json!({
            "name": family.name,
            "type": family.kind.as_str(),
            "help": family.help,
            "unit": facts.unit,
            "origin": facts.origin.as_str(),
            "labels": labels,
            "series": series,
            "share": share(series, total),
            "folded": facts.folded,
            "taken_at": time(facts.taken_at),
            "queries": queries(family, facts.origin),
            "found": found,
        });
        if !past.is_empty()
            && let Some(chart) = chart(family, facts.origin, past)
        {
            shown["chart"] = chart;
        }
        list.push(shown);
    }
    let taken_at = view.taken_at.map(time);
    let mut answer = json!({ "generation": view.generation, "taken_at": taken_at, "total": total, "families": list });
    if !past.is_empty() {
        let times = past.iter().map(|head| Some(time(head.taken_at))).chain([taken_at]);
        answer["times"] = times.collect::<Vec<_>>().into();
    }
    Ok(answer)
}

/// The sums of a gauge of the database in snapshots of the past, and now. None for points in time, which add up to
/// nothing.
fn chart(family: &Family, origin: Origin, past: &[&Head]) -> Option<Value> {
    let Points::Numbers(values) = &family.points else { return None };
    let is_sum = matches!(origin, Origin::Database | Origin::Custom) && !family.name.ends_with("_timestamp_seconds");
    let now = Some(values.iter().sum::<f64>());
    is_sum.then(|| past.iter().map(|head| head.sum(&family.name, None)).chain([now]).collect::<Vec<_>>().into())
}

/// The chosen series of the family at this position.
pub(super) fn of(chosen: &[Chosen], position: usize) -> impl Iterator<Item = &Chosen> {
    chosen.iter().filter(move |chosen| chosen.stored.position == position)
}

/// A part of the whole, from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^53 series")]
pub(super) fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A moment as RFC 3339 writes it, in UTC.
pub(super) fn time(moment: std::time::SystemTime) -> String {
    humantime::format_rfc3339_millis(moment).to_string()
}

/// The label values in which a text occurs; `None` if it occurs nowhere in the family.
fn found(family: &Family, search: &str) -> Option<Vec<Value>> {
    if search.is_empty() {
        return Some(Vec::new());
    }
    let values: Vec<_> = family
        .columns
        .iter()
        .flat_map(|column| distinct(column).into_iter().map(move |value| (&column.name, value)))
        .filter(|(_, value)| value.to_lowercase().contains(search))
        .take(MAX_FOUND)
        .map(|(label, value)| json!({ "label": label, "value": value }))
        .collect();
    let in_words = family.name.contains(search) || family.help.to_lowercase().contains(search);
    (in_words || !values.is_empty()).then_some(values)
}

/// The distinct texts of a column, in the order in which they first occur.
fn distinct(column: &Column) -> Vec<&str> {
    let (texts, _) = column.parts();
    let mut seen = HashSet::new();
    (0..texts.len()).map(|id| texts.get(id)).filter(|text| seen.insert(*text)).collect()
}
