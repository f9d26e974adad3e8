//! The cards of the overview. The page draws the pictures in them.

/// The pictures in the order of the page.
pub const SECTIONS: &[Section] = &[
    Section {
        id: "library",
        title: "Library",
        has_windows: false,
        cards: &[
            card("titles", "Titles", "The merged library: each title once.", Width::Third),
            card("by-provider", "Titles by provider", "What each provider lists.", Width::Wide),
            card("channels", "Channels by category", "Of all providers together.", Width::Half),
            card("watchlists", "Watchlists", "What users have put aside to watch.", Width::Half),
        ],
    },
    Section {
        id: "providers",
        title: "Providers",
        has_windows: false,
        cards: &[
            card("expiry", "Expiry", "How much of a year is left of each account.", Width::Half),
            card("connections", "Connections", "In use, of those that providers allow.", Width::Half),
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
                "Until it starts: half of them (dark), 95% of them (light).",
                Width::Third,
            ),
            card("cache", "Cache", "Cache operations over time.", Width::Wide),
            card("hit-ratio", "Cache hits", "All that were ever counted.", Width::Third),
            card("users", "Who watches", "Streams by user.", Width::Third),
            card("syncs", "Synchronisations", "By provider and how they ended.", Width::Third),
            card("jobs", "Jobs", "By kind and how they ended.", Width::Third),
        ],
    },
];

/// Cards under one heading.
#[derive(Debug)]
pub struct Section {
    /// Names it in the page.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Whether one can choose which part of the past is shown.
    pub has_windows: bool,
    /// Its cards.
    pub cards: &'static [Card],
}

/// A card with a picture.
#[derive(Debug)]
pub struct Card {
    /// Names it in the page.
    pub id: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it shows.
    pub about: &'static str,
    /// How much of a row it takes where there is room.
    pub width: Width,
}

/// The width of a card.
#[derive(Clone, Copy, Debug)]
pub enum Width {
    /// A third of a row.
    Third,
    /// Half a row.
    Half,
    /// Two thirds of a row.
    Wide,
}

impl Card {
    pub(super) fn class(&self) -> &'static str {
        match self.width {
            Width::Third => "third",
            Width::Half => "half",
            Width::Wide => "wide-card",
        }
    }
}

const fn card(id: &'static str, title: &'static str, about: &'static str, width: Width) -> Card {
    Card { id, title, about, width }
}
