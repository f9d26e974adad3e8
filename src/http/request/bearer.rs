//! Bearer tokens in requests (RFC 6750, section 2.1).

use crate::accounts::{TokenKind, Tokens};
use crate::http::reply::error::ApiError;
use crate::http::reply::unauthorized::Unauthorized;

/// An `Authorization` header: its token, or `None` if it is not `Bearer` and one token.
#[derive(Clone, Copy)]
pub(in crate::http) struct Bearer<'a>(Option<&'a str>);

impl<'a> Bearer<'a> {
    /// Reads an `Authorization` header. The scheme is case-insensitive.
    pub(in crate::http) fn of(authorization: &'a str) -> Self {
        let token = authorization.split_once(' ').and_then(|(scheme, token)| {
            let token = token.trim_ascii();
            let is_one_word = !token.is_empty() && !token.contains(' ') && !token.contains('\t');
            (scheme.eq_ignore_ascii_case("bearer") && is_one_word).then_some(token)
        });
        Self(token)
    }

    /// Succeeds if this is the current token of that kind.
    pub(in crate::http) fn check(bearer: Option<Self>, tokens: &Tokens, kind: TokenKind) -> Result<(), ApiError> {
        let token = bearer.and_then(|Self(token)| token).ok_or(Unauthorized::MissingToken)?;
        match tokens.accepts(kind, token) {
            Err(unknown) => Err(ApiError::TokenUnknown(kind, unknown)),
            Ok(false) => Err(Unauthorized::WrongToken(kind).into()),
            Ok(true) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bearer;

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_one_word() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(Bearer::of(header).0, Some("abc"), "{header}");
        }
        for header in
            ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearer a\tb", "Bearerabc", " Bearer abc"]
        {
            assert_eq!(Bearer::of(header).0, None, "{header}");
        }
    }
}
