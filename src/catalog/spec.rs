//! What defines a family of the service's own.

use playarr_jobs::family::Kind;
use playarr_jobs::hints::Hints;
use prometheus::{HistogramOpts, Opts};

use super::{Entry, Label, Origin};

/// A family that the service tells about itself. It is registered, documented and watched by this.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name samples carry.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [&'static str],
    /// What its values count or measure.
    pub unit: &'static str,
    /// The upper bounds of a histogram's buckets.
    pub bounds: &'static [f64],
    /// One sentence on what it tells, without double quotes.
    pub help: &'static str,
    /// Panels, recording rules and alerts.
    pub hints: Hints,
}

impl Spec {
    /// A family of values that count or measure `unit`, without labels and hints.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, labels: &[], unit, bounds: &[], help, hints: Hints::NONE }
    }

    /// Sets the label names.
    #[must_use]
    pub const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    /// Sets the bounds of a histogram's buckets.
    #[must_use]
    pub const fn bounds(mut self, bounds: &'static [f64]) -> Self {
        self.bounds = bounds;
        self
    }

    /// Says what an operator makes of it.
    #[must_use]
    pub const fn hints(mut self, hints: Hints) -> Self {
        self.hints = hints;
        self
    }

    /// What registers it as a gauge or a counter.
    pub(crate) fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    /// What registers it as a histogram.
    pub(crate) fn histogram_opts(&self) -> HistogramOpts {
        HistogramOpts::new(self.name, self.help).buckets(self.bounds.to_vec())
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            name: self.name.into(),
            kind: self.kind,
            labels: self.labels.iter().map(|&name| Label { name: name.into(), values: &[] }).collect(),
            unit: self.unit.into(),
            bounds: self.bounds,
            help: self.help.into(),
            origin: Origin::Service,
            hints: self.hints,
        }
    }
}
