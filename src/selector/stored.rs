//! Families as Prometheus stores them: a histogram becomes three of numbers.

use std::sync::Arc;

use playarr_jobs::metric::{Column, Family, Histogram, Kind, Points, Text};

/// The label of a bucket's upper bound.
pub(crate) const LE: &str = "le";

/// A family of numbers under one name.
#[derive(Clone, Debug)]
pub(crate) struct StoredFamily {
    /// The type of the family that it is (a part of).
    pub(crate) kind: Kind,
    /// The numbers. Bounds of buckets are written as in OpenMetrics.
    pub(crate) family: Arc<Family>,
    /// Their position in the list of families that was asked.
    pub(crate) position: usize,
}

/// The names under which Prometheus stores a family.
pub(super) fn names(family: &Family) -> Vec<Text> {
    match family.points {
        Points::Numbers(_) => vec![family.name.clone()],
        Points::Histograms(_) => {
            ["_bucket", "_sum", "_count"].map(|suffix| format!("{}{suffix}", family.name).into()).to_vec()
        }
    }
}

/// The families that Prometheus stores this one as, in the order of [`names`].
pub(super) fn stored(family: &Arc<Family>, position: usize) -> Vec<StoredFamily> {
    let families = match &family.points {
        Points::Numbers(_) => vec![family.clone()],
        Points::Histograms(histograms) => {
            let [bucket, sum, count] = &names(family)[..] else { return Vec::new() };
            let part = |name: &Text, columns, points| {
                let help = family.help.clone();
                Arc::new(Family { name: name.clone(), help, kind: Kind::Histogram, columns, points })
            };
            let numbers = |value: fn(&Histogram) -> f64| Points::Numbers(histograms.iter().map(value).collect());
            vec![
                buckets(bucket.clone(), family, histograms),
                part(sum, family.columns.clone(), numbers(|histogram| histogram.sum)),
                part(count, family.columns.clone(), numbers(|histogram| double(histogram.count))),
            ]
        }
    };
    families.into_iter().map(|numbers| StoredFamily { kind: family.kind, family: numbers, position }).collect()
}

fn buckets(name: Text, family: &Family, histograms: &[Histogram]) -> Arc<Family> {
    let names = family.columns.iter().map(|column| column.name.clone()).chain([LE.into()]);
    let mut columns: Vec<_> = names.map(Column::new).collect();
    let mut values = Vec::new();
    for (row, histogram) in histograms.iter().enumerate() {
        for (bound, count) in bounds(histogram) {
            let texts = family.labels(row).map(|(_, value)| value);
            let bound = bound_text(bound);
            for (column, text) in columns.iter_mut().zip(texts.chain([&*bound])) {
                column.push(text);
            }
            values.push(double(count));
        }
    }
    let (kind, points) = (Kind::Histogram, Points::Numbers(values));
    Arc::new(Family { name, help: family.help.clone(), kind, columns, points })
}

/// The buckets of a histogram, the last one included.
pub(super) fn bounds(histogram: &Histogram) -> impl Iterator<Item = (f64, u64)> {
    histogram.buckets.iter().copied().chain([(f64::INFINITY, histogram.count)])
}

/// A bound as OpenMetrics and Prometheus 3 write it: "1.0", "0.25", "+Inf".
fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".to_owned() } else { format!("{bound:?}") }
}

#[expect(clippy::cast_precision_loss, reason = "a sample is a double")]
fn double(count: u64) -> f64 {
    count as f64
}
