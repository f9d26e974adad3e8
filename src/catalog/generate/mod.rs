//! The files that are generated from the catalog: what operators read, load and import.

mod alert_rule;
mod dashboard;
mod events;
mod json;
mod markdown;
mod provider_names;
mod rules;
mod unreported;

use clap::ValueEnum;

use super::Catalog;

pub use alert_rule::AlertRule;
pub(super) use unreported::note;

/// Where the pages of `docs/` are read, for links out of rules: the runbook is `operating.md` there, with a heading for
/// each alert.
pub const DOCS: &str = "https://github.com/elad-bar/playarr-metrics/blob/main/docs";

/// What the catalog can be printed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Every metric, rule and panel, for people.
    Markdown,
    /// The same for programs.
    Json,
    /// A rule file for Prometheus: recording rules and alerts.
    Rules,
    /// A dashboard for Grafana 10 and later.
    Dashboard,
    /// The live events and their fields, for programs that report them.
    Events,
}

impl Output {
    /// The catalog as text; links lead to pages under `docs`.
    #[must_use]
    pub fn of(self, catalog: &Catalog, docs: &str) -> String {
        let docs = docs.trim_end_matches('/');
        match self {
            Self::Markdown => markdown::document(catalog),
            Self::Json => json::document(catalog),
            Self::Rules => rules::file(catalog, docs),
            Self::Dashboard => dashboard::document(catalog, docs),
            Self::Events => events::document(),
        }
    }
}
