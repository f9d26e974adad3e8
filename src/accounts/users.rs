//! Playarr's users, looked up each time: their role and status may have changed.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::{CollectionOptions, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database};
use playarr_jobs::database::{DatabaseError, ask};
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
    /// Whether the status is exactly `active`. Playarr refuses any other, and a user without one.
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
        // The first condition uses the index, but also finds arrays that hold the text; the second does not.
        let is_equal = doc! { "$eq": [format!("${field}"), { "$literal": text }] };
        let filter = doc! { field: { "$eq": text }, "$expr": is_equal };
        let found =
            ask(PATIENCE, self.raw().find_one(filter).projection(fields)).await.map_err(|error| unavailable(&error))?;
        // A collection may compare texts without their case.
        let is_exact = |found: &&RawDocument| found.get_str(field).is_ok_and(|found| found == text);
        Ok(found.as_deref().filter(is_exact).and_then(user))
    }

    /// The highest cost among the hashes that can be checked. So much work is each login, else its time would tell
    /// whether there is such a user.
    pub(super) async fn password_cost(&self) -> Result<u32, Unavailable> {
        // The costs are read here: the server's operators on text fail for all users if one hash is not UTF-8.
        let hashes = doc! { "password_hash": { "$type": "string" } };
        let fields = doc! { "_id": 0, "password_hash": 1 };
        let highest = async {
            let mut users = self.raw().find(hashes).projection(fields).await?;
            let mut highest = None;
            while let Some(user) = users.try_next().await? {
                highest = highest.max(cost(&user));
            }
            Ok::<_, Error>(highest)
        };
        let highest = ask(PATIENCE, highest).await.map_err(|error| unavailable(&error))?;
        Ok(highest.unwrap_or(password::USUAL_COST))
    }

    /// Documents as they are stored: decoding them whole fails if any text is not UTF-8.
    fn raw(&self) -> Collection<RawDocumentBuf> {
        self.collection.clone_with_type()
    }
}

/// An outage is said once, by the database's health.
fn unavailable(error: &DatabaseError) -> Unavailable {
    tracing::debug!(%error, "a user could not be looked up");
    Unavailable
}

/// The cost of a user's hash, if the hash can be checked.
pub(super) fn cost(user: &RawDocument) -> Option<u32> {
    let cost = user.get_str("password_hash").ok()?.get(4..6)?.parse().ok()?;
    password::COSTS.contains(&cost).then_some(cost)
}

/// A field that cannot be read counts as missing.
pub(super) fn user(document: &RawDocument) -> Option<User> {
    let text = |field| document.get_str(field).ok();
    Some(User {
        username: text("username")?.to_owned(),
        role: if text("role") == Some("admin") { Role::Admin } else { Role::User },
        is_active: text("status") == Some("active"),
        password_hash: text("password_hash").map(|hash| hash.to_owned().into()),
    })
}
