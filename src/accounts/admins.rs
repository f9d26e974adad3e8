//! Admins: active users of Playarr with the role admin.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use playarr_jobs::source::plain_message;

/// How long looking up a user may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a request is not an admin's.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Nobody, or nobody we know.
    #[error("Not logged in: send the API key of an admin as X-API-Key")]
    Unauthenticated,
    /// Somebody, but no active admin.
    #[error("Only an active admin may do this")]
    Forbidden,
    /// The user could not be looked up.
    #[error("The user could not be looked up: MongoDB does not answer")]
    Unavailable,
}

/// Looks up who asks. Asks the database each time: role and status may have changed.
#[derive(Clone, Debug)]
pub struct Admins {
    users: Collection<Document>,
}

impl Admins {
    /// The admins among the users of this database.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        Self { users: database.collection("users") }
    }

    /// Succeeds for the API key of an active admin.
    ///
    /// # Errors
    /// When the key is missing, unknown or somebody else's, or the database fails.
    pub async fn check_api_key(&self, api_key: Option<&str>) -> Result<(), AuthError> {
        let api_key = api_key.filter(|key| !key.is_empty()).ok_or(AuthError::Unauthenticated)?;
        let look_up = self.users.find_one(doc! { "api_key": { "$eq": api_key } }).into_future();
        let user = match tokio::time::timeout(PATIENCE, look_up).await {
            Ok(Ok(user)) => user.ok_or(AuthError::Unauthenticated)?,
            Ok(Err(error)) => {
                tracing::warn!(error = plain_message(&error), "a user could not be looked up");
                return Err(AuthError::Unavailable);
            }
            Err(_) => return Err(AuthError::Unavailable),
        };
        let is = |field, value| user.get_str(field).is_ok_and(|text| text == value);
        // The query also takes users whose key is an array that holds this text.
        if !is("api_key", api_key) {
            return Err(AuthError::Unauthenticated);
        }
        if is("role", "admin") && !is("status", "inactive") { Ok(()) } else { Err(AuthError::Forbidden) }
    }
}
