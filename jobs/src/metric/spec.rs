//! What a metric family is, before it has any sample.

use super::family::Kind;
use super::monitoring::Monitoring;

/// A family that the service counts or measures itself. Registration, exposition, documentation and monitoring follow
/// from it.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name samples carry.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// For each label the values it can have, in order; none for a label that takes any text. Shorter than `labels` if
    /// the rest takes any text.
    pub values: &'static [&'static [&'static str]],
    /// What its values count or measure.
    pub unit: &'static str,
    /// The upper bounds of a histogram's buckets, in `unit`.
    pub bounds: &'static [f64],
    /// One sentence on what it shows, without double quotes.
    pub help: &'static str,
    /// Panels, recording rules and alerts.
    pub monitoring: Monitoring,
}

/// A label of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelSpec {
    /// Its name.
    pub name: &'static str,
    /// Its values, if they are known beforehand; empty for a label that takes any text.
    pub values: &'static [&'static str],
}

impl LabelSpec {
    /// Whether it takes any text.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.values.is_empty()
    }
}

impl Spec {
    /// A family of values that count or measure `unit`, without labels and monitoring.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, labels: &[], values: &[], unit, bounds: &[], help, monitoring: Monitoring::NONE }
    }

    /// Sets the label names.
    #[must_use]
    pub const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    /// Sets the values of the labels; see [`Spec::values`](#structfield.values).
    #[must_use]
    pub const fn values(mut self, values: &'static [&'static [&'static str]]) -> Self {
        self.values = values;
        self
    }

    /// Sets the bounds of a histogram's buckets.
    #[must_use]
    pub const fn bounds(mut self, bounds: &'static [f64]) -> Self {
        self.bounds = bounds;
        self
    }

    /// Sets panels, recording rules and alerts.
    #[must_use]
    pub const fn monitoring(mut self, monitoring: Monitoring) -> Self {
        self.monitoring = monitoring;
        self
    }

    /// The labels with their values, in order.
    pub fn label_specs(&self) -> impl Iterator<Item = LabelSpec> + use<> {
        let values = self.values;
        self.labels
            .iter()
            .enumerate()
            .map(move |(position, &name)| LabelSpec { name, values: values.get(position).copied().unwrap_or_default() })
    }

    /// Whether any label takes any text.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.label_specs().any(|label| label.is_open())
    }

    /// How many combinations of values the labels have whose values are known beforehand.
    #[must_use]
    pub fn combinations(&self) -> usize {
        self.label_specs().map(|label| label.values.len().max(1)).product()
    }

    /// How many counts a series has: a histogram's those of its buckets and of what is beyond them, others one.
    #[must_use]
    pub fn stride(&self) -> usize {
        if self.kind == Kind::Histogram { self.bounds.len() + 1 } else { 1 }
    }
}
