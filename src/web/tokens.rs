//! The cards of the tokens. They hold no token: the page asks for it when an admin wants to see or copy it.

/// What stands in a token's place.
pub const MASK: &str = "••••••••••••••••";

/// The tokens in the order of the page.
pub const CARDS: &[TokenCard] = &[
    TokenCard {
        id: "metrics-token",
        name: "metrics token",
        title: "Metrics token",
        about: "Prometheus shows it with each scrape.",
        show: "/api/settings/metrics",
        regenerate: "/api/settings/metrics/regenerate",
        rotated: "The new token is in force, the old one is refused. Copy it to where Prometheus reads it.",
        consequences: &[
            "Every Prometheus that has the present token is answered with 401 until it has the new one. Other instances of this service follow within 10 seconds.",
            "What it would have scraped in between is missing for good.",
            "The present token cannot be brought back.",
        ],
    },
    TokenCard {
        id: "ingest-token",
        name: "ingest token",
        title: "Ingest token",
        about: "Playarr's processes show it when they report live events.",
        show: "/api/settings/metrics?token=ingest",
        regenerate: "/api/settings/metrics/regenerate?token=ingest",
        rotated: "The new token is in force, the old one is refused. Copy it to where Playarr's processes read it.",
        consequences: &[
            "Every process that reports live events (streams, syncs, jobs, API errors) is answered with 401 until it has the new one. Other instances of this service follow within 10 seconds.",
            "Events it cannot keep until then are not counted.",
            "The present token cannot be brought back. Scrapes go on: they have a token of their own.",
        ],
    },
];

/// A token that can be shown, copied and replaced.
#[derive(Debug)]
pub struct TokenCard {
    /// Names it in the page.
    pub id: &'static str,
    /// What it is called in a sentence.
    pub name: &'static str,
    /// What it is called in a heading.
    pub title: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// The route that shows it.
    pub show: &'static str,
    /// The route that replaces it.
    pub regenerate: &'static str,
    /// What to do once it is replaced.
    pub rotated: &'static str,
    /// What breaks when it is replaced.
    pub consequences: &'static [&'static str],
}

impl TokenCard {
    pub(super) fn mask(&self) -> &'static str {
        MASK
    }
}
