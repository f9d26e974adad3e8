//! The page of what is different between two snapshots. Its script requests and shows it.

use askama::Template;

use crate::web::shell::{Page, Shell};

pub(in crate::web) const CHANGES: Page = Page {
    path: "/changes",
    label: "Changes",
    icon: include_str!("../templates/icons/changes.svg"),
    render: |shell, _| ChangesPage { shell }.render(),
};

/// `GET /changes`
#[derive(Template)]
#[template(path = "changes.html", config = "src/web/askama.toml")]
struct ChangesPage {
    shell: Shell,
}
