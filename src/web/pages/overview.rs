//! The page of charts. Which cards it has is here; its scripts draw what is in them.

use askama::Template;

use crate::web::shell::{Page, Shell};

pub(in crate::web) const OVERVIEW: Page = Page {
    path: "/overview",
    label: "Overview",
    icon: include_str!("../templates/icons/overview.svg"),
    render: |shell, _| OverviewPage { shell, sections: SECTIONS }.render(),
};

/// `GET /overview`
#[derive(Template)]
#[template(path = "overview.html", config = "src/web/askama.toml")]
struct OverviewPage {
    shell: Shell,
    sections: &'static [Section],
}

/// The sections and cards in the order of the page.
const SECTIONS: &[Section] = &[
    Section {
        id: "library",
        title: "Library",
        has_windows: false,
        cards: &[
            card("titles", "Titles", "The merged library: each title once.", Width::Third),
            card("by-provider", "Titles by provider", "The titles that each provider lists.", Width::Wide),
            card("channels", "Channels by category", "The channels of all providers.", Width::Half),
            card("watchlists", "Watchlists", "What users have saved to watch later.", Width::Half),
        ],
    },
    Section {
        id: "providers",
        title: "Providers",
        has_windows: false,
        cards: &[
            with_all(card("expiry", "Expiry", "How much of a year is left of each account.", Width::Half)),
            with_all(card("connections", "Connections", "In use, of those that each provider allows.", Width::Half)),
        ],
    },
    Section {
        id: "activity",
        title: "Activity",
        has_windows: true,
        cards: &[
            card("streams", "Streams", "Requested streams over time.", Width::Wide),
            card(
                "durations",
                "Waiting for a stream",
                "Time until it starts: for half of the requests (dark) and for 95% (with the light part).",
                Width::Third,
            ),
            card("cache", "Cache", "Cache operations over time.", Width::Wide),
            card("hit-ratio", "Cache hits", "Of all operations ever counted.", Width::Third),
            card("users", "Who watches", "Streams by user.", Width::Third),
            card("syncs", "Synchronisations", "By provider and outcome.", Width::Third),
            card("jobs", "Jobs", "By kind and outcome.", Width::Third),
        ],
    },
];

/// Cards under one heading.
#[derive(Debug)]
struct Section {
    id: &'static str,
    title: &'static str,
    /// Whether the page offers a choice of the period shown.
    has_windows: bool,
    cards: &'static [Card],
}

/// A card with a chart.
#[derive(Clone, Copy, Debug)]
struct Card {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    width: Width,
    /// Whether the page offers to show all of what the card shows the first of.
    has_all: bool,
}

/// The width of a card where there is room for several beside each other.
#[derive(Clone, Copy, Debug)]
enum Width {
    /// A third of a row.
    Third,
    /// Half a row.
    Half,
    /// Two thirds of a row.
    Wide,
}

impl Card {
    fn class(&self) -> &'static str {
        match self.width {
            Width::Third => "third",
            Width::Half => "half",
            Width::Wide => "wide-card",
        }
    }
}

const fn card(id: &'static str, title: &'static str, about: &'static str, width: Width) -> Card {
    Card { id, title, about, width, has_all: false }
}

const fn with_all(card: Card) -> Card {
    Card { has_all: true, ..card }
}
