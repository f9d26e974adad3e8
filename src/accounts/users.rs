//! Playarr's users, looked up each time: their role and status may have changed.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::Error;
use mongodb::options::{CollectionOptions, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database};
use playarr_jobs::database::plain_message;
use serde::Serialize;

use super::password;
use crate::config::Secret;

/// How long looking up a user may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The database does not say whether there is such a user.
#[derive(Debug, thiserror::Error)]
#[error("The user could not be looked up: MongoDB does not answer")]
pub struct Unavailable;

/// What a user may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything.
    Admin,
    /// Nothing here.
    User,
}

impl Role {
    /// The name in Playarr's database and tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
        }
    }
}

/// A user of Playarr.
#[derive(Clone, Debug)]
pub struct User {
    /// The name to sign in with.
    pub username: String,
    /// What the user may do.
    pub role: Role,
    /// Whether the account is in use.
    pub is_active: bool,
    pub(super) password_hash: Option<Secret>,
}

impl User {
    /// Whether this is an active admin.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_active && self.role == Role::Admin
    }
}

/// The users in the database.
#[derive(Clone, Debug)]
pub(super) struct Users {
    pub(super) collection: Collection<Document>,
}

impl Users {
    pub(super) fn new(database: &Database) -> Self {
        // What a secondary knows may be old: who is no admin any more must not be one again.
        let options = CollectionOptions::builder()
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Self { collection: database.collection_with_options("users", options) }
    }

    pub(super) async fn by_name(&self, username: &str) -> Result<Option<User>, Unavailable> {
        self.find("username", username).await
    }

    pub(super) async fn by_api_key(&self, api_key: &str) -> Result<Option<User>, Unavailable> {
        self.find("api_key", api_key).await
    }

    async fn find(&self, field: &str, text: &str) -> Result<Option<User>, Unavailable> {
        let fields = doc! { "_id": 0, "username": 1, "role": 1, "status": 1, "password_hash": 1, field: 1 };
        let found = self.collection.find_one(doc! { field: { "$eq": text } }).projection(fields);
        let found = within(found.into_future()).await?;
        // The query also finds users whose field is an array that holds this text.
        Ok(found.filter(|user| user.get_str(field).is_ok_and(|own| own == text)).and_then(user))
    }

    /// The highest cost among the hashes that can be checked. So much work is each login, else its time would tell
    /// whether there is such a user.
    pub(super) async fn password_cost(&self) -> Result<u32, Unavailable> {
        let is_text = doc! { "$eq": [{ "$type": "$password_hash" }, "string"] };
        let cost = doc! { "$cond": [is_text, { "$substrCP": ["$password_hash", 4, 2] }, null] };
        let group = doc! { "$group": { "_id": cost } };
        let costs = async { self.collection.aggregate([group]).await?.try_collect::<Vec<_>>().await };
        let costs = within(costs).await?;
        let costs = costs.iter().filter_map(|cost| cost.get_str("_id").ok()?.parse::<u32>().ok());
        Ok(costs.filter(|cost| password::COSTS.contains(cost)).max().unwrap_or(password::USUAL_COST))
    }
}

/// Awaits the database for a while.
async fn within<T>(asked: impl Future<Output = Result<T, Error>>) -> Result<T, Unavailable> {
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => {
            tracing::warn!(error = plain_message(&error), "a user could not be looked up");
            Err(Unavailable)
        }
        Err(_) => {
            tracing::warn!(
                "a user could not be looked up: no answer from MongoDB within {} s",
                PATIENCE.as_secs()
            );
            Err(Unavailable)
        }
    }
}

fn user(mut document: Document) -> Option<User> {
    let is = |field, value| document.get_str(field).is_ok_and(|text| text == value);
    let role = if is("role", "admin") { Role::Admin } else { Role::User };
    let is_active = !is("status", "inactive");
    let password_hash = match document.remove("password_hash") {
        Some(Bson::String(hash)) => Some(hash.into()),
        _ => None,
    };
    match document.remove("username") {
        Some(Bson::String(username)) => Some(User { username, role, is_active, password_hash }),
        _ => None,
    }
}
