//! The pages in the side bar.

use super::pages::{OVERVIEW, SETTINGS_METRICS};
use super::shell::{Group, Page, Shell, Visit};

/// Every page, by group, in the order of the side bar.
const GROUPS: &[Group] = &[
    Group { label: "Library", pages: &[OVERVIEW] },
    Group { label: "Settings", pages: &[SETTINGS_METRICS] },
];

/// The page that `/` and signing in lead to.
pub const HOME: Page = OVERVIEW;

/// Every page that has a route.
pub fn pages() -> impl Iterator<Item = &'static Page> {
    GROUPS.iter().flat_map(|group| group.pages)
}

/// The page with this path; a trailing slash does not matter.
#[must_use]
pub fn page(path: &str) -> Option<&'static Page> {
    let path = path.strip_suffix('/').unwrap_or(path);
    pages().find(|page| page.path == path)
}

/// The HTML of a page.
///
/// # Errors
/// When the template fails.
pub fn render(page: &'static Page, visit: &Visit<'_>) -> askama::Result<String> {
    (page.render)(Shell::new(page, GROUPS, visit), visit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_is_found_by_its_path_with_and_without_a_trailing_slash() {
        for expected in pages() {
            for path in [expected.path.to_owned(), format!("{}/", expected.path)] {
                assert_eq!(page(&path).map(|page| page.path), Some(expected.path), "{path}");
            }
        }
        for unknown in ["", "/", "//", "/settings", "/overview/x", "/overview//"] {
            assert!(page(unknown).is_none(), "{unknown}");
        }
    }
}
