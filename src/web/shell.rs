//! The side bar, and which page is which.

/// The pages of the side bar by group. The first page of the first group is where `/` leads.
pub const GROUPS: &[Group] = &[
    Group { label: "Library", entries: &[OVERVIEW] },
    Group { label: "Settings", entries: &[SETTINGS_METRICS] },
];

/// The library in pictures.
pub const OVERVIEW: Entry =
    Entry { path: "/overview", label: "Overview", icon: include_str!("templates/icons/overview.svg") };

/// Tokens, configuration, snapshot and scrapes.
pub const SETTINGS_METRICS: Entry =
    Entry { path: "/settings/metrics", label: "Metrics", icon: include_str!("templates/icons/chart.svg") };

/// Pages under one heading.
#[derive(Debug)]
pub struct Group {
    /// The heading.
    pub label: &'static str,
    /// Its pages.
    pub entries: &'static [Entry],
}

/// A page in the side bar.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where it is.
    pub path: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// An SVG element of our own, put into the page as it is.
    pub icon: &'static str,
}

/// What surrounds a page that an admin sees.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'a> {
    /// Who is signed in.
    pub username: &'a str,
    /// The page shown.
    pub page: Entry,
}

impl Shell<'_> {
    pub(super) fn groups(&self) -> &'static [Group] {
        GROUPS
    }

    pub(super) fn title(&self) -> &'static str {
        self.page.label
    }

    pub(super) fn is_current(&self, entry: &Entry) -> bool {
        entry.path == self.page.path
    }

    /// What stands for the user where there is no picture.
    pub(super) fn initial(&self) -> String {
        self.username
            .chars()
            .find(|c| c.is_alphanumeric())
            .map_or("?".to_owned(), |c| c.to_uppercase().collect())
    }
}
