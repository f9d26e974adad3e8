//! The page of custom metrics.

use askama::Template;
use playarr_jobs::custom::{PREFIX, ReadableCollection, readable_collections};

use crate::web::shell::{Page, Shell};

pub(in crate::web) const CUSTOM_METRICS: Page = Page {
    path: "/settings/custom",
    label: "Custom metrics",
    icon: include_str!("../templates/icons/custom.svg"),
    render: |shell, _| CustomMetricsPage { shell, prefix: PREFIX, collections: readable_collections() }.render(),
};

/// `GET /settings/custom`
#[derive(Template)]
#[template(path = "custom_metrics.html", config = "src/web/askama.toml")]
struct CustomMetricsPage {
    shell: Shell,
    prefix: &'static str,
    collections: &'static [ReadableCollection],
}
