//! Series, a page at a time.

use std::cmp::Ordering;
use std::str::FromStr;

use playarr_jobs::metric::{Family, Points};
use serde_json::{Map, Value, json};

use super::cursor::{Cursor, CursorError};
use super::view::View;
use crate::selector::Chosen;

/// How many series a page has if nothing else is asked for.
pub(crate) const DEFAULT_LIMIT: usize = 100;
/// The most series of a page.
pub(crate) const MAX_LIMIT: usize = 1_000;

/// How series are sorted. Ties are in the order of the exposition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sort {
    by: By,
    is_descending: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum By {
    /// The order of the exposition: by family, then by label values.
    Exposition,
    Value,
    Label(String),
}

/// A text that names no order of series.
#[derive(Debug, thiserror::Error)]
#[error(
    "sort={0:?} is not an order; accepted: exposition, value or the name of a label, each with a - before it to \
     reverse it"
)]
pub(crate) struct SortError(String);

/// What is asked for.
#[derive(Debug)]
pub(crate) struct PageRequest {
    /// The order.
    pub(crate) sort: Sort,
    /// The most series.
    pub(crate) limit: usize,
    /// The `next` of the page before.
    pub(crate) after: Option<String>,
}

impl FromStr for Sort {
    type Err = SortError;

    fn from_str(text: &str) -> Result<Self, SortError> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let is_label = |name: &str| {
            !name.starts_with(|first: char| first.is_ascii_digit())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let by = match name {
            "exposition" => By::Exposition,
            "value" => By::Value,
            label if !label.is_empty() && is_label(label) => By::Label(label.to_owned()),
            _ => return Err(SortError(text.to_owned())),
        };
        Ok(Self { by, is_descending })
    }
}

impl Sort {
    fn text(&self) -> String {
        let name = match &self.by {
            By::Exposition => "exposition",
            By::Value => "value",
            By::Label(label) => label,
        };
        format!("{}{name}", if self.is_descending { "-" } else { "" })
    }
}

/// A series: its position among the chosen families, and its row there.
type SeriesPlace = (usize, usize);

/// A page of the chosen series, as the API shows it.
///
/// # Errors
/// When the page before was of another generation or request.
pub(crate) fn page(view: &View, chosen: &[Chosen], request: &PageRequest) -> Result<Value, CursorError> {
    let PageRequest { sort, limit, after } = request;
    let after = after.as_deref().map(|after| Start::of(after, view, chosen, sort)).transpose()?;
    let all = chosen.iter().enumerate();
    let all = all.flat_map(|(position, chosen)| chosen.rows.iter().map(move |row| (position, row)));
    let mut places: Vec<SeriesPlace> = match (&sort.by, sort.is_descending) {
        // Already in order, so that most of them need not be looked at.
        (By::Exposition, false) => {
            all.filter(|&place| follows(chosen, sort, place, after.as_ref())).take(limit + 1).collect()
        }
        _ => all.filter(|&place| follows(chosen, sort, place, after.as_ref())).collect(),
    };
    let compare = |a: &SeriesPlace, b: &SeriesPlace| compare(chosen, sort, *a, *b);
    let is_last = places.len() <= *limit;
    if !is_last {
        places.select_nth_unstable_by(*limit, compare);
        places.truncate(*limit);
    }
    places.sort_unstable_by(compare);
    let next = places.last().filter(|_| !is_last).map(|&place| cursor(view, chosen, sort, place).encode());
    let series: Vec<_> = places.into_iter().map(|place| item(chosen, place)).collect();
    let total: usize = chosen.iter().map(|chosen| chosen.rows.len()).sum();
    Ok(json!({ "generation": view.generation, "total": total, "series": series, "next": next }))
}

/// A number as JSON has it; those that JSON does not know as texts.
pub(super) fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "only whole numbers within the exact range are cast")]
    match value {
        value if value.fract() == 0.0 && value.abs() <= EXACT => Value::from(value as i64),
        value if value.is_finite() => Value::from(value),
        value if value.is_nan() => Value::from("NaN"),
        value => Value::from(if value > 0.0 { "+Inf" } else { "-Inf" }),
    }
}

/// The values of a family of numbers.
pub(super) fn values(family: &Family) -> &[f64] {
    match &family.points {
        Points::Numbers(values) => values,
        Points::Histograms(_) => &[],
    }
}

