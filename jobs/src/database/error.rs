//! What can go wrong with the database, by what it means for the caller, in words for an operator.

use std::time::Duration;

use mongodb::bson::Document;
use mongodb::error::{Error, ErrorKind, WriteConcernError, WriteFailure};

use super::driver_messages;

/// Why the database gave no answer, or refused.
///
/// The messages hold neither the driver's description of its topology nor the command, which may hold a secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// No server was reached, or none that can do this (no primary, say).
    #[error("{0}")]
    Away(String),
    /// The time was up. A write may have happened.
    #[error("MongoDB gave no answer within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    /// The user name, the password or the mechanism is wrong.
    #[error("MongoDB refuses the login; check user, password and authSource in MONGODB_URI")]
    Login,
    /// The user lacks a role. Says for what.
    #[error("{0}; packaging/mongodb/role.json lists what the user of MONGODB_URI needs")]
    NotAuthorized(String),
    /// Another document has this key. Holds the key where the server names it.
    #[error("MongoDB holds a document with this key already")]
    DuplicateKey(Document),
    /// The server reached does not accept writes: a secondary, or one that steps down or shuts down.
    #[error("the MongoDB server that was asked accepts no writes: {0}")]
    NotWritable(String),
    /// Written, but not confirmed by a majority in time. The write may be lost, or be confirmed later.
    #[error("a majority of the MongoDB servers did not confirm the write: {0}")]
    NoMajority(String),
    /// Any other refusal by the server.
    #[error("MongoDB refused: {message} (error {code})")]
    Refused {
        /// The server's error code.
        code: i32,
        /// The server's message.
        message: String,
    },
    /// The driver failed by itself, or could not read the answer.
    #[error("{0}")]
    Driver(String),
}

impl DatabaseError {
    /// Nobody answered: asking again later helps, and nothing is wrong with the question.
    #[must_use]
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Timeout(_))
    }

    /// Whether an outage, or a time without a primary, can be the cause.
    #[must_use]
    pub fn may_be_an_outage(&self) -> bool {
        self.is_away() || matches!(self, Self::Login | Self::NotWritable(_) | Self::NoMajority(_))
    }

    /// The server answered, and said no: reading may work although this did not.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        !self.is_away() && !matches!(self, Self::Driver(_) | Self::DuplicateKey(_))
    }

    /// Another document has the key.
    #[must_use]
    pub fn is_duplicate_key(&self) -> bool {
        matches!(self, Self::DuplicateKey(_))
    }
}

impl From<Error> for DatabaseError {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for DatabaseError {
    fn from(error: &Error) -> Self {
        match &*error.kind {
            ErrorKind::Command(command) => refusal(command.code, &command.message, error),
            ErrorKind::Write(WriteFailure::WriteError(write)) => refusal(write.code, &write.message, error),
            ErrorKind::Write(WriteFailure::WriteConcernError(concern)) => not_confirmed(concern),
            ErrorKind::InsertMany(failure) => {
                let write = failure.write_errors.as_deref().and_then(|errors| errors.first());
                match (write, &failure.write_concern_error) {
                    (Some(write), _) => refusal(write.code, &write.message, error),
                    (None, Some(concern)) => not_confirmed(concern),
                    (None, None) => Self::Driver("MongoDB sent an error without a reason".to_owned()),
                }
            }
            ErrorKind::Authentication { .. } => Self::Login,
            ErrorKind::ServerSelection { message, .. } if driver_messages::is_login(message) => Self::Login,
            ErrorKind::ServerSelection { message, .. } => Self::Away(driver_messages::unreachable(message)),
            ErrorKind::Io(_) | ErrorKind::ConnectionPoolCleared { .. } | ErrorKind::DnsResolve { .. } => {
                Self::Away(format!("MongoDB {}", driver_messages::cause(&error.kind.to_string())))
            }
            other => {
                Self::Driver(format!("the MongoDB driver failed: {}", driver_messages::shortened(&other.to_string())))
            }
        }
    }
}

/// What the driver says, in plain words: see [`DatabaseError`].
#[must_use]
pub fn plain_message(error: &Error) -> String {
    DatabaseError::from(error).to_string()
}

/// Whether a write failed because another document has this key.
#[must_use]
pub fn is_duplicate_key(error: &Error) -> bool {
    DatabaseError::from(error).is_duplicate_key()
}

fn refusal(code: i32, message: &str, error: &Error) -> DatabaseError {
    let message = driver_messages::shortened(message);
    match code {
        11000 | 11001 | 12582 => DatabaseError::DuplicateKey(key(error).unwrap_or_default()),
        18 => DatabaseError::Login,
        // 8000 is what Atlas says.
        13 | 8000 => DatabaseError::NotAuthorized(driver_messages::not_authorized(&message)),
        10107 | 13435 | 10058 | 11600 | 11602 | 13436 | 189 | 91 => DatabaseError::NotWritable(message),
        64 | 79 | 100 => DatabaseError::NoMajority(message),
        // What the driver retries as well: a router, or a server that asked another one, lost the connection.
        6 | 7 | 89 | 9001 => DatabaseError::Away(format!("a MongoDB server does not reach another one: {message}")),
        _ => DatabaseError::Refused { code, message },
    }
}

/// By what the concern waited for; a step-down while it waited leaves the write unconfirmed as well.
fn not_confirmed(concern: &WriteConcernError) -> DatabaseError {
    DatabaseError::NoMajority(driver_messages::shortened(&concern.message))
}

/// The key that exists already, as the server names it.
fn key(error: &Error) -> Option<Document> {
    let reply = Document::try_from(error.server_response()?.as_ref()).ok()?;
    let write = reply.get_array("writeErrors").ok().and_then(|errors| errors.first()?.as_document());
    write.unwrap_or(&reply).get_document("keyValue").ok().cloned()
}
