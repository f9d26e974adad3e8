//! Bearer tokens in requests (RFC 6750, section 2.1).

use std::convert::Infallible;
use std::str::FromStr;

use crate::accounts::{TokenKind, Tokens};
use crate::http::reply::error::ApiError;

/// An `Authorization` header: its token, or `None` if it is not `Bearer` and one token.
pub(in crate::http) struct Bearer(Option<String>);

impl Bearer {
    /// Succeeds if this is the current token of that kind.
    pub(in crate::http) fn check(token: Option<&Self>, tokens: &Tokens, kind: TokenKind) -> Result<(), ApiError> {
        let token = token.and_then(|Self(token)| token.as_deref()).ok_or(ApiError::MissingToken)?;
        match tokens.accepts(kind, token) {
            Err(unknown) => Err(ApiError::TokenUnknown(kind, unknown)),
            Ok(false) => Err(ApiError::WrongToken(kind)),
            Ok(true) => Ok(()),
        }
    }
}

impl FromStr for Bearer {
    type Err = Infallible;

    fn from_str(authorization: &str) -> Result<Self, Infallible> {
        Ok(Self(bearer(authorization).map(str::to_owned)))
    }
}

/// The token of an `Authorization: Bearer <token>` header; the scheme is case-insensitive.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(char::is_whitespace))
        .then_some(token)
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_one_word() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer(header), Some("abc"), "{header}");
        }
        for header in ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearerabc", " Bearer abc"] {
            assert_eq!(bearer(header), None, "{header}");
        }
    }
}
