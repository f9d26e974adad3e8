//! The samples of families, read by the names of their labels.

use std::collections::HashMap;

use playarr_jobs::metric::{Column, Family, Histogram, Points};

/// Families by name. A family that is not there has no rows.
#[derive(Debug)]
pub(super) struct Families<'f>(HashMap<&'f str, &'f Family>);

impl<'f> Families<'f> {
    pub(super) fn new(families: impl IntoIterator<Item = &'f Family>) -> Self {
        Self(families.into_iter().map(|family| (&*family.name, family)).collect())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The samples of a gauge or counter: the values of these labels, and the number.
    pub(super) fn numbers<const N: usize>(
        &self,
        name: &str,
        labels: [&str; N],
    ) -> impl Iterator<Item = ([&'f str; N], f64)> {
        let numbers = self.0.get(name).and_then(|family| match &family.points {
            Points::Numbers(numbers) => Some((columns(family, labels), numbers)),
            Points::Histograms(_) => None,
        });
        numbers.into_iter().flat_map(rows).map(|(labels, number)| (labels, *number))
    }

    /// The samples of a histogram: the values of these labels, and the histogram.
    pub(super) fn histograms<const N: usize>(
        &self,
        name: &str,
        labels: [&str; N],
    ) -> impl Iterator<Item = ([&'f str; N], &'f Histogram)> {
        let histograms = self.0.get(name).and_then(|family| match &family.points {
            Points::Histograms(histograms) => Some((columns(family, labels), histograms)),
            Points::Numbers(_) => None,
        });
        histograms.into_iter().flat_map(rows)
    }

    /// The sum of all numbers of a family.
    pub(super) fn sum(&self, name: &str) -> u64 {
        self.numbers(name, []).fold(0, |sum, ([], number)| sum.saturating_add(whole(number)))
    }
}

type Columns<'f, const N: usize> = [Option<&'f Column>; N];

fn columns<'f, const N: usize>(family: &'f Family, labels: [&str; N]) -> Columns<'f, N> {
    labels.map(|label| family.columns.iter().find(|column| column.name == label))
}

fn rows<'f, T, const N: usize>(
    (columns, points): (Columns<'f, N>, &'f Vec<T>),
) -> impl Iterator<Item = ([&'f str; N], &'f T)> {
    let values = move |row| columns.map(|column| column.map_or("", |column| column.value(row)));
    points.iter().enumerate().map(move |(row, point)| (values(row), point))
}

/// A number as a count; a negative one is 0.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
pub(super) fn whole(number: f64) -> u64 {
    number as u64
}

/// A gauge of these samples.
#[cfg(test)]
pub(super) fn gauge(name: &'static str, labels: &[&'static str], samples: &[(&[&'static str], f64)]) -> Family {
    let samples = samples.iter().map(|&(values, number)| (values.to_vec(), number));
    Family::numbers(name, "Help.", playarr_jobs::metric::Kind::Gauge, labels, samples)
}
