//! The cards of the tokens. They hold no token: the page requests it when an admin shows or copies it.

/// Shown in place of a token.
pub(super) const MASK: &str = "••••••••••••••••";

/// The tokens in the order of the page.
pub(super) const TOKEN_CARDS: &[TokenCard] = &[
    TokenCard {
        id: "metrics-token",
        kind: "metrics",
        name: "metrics token",
        title: "Metrics token",
        about: "Prometheus sends it with each scrape.",
        show: "api/settings/metrics",
        regenerate: "api/settings/metrics/regenerate",
        rotated: "The new token is in force, the old one is refused. Copy it to where Prometheus reads it.",
        consequences: &[
            "Every Prometheus that has the present token gets 401 until it has the new one. Other instances of this \
             service follow within 10 seconds.",
            "Samples of the time in between are missing for good.",
            "The present token cannot be brought back.",
        ],
    },
    TokenCard {
        id: "ingest-token",
        kind: "ingest",
        name: "ingest token",
        title: "Ingest token",
        about: "Playarr's processes send it when they report live events.",
        show: "api/settings/metrics?token=ingest",
        regenerate: "api/settings/metrics/regenerate?token=ingest",
        rotated: "The new token is in force, the old one is refused. Copy it to where Playarr's processes read it.",
        consequences: &[
            "Every process that reports live events (streams, syncs, jobs, API errors) gets 401 until it has the new \
             one. Other instances of this service follow within 10 seconds.",
            "Events that a process cannot keep until then are not counted.",
            "The present token cannot be brought back. Scrapes go on: they have a token of their own.",
        ],
    },
    TokenCard {
        id: "summary-token",
        kind: "summary",
        name: "summary token",
        title: "Summary token",
        about: "Start pages such as Homepage and Homarr send it for a few sums, at /api/metrics/summary. It opens \
                nothing else.",
        show: "api/settings/metrics?token=summary",
        regenerate: "api/settings/metrics/regenerate?token=summary",
        rotated: "The new token is in force, the old one is refused. Copy it to where the start page reads it.",
        consequences: &[
            "Every start page that has the present token gets 401 until it has the new one. Other instances of this \
             service follow within 10 seconds.",
            "The present token cannot be brought back.",
        ],
    },
];

/// A token that can be shown, copied and replaced.
#[derive(Debug)]
pub(super) struct TokenCard {
    pub(super) id: &'static str,
    /// Its name in the status.
    pub(super) kind: &'static str,
    /// Its name within a sentence.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// The route that shows it.
    pub(super) show: &'static str,
    /// The route that replaces it.
    pub(super) regenerate: &'static str,
    /// What to do once it is replaced.
    pub(super) rotated: &'static str,
    /// What replacing it breaks.
    pub(super) consequences: &'static [&'static str],
}

impl TokenCard {
    pub(super) fn mask(&self) -> &'static str {
        MASK
    }
}
