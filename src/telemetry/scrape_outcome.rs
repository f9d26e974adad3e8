//! One scrape: who sent it, and how it ended.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::exposition::Format;

/// The longest `User-Agent` that is kept, in bytes.
const MAX_USER_AGENT: usize = 128;

/// A scrape that has ended.
#[derive(Clone, Debug)]
pub(crate) struct Scrape {
    /// The address that it came from.
    pub client: IpAddr,
    /// What the client calls itself.
    pub user_agent: Option<UserAgent>,
    /// When the request arrived.
    pub at: Instant,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a scrape ended.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// With an exposition.
    Answered {
        /// The format of the body.
        format: Format,
        /// Whether the body was compressed.
        gzip: bool,
        /// The length of the body as it was sent.
        bytes: usize,
        /// The time from the request to the last byte handed to the connection.
        duration: Duration,
    },
    /// With an error.
    Refused(Cause),
}

/// Why a scrape was refused, as exactly as it takes to say what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There was no `Authorization` header.
    NoHeader,
    /// There was one, but with another scheme than `Bearer` or without exactly one token.
    NotBearer,
    /// The token was the one for live events.
    IngestToken,
    /// The token was the one for the summary.
    SummaryToken,
    /// The token was none of the current ones.
    OtherToken,
    /// The token was never read from the database.
    TokenUnknown,
    /// More scrapes at once than allowed.
    TooMany,
    /// A selector that cannot be read, or that takes too long.
    BadSelector,
}

/// The `reason` of `playarr_metrics_scrape_failures_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureReason {
    MissingToken,
    WrongToken,
    TokenUnknown,
    TooMany,
    BadSelector,
}

impl FailureReason {
    pub(super) const ALL: [Self; 5] =
        [Self::MissingToken, Self::WrongToken, Self::TokenUnknown, Self::TooMany, Self::BadSelector];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
            Self::TokenUnknown => "token_unknown",
            Self::TooMany => "too_many",
            Self::BadSelector => "bad_selector",
        }
    }
}

impl Cause {
    /// Every cause.
    pub(crate) const ALL: [Self; 8] = [
        Self::NoHeader,
        Self::NotBearer,
        Self::IngestToken,
        Self::SummaryToken,
        Self::OtherToken,
        Self::TokenUnknown,
        Self::TooMany,
        Self::BadSelector,
    ];

    /// The name in answers.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NoHeader => "no_header",
            Self::NotBearer => "not_bearer",
            Self::IngestToken => "ingest_token",
            Self::SummaryToken => "summary_token",
            Self::OtherToken => "other_token",
            Self::TokenUnknown => "token_unknown",
            Self::TooMany => "too_many",
            Self::BadSelector => "bad_selector",
        }
    }

    pub(super) fn reason(self) -> FailureReason {
        match self {
            Self::NoHeader | Self::NotBearer => FailureReason::MissingToken,
            Self::IngestToken | Self::SummaryToken | Self::OtherToken => FailureReason::WrongToken,
            Self::TokenUnknown => FailureReason::TokenUnknown,
            Self::TooMany => FailureReason::TooMany,
            Self::BadSelector => FailureReason::BadSelector,
        }
    }

    /// What to do about it.
    #[must_use]
    pub(crate) fn fix(self) -> &'static str {
        match self {
            Self::NoHeader => {
                "No Authorization header was sent. Add this to the scrape config in prometheus.yml, with the metrics \
                 token in that file: authorization: { type: Bearer, credentials_file: /etc/prometheus/playarr-token }"
            }
            Self::NotBearer => {
                "The Authorization header is not \"Bearer\" and one token. Use authorization: { type: Bearer, \
                 credentials_file: ... } in prometheus.yml instead of basic_auth, with nothing but the metrics token \
                 in the file"
            }
            Self::IngestToken => {
                "This is the ingest token, which is for sending events. Put the metrics token into Prometheus' \
                 credentials_file: copy it from Settings > Metrics, or print it with: playarr-metrics token"
            }
            Self::SummaryToken => {
                "This is the summary token, which opens /api/metrics/summary only. Put the metrics token into \
                 Prometheus' credentials_file: copy it from Settings > Metrics, or print it with: playarr-metrics token"
            }
            Self::OtherToken => {
                "The token was regenerated since, or mistyped. Copy the current one from Settings > Metrics, or print \
                 it with: playarr-metrics token, and put it into Prometheus' credentials_file, which is read again at \
                 the next scrape (inline credentials need a reload of Prometheus)"
            }
            Self::TokenUnknown => {
                "The service has not got its token from MongoDB yet; the answer to the scrape says why. If MongoDB \
                 gave no answer, check that it runs and that MONGODB_URI is right. If it refuses, the log says \
                 what. Then scrapes work by themselves"
            }
            Self::TooMany => {
                "More scrapes at once than MAX_CONCURRENT_SCRAPES allows. Let fewer servers scrape, or less often, or \
                 raise it"
            }
            Self::BadSelector => {
                "A match[] of the scrape config cannot be read, or takes too long. Prometheus shows only the status of \
                 the answer; ask with curl, and the answer says where the selector is wrong"
            }
        }
    }
}

/// A `User-Agent` header, without control characters and cut at 128 bytes.
#[derive(Clone, Debug)]
pub(crate) struct UserAgent(Box<str>);

impl UserAgent {
    /// Reads a `User-Agent` header.
    #[must_use]
    pub(crate) fn of(header: &str) -> Self {
        let shown = |character| if matches!(character, ' '..='~') { character } else { '?' };
        Self(header.chars().take(MAX_USER_AGENT).map(shown).collect())
    }

    /// The text.
    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_cut_and_shows_no_control_characters() {
        let user_agent = |text: &str| UserAgent::of(text).as_str().to_owned();
        assert_eq!(user_agent("Prometheus/2.42.0"), "Prometheus/2.42.0");
        assert_eq!(user_agent("a\tb\x1b[31m\u{fc}"), "a?b?[31m?");
        assert_eq!(user_agent(&"\u{fc}".repeat(1000)), "?".repeat(128));
    }
}
