//! Alerts as Prometheus gets them.

use playarr_jobs::metric::{Alert, Severity, Text};

use super::provider_names;
use super::unreported::with_note;

/// An alerting rule, ready for a rule file.
#[derive(Clone, Debug)]
pub struct AlertRule {
    /// Its name, which is also its heading in the runbook.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// How long the query must have results before the alert fires (`for`), as Prometheus writes durations.
    pub hold: &'static str,
    /// The query; each of its results is one alert.
    pub expr: Text,
    /// What is wrong, in a line: a template of Prometheus.
    pub summary: Text,
    /// What is wrong, in detail: a template of Prometheus.
    pub description: Text,
}

impl AlertRule {
    /// The rule of an alert on a family, of which `note` says what Playarr does not report.
    pub(in crate::catalog) fn new(alert: &Alert, note: Option<&str>) -> Self {
        let &Alert { name, severity, hold, expr, summary, description } = alert;
        let description = with_note(description, note).into();
        let rule = Self { name, severity, hold, expr: expr.into(), summary: summary.into(), description };
        if provider_names::is_mentioned(summary) { rule.of_providers() } else { rule }
    }

    fn of_providers(self) -> Self {
        Self {
            expr: provider_names::of_enabled(&self.expr).into(),
            summary: provider_names::named_in_text(&self.summary).into(),
            description: provider_names::named_in_text(&self.description).into(),
            ..self
        }
    }
}
