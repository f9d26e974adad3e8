//! The text formats. What is left of a histogram that is not chosen whole is no histogram: each of its names becomes a
//! family of no known type, as in Prometheus' own federation.

use std::sync::Arc;

use playarr_jobs::metric::{Family, Points};

use super::{About, ExportedFamily, Shape, is_histogram};
use crate::explore::series::values;
use crate::exposition::{Format, header, histogram, part_header, sample};
use crate::selector::{Chosen, LE, RowSet, StoredFamily};

/// Puts the parts of histograms that were chosen whole together again.
pub(super) fn shaped(families: &[Arc<Family>], chosen: Vec<Chosen>) -> Vec<(Chosen, Shape)> {
    let mut shaped = Vec::new();
    let mut rest = chosen.into_iter().peekable();
    while let Some(first) = rest.next() {
        let position = first.stored.position;
        let family = &families[position];
        if !is_histogram(family) {
            shaped.push((first, Shape::Numbers));
            continue;
        }
        let mut parts = vec![first];
        while let Some(next) = rest.next_if(|next| next.stored.position == position) {
            parts.push(next);
        }
        match whole(family, &parts) {
            Some(rows) => {
                let stored = StoredFamily { kind: family.kind, family: family.clone(), position };
                shaped.push((Chosen { stored, rows }, Shape::Histograms));
            }
            None => shaped.extend(parts.into_iter().map(|part| (part, Shape::Rest))),
        }
    }
    shaped
}

/// The rows of a histogram family, if each is chosen with all of its samples or not at all.
fn whole(family: &Family, parts: &[Chosen]) -> Option<RowSet> {
    let (Points::Histograms(histograms), [buckets, sum, count]) = (&family.points, parts) else { return None };
    if sum.rows != count.rows {
        return None;
    }
    let mut first = 0;
    for (row, histogram) in histograms.iter().enumerate() {
        let is_chosen = sum.rows.contains(row);
        let end = first + histogram.buckets.len() + 1;
        if (first..end).any(|bucket| buckets.rows.contains(bucket) != is_chosen) {
            return None;
        }
        first = end;
    }
    Some(sum.rows.clone())
}

/// Writes which snapshot the series are of.
pub(super) fn comment(about: &About, out: &mut Vec<u8>) {
    let About { generation, taken_at } = about;
    out.extend_from_slice(format!("# Generation {generation}, taken at {taken_at}\n").as_bytes());
}

/// Writes a row, the first one with what comes before it.
pub(super) fn row(part: &ExportedFamily, row: usize, is_first: bool, format: Format, out: &mut Vec<u8>) {
    let family = &part.family;
    match (is_first, part.shape) {
        (false, _) => {}
        (true, Shape::Rest) => part_header(family, format, out),
        (true, _) => header(family, format, out),
    }
    match &family.points {
        Points::Histograms(histograms) => histogram(&family.name, family.labels(row), &histograms[row], format, out),
        Points::Numbers(_) => {
            // The text format writes bounds shorter, in a part of a histogram as in a whole one.
            let shorten = part.shape == Shape::Rest && format == Format::Text;
            let labels = family.labels(row).map(|(name, value)| match value.strip_suffix(".0") {
                Some(short) if shorten && name == LE => (name, short),
                _ => (name, value),
            });
            sample(&family.name, labels, values(family)[row], out);
        }
    }
}
