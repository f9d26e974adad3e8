//! The pages in the side bar.

use super::pages::{CHANGES, CUSTOM_METRICS, EXPLORE, OVERVIEW, SETTINGS_METRICS};
use super::shell::{Page, Shell, SidebarGroup, Visit};

/// Every page, by group, in the order of the side bar.
const GROUPS: &[SidebarGroup] = &[
    SidebarGroup { label: "Library", pages: &[OVERVIEW, EXPLORE, CHANGES] },
    SidebarGroup { label: "Settings", pages: &[SETTINGS_METRICS, CUSTOM_METRICS] },
];

/// The page that `/` and signing in lead to.
pub(crate) const HOME: Page = OVERVIEW;

/// Every page that has a route.
pub(crate) fn pages() -> impl Iterator<Item = &'static Page> {
    GROUPS.iter().flat_map(|group| group.pages)
}

/// The HTML of a page.
///
/// # Errors
/// When the template fails.
pub(crate) fn render(page: &'static Page, visit: &Visit<'_>) -> askama::Result<String> {
    (page.render)(Shell::new(page, GROUPS, visit), visit)
}
