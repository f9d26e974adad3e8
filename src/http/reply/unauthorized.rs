//! The 401 of routes that take a bearer token, a scrape among them: its text, its challenge and how it is counted.

use crate::accounts::TokenKind;

/// Why a bearer token does not open a route.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum Unauthorized {
    /// No bearer token, or an `Authorization` header that is not `Bearer` and one token.
    #[error("Missing or invalid Authorization header")]
    MissingToken,
    /// Another token than the current one.
    #[error("Invalid {0} token")]
    WrongToken(TokenKind),
}

impl Unauthorized {
    /// The challenge of RFC 6750, section 3.
    pub(super) fn challenge(&self) -> &'static str {
        match self {
            Self::MissingToken => "Bearer realm=\"playarr-metrics\"",
            Self::WrongToken(_) => "Bearer realm=\"playarr-metrics\", error=\"invalid_token\"",
        }
    }

    /// The `reason` of `playarr_authentication_failures_total`.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::WrongToken(_) => "wrong_token",
        }
    }
}
