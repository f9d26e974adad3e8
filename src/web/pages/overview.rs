//! The page of charts. Which cards it has is here; its scripts draw what is in them.

use askama::Template;

use super::explore::EXPLORE;
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
    sections: &'static [OverviewSection],
}

/// The sections and cards in the order of the page.
const SECTIONS: &[OverviewSection] = &[
    OverviewSection {
        id: "library",
        title: "Library",
        has_windows: false,
        cards: &[
            card("titles", "Titles", "The merged library: each title once.", Width::Third)
                .of(&["playarr_main_titles_count"]),
            card("by-provider", "Titles by provider", "The titles that each provider lists.", Width::Wide)
                .of(&["playarr_provider_titles_count"]),
            card("channels", "Channels by category", "The channels of all providers.", Width::Half)
                .of(&["playarr_channels_count"]),
            card("watchlists", "Watchlists", "What users have saved to watch later.", Width::Half)
                .of(&["playarr_watchlist_titles_count", "playarr_watchlist_channels_count"]),
        ],
    },
    OverviewSection {
        id: "providers",
        title: "Providers",
        has_windows: false,
        cards: &[
            with_all(
                card("expiry", "Expiry", "How much of a year is left of each account.", Width::Half)
                    .of(&["playarr_provider_expiration_timestamp_seconds"]),
            ),
            with_all(
                card("connections", "Connections", "In use, of those that each provider allows.", Width::Half)
                    .of(&["playarr_provider_active_connections", "playarr_provider_max_connections"]),
            ),
        ],
    },
    OverviewSection {
        id: "activity",
        title: "Activity",
        has_windows: true,
        cards: &[
            card("streams", "Streams", "Requested streams over time.", Width::Wide)
                .of(&["playarr_stream_requests_total"]),
            card(
                "durations",
                "Waiting for a stream",
                "Time until it starts: for half of the requests (dark) and for 95% (with the light part).",
                Width::Third,
            )
            .of(&["playarr_stream_request_duration_seconds"]),
            card("cache", "Cache", "Cache operations over time.", Width::Wide).of(&["playarr_cache_operations_total"]),
            card("hit-ratio", "Cache hits", "Of all operations ever counted.", Width::Third)
                .of(&["playarr_cache_operations_total"]),
            card("users", "Who watches", "Streams by user.", Width::Third).of(&["playarr_stream_requests_total"]),
            card("syncs", "Synchronisations", "By provider and outcome.", Width::Third)
                .of(&["playarr_provider_sync_total"]),
            card("jobs", "Jobs", "By kind and outcome.", Width::Third).of(&["playarr_job_executions_total"]),
        ],
    },
];

/// Cards under one heading.
#[derive(Debug)]
struct OverviewSection {
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
    /// The families that it is made of.
    families: &'static [&'static str],
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
    const fn of(self, families: &'static [&'static str]) -> Self {
        Self { families, ..self }
    }

    /// The explorer with the series of the card.
    fn explore(&self) -> String {
        match self.families {
            [family] => format!("{}?family={family}", EXPLORE.link()),
            // Encoded is what means something in a query: {__name__=~"a|b"}
            families => format!("{}?match=%7B__name__%3D~%22{}%22%7D", EXPLORE.link(), families.join("%7C")),
        }
    }

    fn class(&self) -> &'static str {
        match self.width {
            Width::Third => "third",
            Width::Half => "half",
            Width::Wide => "wide-card",
        }
    }
}

const fn card(id: &'static str, title: &'static str, about: &'static str, width: Width) -> Card {
    Card { id, title, about, width, has_all: false, families: &[] }
}

const fn with_all(card: Card) -> Card {
    Card { has_all: true, ..card }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn each_card_leads_to_families_that_exist() {
        let catalog = Catalog::default();
        for card in SECTIONS.iter().flat_map(|section| section.cards) {
            assert!(!card.families.is_empty(), "{}", card.id);
            for family in card.families {
                assert!(catalog.entries.iter().any(|entry| entry.name == *family), "{}: {family}", card.id);
            }
        }
    }
}
