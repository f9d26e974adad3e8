//! What defines a family of the service's own.

use super::family::Kind;
use super::monitoring::Monitoring;

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
    pub monitoring: Monitoring,
}

impl Spec {
    /// A family of values that count or measure `unit`, without labels and monitoring.
    #[must_use]
    pub const fn new(kind: Kind, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, labels: &[], unit, bounds: &[], help, monitoring: Monitoring::NONE }
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
    pub const fn monitoring(mut self, monitoring: Monitoring) -> Self {
        self.monitoring = monitoring;
        self
    }
}
