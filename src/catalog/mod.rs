//! Every metric family of the service, gathered from where each is defined.
//!
//! Gauges come from [`playarr_jobs::gauges`], live metrics from [`crate::live`], the service's own from the
//! [`Spec`]s beside the code that updates them. Documentation, rules and the dashboard are made from this list alone; a
//! test compares it with what a running service exposes.

#[cfg(test)]
mod contract;
mod generate;

pub use generate::{AlertRule, DOCS, Output};

use playarr_jobs::custom::CustomMetric;
use playarr_jobs::gauges::{self, EpisodesDetail};
use playarr_jobs::metric::{Kind, LabelSpec, Monitoring, Panel, Recording, Spec, Text};

use crate::{live, telemetry};

/// Where a family comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Computed from the database at each refresh.
    Database,
    /// Computed from the database by a pipeline that an admin wrote.
    Custom,
    /// Counted as things happen.
    Live,
    /// What the service says of itself.
    Service,
}

impl Origin {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 4] = [Self::Database, Self::Custom, Self::Live, Self::Service];

    /// The name in the JSON form.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Custom => "custom",
            Self::Live => "live",
            Self::Service => "service",
        }
    }
}

/// A family.
#[derive(Clone, Debug)]
pub struct CatalogEntry {
    /// The name samples carry (a histogram's with `_bucket`, `_sum` and `_count` added).
    pub name: Text,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: Vec<CatalogLabel>,
    /// What its values count or measure.
    pub unit: Text,
    /// The upper bounds of a histogram's buckets, if they are known here.
    pub bounds: &'static [f64],
    /// One sentence on what it tells.
    pub help: Text,
    /// Where it comes from.
    pub origin: Origin,
    /// What Playarr does not report of it by itself, as a sentence.
    pub note: Option<&'static str>,
    /// Panels, recording rules and alerts.
    pub monitoring: Monitoring,
}

/// A label of a family.
#[derive(Clone, Debug)]
pub struct CatalogLabel {
    /// Its name.
    pub name: Text,
    /// Its values, if they are known beforehand.
    pub values: &'static [&'static str],
}

/// All families.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// In the order in which they are exposed.
    pub entries: Vec<CatalogEntry>,
}

impl Catalog {
    /// The catalog of a service with this `EPISODES_DETAIL`.
    #[must_use]
    pub fn new(detail: EpisodesDetail) -> Self {
        let gauges = gauges::all(detail).into_iter().map(|gauge| CatalogEntry {
            name: gauge.name,
            kind: Kind::Gauge,
            labels: gauge.labels.into_iter().map(|name| CatalogLabel { name, values: &[] }).collect(),
            unit: gauge.unit,
            bounds: &[],
            help: gauge.help,
            origin: Origin::Database,
            note: None,
            monitoring: gauge.monitoring,
        });
        let live = live::FAMILIES.iter().map(|spec| entry(spec, Origin::Live));
        let own = telemetry::specs().chain([&live::FOLDED_TOTAL]).map(|spec| entry(spec, Origin::Service));
        Self { entries: gauges.chain(live).chain(own).collect() }
    }

    /// The catalog with the custom metrics of a file as well.
    #[must_use]
    pub fn with_custom(mut self, metrics: &[CustomMetric]) -> Self {
        let first_other = self.entries.iter().position(|entry| entry.origin != Origin::Database);
        let place = first_other.unwrap_or(self.entries.len());
        self.entries.splice(place..place, metrics.iter().map(custom));
        self
    }

    /// Every panel, in the order of the families they stand beside.
    pub fn panels(&self) -> impl Iterator<Item = &'static Panel> {
        self.entries.iter().flat_map(|entry| entry.monitoring.panels)
    }

    /// Every recording rule, each after those it needs.
    pub fn recordings(&self) -> impl Iterator<Item = &'static Recording> {
        self.entries.iter().flat_map(|entry| entry.monitoring.recordings)
    }

    /// Every alert.
    pub fn alerts(&self) -> impl Iterator<Item = AlertRule> {
        self.entries
            .iter()
            .flat_map(|entry| entry.monitoring.alerts.iter().map(|alert| AlertRule::new(alert, entry.note)))
    }
}

impl Default for Catalog {
    fn default() -> Self {
        Self::new(EpisodesDetail::default())
    }
}

fn custom(metric: &CustomMetric) -> CatalogEntry {
    let label = |name: &String| CatalogLabel { name: name.clone().into(), values: &[] };
    CatalogEntry {
        name: metric.name.clone().into(),
        kind: Kind::Gauge,
        labels: metric.labels.iter().map(label).collect(),
        unit: metric.unit.clone().into(),
        bounds: &[],
        help: metric.help.clone().into(),
        origin: Origin::Custom,
        note: None,
        monitoring: Monitoring::NONE,
    }
}

fn entry(spec: &Spec, origin: Origin) -> CatalogEntry {
    let label = |label: LabelSpec| CatalogLabel { name: label.name.into(), values: label.values };
    CatalogEntry {
        name: spec.name.into(),
        kind: spec.kind,
        labels: spec.label_specs().map(label).collect(),
        unit: spec.unit.into(),
        bounds: spec.bounds,
        help: spec.help.into(),
        origin,
        note: generate::note(spec.name),
        monitoring: spec.monitoring,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_fewer_than_a_hundred_families_and_no_name_twice() {
        let catalog = Catalog::default();
        let names: BTreeSet<_> = catalog.entries.iter().map(|entry| &entry.name).collect();
        assert_eq!(names.len(), catalog.entries.len());
        assert!(names.len() < 100, "{}", names.len());
    }

    #[test]
    fn names_tell_type_and_unit() {
        for entry in Catalog::default().entries {
            let name = &entry.name;
            assert!(!entry.unit.is_empty(), "{name} has a unit");
            assert!(entry.help.ends_with('.') && !entry.help.contains('"'), "{name}: HELP is a sentence");
            assert_eq!(entry.kind == Kind::Counter, name.ends_with("_total"), "{name}");
            let base = name.strip_suffix("_total").unwrap_or(name);
            assert_eq!(base.ends_with("_seconds"), entry.unit.starts_with("seconds"), "{name}: {}", entry.unit);
            assert_eq!(base.ends_with("_bytes"), entry.unit == "bytes", "{name}: {}", entry.unit);
        }
    }

    #[test]
    fn panels_rules_and_alerts_have_names_of_their_own() {
        let catalog = Catalog::default();
        let alerts: BTreeSet<_> = catalog.alerts().map(|alert| alert.name).collect();
        assert_eq!(alerts.len(), catalog.alerts().count());
        let recordings: BTreeSet<_> = catalog.recordings().map(|rule| rule.name).collect();
        assert_eq!(recordings.len(), catalog.recordings().count());
        let panels: BTreeSet<_> = catalog.panels().map(|panel| (panel.section.title(), panel.title)).collect();
        assert_eq!(panels.len(), catalog.panels().count());
    }
}
