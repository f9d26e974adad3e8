//! Which tokens there are, and where each is kept.

use std::fmt;

use serde::Deserialize;

/// Which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Guards `/metrics`.
    #[default]
    Metrics,
    /// Guards the ingestion of live events.
    Ingest,
}

impl TokenKind {
    /// Every token.
    pub const ALL: [Self; 2] = [Self::Metrics, Self::Ingest];

    /// The name in metrics and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Ingest => "ingest",
        }
    }

    /// The `_id` in `settings`; for the ingest token, where the first version of the service kept it.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "metrics_ingest_token",
        }
    }

    /// The `_id` of the service's own record.
    pub(super) fn record(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "ingest_token",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
