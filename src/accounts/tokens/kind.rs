//! Which tokens there are, and where each is kept.

use std::fmt;

use serde::Deserialize;

/// The `_id` of the metrics token in `settings`.
pub(super) const METRICS_SETTING: &str = "metrics_token";

/// Which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Guards `/metrics`.
    #[default]
    Metrics,
    /// Guards the ingestion of live events.
    Ingest,
    /// Guards the summary, a few sums for a start page.
    Summary,
}

impl TokenKind {
    /// Every token.
    pub const ALL: [Self; 3] = [Self::Metrics, Self::Ingest, Self::Summary];

    /// The name in metrics and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Ingest => "ingest",
            Self::Summary => "summary",
        }
    }

    /// The `_id` in `settings`; for the ingest token, where the first version of the service kept it. `None` for one
    /// that was never there.
    pub(super) fn setting(self) -> Option<&'static str> {
        match self {
            Self::Metrics => Some(METRICS_SETTING),
            Self::Ingest => Some("metrics_ingest_token"),
            Self::Summary => None,
        }
    }

    /// The `_id` of the service's own record.
    pub(super) fn record(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "ingest_token",
            Self::Summary => "summary_token",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The longest token, in bytes: it has to fit into the headers of a request beside all others.
const MAX_TOKEN: usize = 4096;

/// Whether a request can carry this as its token.
pub(super) fn is_usable(token: &str) -> bool {
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic())
}
