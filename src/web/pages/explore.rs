//! The page on which any series can be found.

use askama::Template;

use crate::web::links::QueryLinks;
use crate::web::shell::{Page, Shell};

pub(in crate::web) const EXPLORE: Page = Page {
    path: "/explore",
    label: "Explorer",
    icon: include_str!("../templates/icons/explore.svg"),
    render: |shell, visit| ExplorePage { shell, links: visit.links }.render(),
};

/// `GET /explore`
#[derive(Template)]
#[template(path = "explore.html", config = "src/web/askama.toml")]
struct ExplorePage<'a> {
    shell: Shell,
    links: &'a QueryLinks,
}

impl ExplorePage<'_> {
    fn prometheus(&self) -> &str {
        self.links.prometheus.as_deref().unwrap_or_default()
    }

    fn grafana(&self) -> &str {
        self.links.grafana.as_deref().unwrap_or_default()
    }
}
