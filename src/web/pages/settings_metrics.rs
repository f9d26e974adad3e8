//! The page of tokens, configuration, snapshot and scrapes.

use askama::Template;

use super::configuration::{Configuration, configurations};
use super::target::Target;
use super::tokens::{TOKEN_CARDS, TokenCard};
use crate::catalog::DOCS;
use crate::web::links::QueryLinks;
use crate::web::shell::{Page, Shell, Visit};

pub(in crate::web) const SETTINGS_METRICS: Page = Page {
    path: "/settings/metrics",
    label: "Metrics",
    icon: include_str!("../templates/icons/chart.svg"),
    render: |shell, visit| SettingsMetricsPage::new(shell, visit).render(),
};

/// The pages of the documentation that are linked to.
const PAGES: &[(&str, &str)] = &[
    ("metrics.md", "Metrics"),
    ("operating.md#runbook", "Runbook"),
    ("configuration.md", "Configuration"),
    ("security.md", "Security"),
    ("api.md", "HTTP interface"),
    ("limits-and-promises.md", "Limits and promises"),
    ("../CHANGELOG.md", "Changelog"),
];

/// `GET /settings/metrics`
#[derive(Template)]
#[template(path = "settings_metrics.html", config = "src/web/askama.toml")]
struct SettingsMetricsPage<'a> {
    shell: Shell,
    target: &'a Target,
    tokens: &'static [TokenCard],
    configurations: Vec<Configuration>,
    links: &'a QueryLinks,
    docs: &'static str,
}

impl<'a> SettingsMetricsPage<'a> {
    fn new(shell: Shell, visit: &Visit<'a>) -> Self {
        let Visit { target, links, .. } = *visit;
        Self { shell, target, tokens: TOKEN_CARDS, configurations: configurations(target), links, docs: DOCS }
    }

    fn revision(&self) -> &'static str {
        env!("BUILD_REVISION")
    }

    fn pages(&self) -> &'static [(&'static str, &'static str)] {
        PAGES
    }
}