fn item(chosen: &[Chosen], (position, row): SeriesPlace) -> Value {
    let family = &chosen[position].stored.family;
    let labels: Map<_, _> = family.labels(row).map(|(name, value)| (name.to_owned(), value.into())).collect();
    json!({ "metric": family.name, "labels": labels, "value": number(values(family)[row]) })
}

fn cursor(view: &View, chosen: &[Chosen], sort: &Sort, (position, row): SeriesPlace) -> Cursor {
    let family = &chosen[position].stored.family;
    Cursor {
        generation: view.generation,
        sort: sort.text(),
        metric: family.name.to_string(),
        labels: family.labels(row).map(|(_, value)| value.to_owned()).collect(),
        value: values(family)[row].to_bits(),
    }
}

/// The label's value of a series; empty if the series does not have the label.
fn label<'c>(family: &'c Family, row: usize, wanted: &str) -> &'c str {
    family.labels(row).find(|(name, _)| *name == wanted).map_or("", |(_, value)| value)
}

fn compare(chosen: &[Chosen], sort: &Sort, a: SeriesPlace, b: SeriesPlace) -> Ordering {
    let family = |(position, _): SeriesPlace| &*chosen[position].stored.family;
    let primary = match &sort.by {
        By::Exposition => a.cmp(&b),
        By::Value => values(family(a))[a.1].total_cmp(&values(family(b))[b.1]),
        By::Label(name) => label(family(a), a.1, name).cmp(label(family(b), b.1, name)),
    };
    (if sort.is_descending { primary.reverse() } else { primary }).then(a.cmp(&b))
}

/// Where a page begins.
struct Start {
    cursor: Cursor,
    /// The value of the label that is sorted by.
    label: String,
    /// Its family.
    position: usize,
    /// The rows of that family before its row.
    before: usize,
    /// The first row after it. A live series may have gone meanwhile; then nothing is between these two.
    after: usize,
}

impl Start {
    fn of(after: &str, view: &View, chosen: &[Chosen], sort: &Sort) -> Result<Self, CursorError> {
        let cursor = Cursor::decode(after)?;
        if cursor.generation != view.generation {
            return Err(CursorError::Gone { asked: cursor.generation, current: view.generation });
        }
        let position = chosen.iter().position(|chosen| chosen.stored.family.name == cursor.metric);
        let (Some(position), true) = (position, cursor.sort == sort.text()) else {
            return Err(CursorError::OtherRequest);
        };
        let family = &chosen[position].stored.family;
        if family.columns.len() != cursor.labels.len() {
            return Err(CursorError::OtherRequest);
        }
        let label = match &sort.by {
            By::Label(name) => family.columns.iter().position(|column| column.name == *name),
            _ => None,
        };
        let label = label.map(|label| cursor.labels[label].clone()).unwrap_or_default();
        let (before, after) = around(family, &cursor.labels);
        Ok(Self { cursor, label, position, before, after })
    }
}

/// Where the row with these label values ends what is before it and begins what is after it. Rows are sorted by their
/// label values, except those of buckets.
fn around(family: &Family, labels: &[String]) -> (usize, usize) {
    let compare = |row: usize| family.labels(row).map(|(_, value)| value).cmp(labels.iter().map(String::as_str));
    let (mut low, mut high) = (0, family.len());
    while low < high {
        let middle = usize::midpoint(low, high);
        match compare(middle) {
            Ordering::Less => low = middle + 1,
            Ordering::Equal => return (middle, middle + 1),
            Ordering::Greater => high = middle,
        }
    }
    (0..family.len()).find(|&row| compare(row).is_eq()).map_or((low, low), |row| (row, row + 1))
}

/// Whether a series comes after the page before.
fn follows(chosen: &[Chosen], sort: &Sort, place: SeriesPlace, start: Option<&Start>) -> bool {
    let Some(Start { cursor, label: last, position, before, after }) = start else { return true };
    let family = &chosen[place.0].stored.family;
    let primary = match &sort.by {
        By::Exposition if sort.is_descending => return place < (*position, *before),
        By::Exposition => Ordering::Equal,
        By::Value => values(family)[place.1].total_cmp(&f64::from_bits(cursor.value)),
        By::Label(name) => label(family, place.1, name).cmp(last),
    };
    match if sort.is_descending { primary.reverse() } else { primary } {
        Ordering::Less => false,
        Ordering::Equal => place >= (*position, *after),
        Ordering::Greater => true,
    }
}
