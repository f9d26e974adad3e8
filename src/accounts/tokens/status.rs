//! What is known of the tokens, and what went wrong with them.

use std::sync::Arc;
use std::time::SystemTime;

use playarr_jobs::database::DatabaseError;

use super::kind::TokenKind;
use crate::config::Secret;

/// No token, or no new one. A database that does not answer is never taken for one without a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not read. A token that is known already goes on working.
    #[error("The {0} token cannot be read: {1}")]
    NotRead(TokenKind, DatabaseError),
    /// The token does not exist and could not be created.
    #[error("There is no {0} token, and none could be created: {1}")]
    NotCreated(TokenKind, String),
    /// What the database holds of it cannot be used.
    #[error("The {0} token cannot be stored: {1}")]
    NotStorable(TokenKind, String),
    /// Not replaced.
    #[error("The {0} token was not replaced, and the present one goes on working: {1}")]
    NotReplaced(TokenKind, String),
}

/// A token to be shown to its owner.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub value: Secret,
    /// When it was last changed, where that is known.
    pub last_updated: Option<SystemTime>,
}

/// Why a token is not known. Anybody may see this: it holds nothing of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// MongoDB gave no answer yet.
    #[error("it could not be read from MongoDB yet")]
    NotRead,
    /// MongoDB answered, but not with the token.
    #[error("MongoDB refuses to let it be read; the log says why")]
    NotReadable,
    /// There is none.
    #[error("there is none, and MongoDB refuses to store one; the log says why")]
    NotCreated,
}

impl Unknown {
    /// The reason to show after this one: that MongoDB has answered stays true when it is away later.
    pub(super) fn then(self, next: Self) -> Self {
        if next == Self::NotRead { self } else { next }
    }
}

/// What is known of a token, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct TokenStatus {
    /// Which token.
    pub kind: TokenKind,
    /// Whether requests with it are answered.
    pub is_known: bool,
    /// What could not be read or written, for an admin.
    pub problem: Option<Arc<Problem>>,
}

/// What could not be read or written at the last check. A token that is known works all the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Problem {
    /// Changes made elsewhere are not noticed.
    #[error("cannot be read: {0}")]
    Reading(DatabaseError),
    /// Revoked tokens, or a change made elsewhere, may be forgotten at a restart.
    #[error("cannot be recorded in playarr_metrics: {0}")]
    Recording(String),
    /// What `settings` holds is not right.
    #[error("cannot be put right in settings: {0}")]
    Settings(DatabaseError),
}

impl Problem {
    /// Whether the same thing fails, for whatever reason.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Whether a write failed, so that trying again at once would not help.
    pub(super) fn is_of_writing(&self) -> bool {
        !matches!(self, Self::Reading(_))
    }
}

#[cfg(test)]
mod tests {
    use super::Unknown;

    #[test]
    fn nobody_is_told_that_mongodb_has_not_answered_when_it_has() {
        assert_eq!(Unknown::NotCreated.then(Unknown::NotRead), Unknown::NotCreated);
        assert_eq!(Unknown::NotRead.then(Unknown::NotReadable), Unknown::NotReadable);
        assert_eq!(Unknown::NotReadable.then(Unknown::NotCreated), Unknown::NotCreated);
    }
}
