//! The page of tokens, configuration, snapshot and scrapes.

use askama::Template;

use super::configuration::{Configuration, configurations};
use super::target::Target;
use super::tokens::{TOKEN_CARDS, TokenCard};
use crate::web::shell::{Page, Shell, Visit};

pub(in crate::web) const SETTINGS_METRICS: Page = Page {
    path: "/settings/metrics",
    label: "Metrics",
    icon: include_str!("../templates/icons/chart.svg"),
    render: |shell, visit| SettingsMetricsPage::new(shell, visit).render(),
};

/// `GET /settings/metrics`
#[derive(Template)]
#[template(path = "settings_metrics.html", config = "src/web/askama.toml")]
struct SettingsMetricsPage<'a> {
    shell: Shell,
    target: &'a Target,
    tokens: &'static [TokenCard],
    configurations: Vec<Configuration>,
}

impl<'a> SettingsMetricsPage<'a> {
    fn new(shell: Shell, visit: &Visit<'a>) -> Self {
        Self { shell, target: visit.target, tokens: TOKEN_CARDS, configurations: configurations(visit.target) }
    }
}
