//! The frame around a page: side bar, account and title.

use crate::config::BasePath;

use super::links::QueryLinks;
use super::pages::Target;
use super::text::visible;

/// A page in the side bar. Only admins see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The path of its route.
    pub(crate) path: &'static str,
    pub(super) label: &'static str,
    /// An SVG element of our own; the template does not escape it.
    pub(super) icon: &'static str,
    pub(super) render: fn(Shell, &Visit<'_>) -> askama::Result<String>,
}

impl Page {
    /// Its address from the base of the document.
    pub(super) fn link(&self) -> &'static str {
        self.path.trim_start_matches('/')
    }
}

/// Pages under one heading.
#[derive(Debug)]
pub(super) struct SidebarGroup {
    pub(super) label: &'static str,
    pub(super) pages: &'static [Page],
}

/// The request that a page answers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit<'a> {
    /// The path below which everything is.
    pub(crate) base: &'a BasePath,
    /// The admin who asks.
    pub(crate) username: &'a str,
    /// Where the service was found.
    pub(crate) target: &'a Target,
    /// Where queries can be opened.
    pub(crate) links: &'a QueryLinks,
}

/// What the templates show around a page.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) base: BasePath,
    pub(super) username: String,
    pub(super) page: &'static Page,
    pub(super) groups: &'static [SidebarGroup],
}

impl Shell {
    pub(super) fn new(page: &'static Page, groups: &'static [SidebarGroup], visit: &Visit<'_>) -> Self {
        Self { base: visit.base.clone(), username: visible(visit.username), page, groups }
    }

    pub(super) fn is_current(&self, page: &Page) -> bool {
        page.path == self.page.path
    }

    pub(super) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Stands for the user where there is no picture.
    pub(super) fn initial(&self) -> String {
        let initial = self.username.chars().find(|c| c.is_alphanumeric());
        initial.map_or("?".to_owned(), |initial| initial.to_uppercase().collect())
    }
}
