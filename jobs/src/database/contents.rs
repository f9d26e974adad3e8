//! Whether a database is Playarr's: a mistyped name would show a library of zeros.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use tokio::sync::watch;

use super::ask::ask;
use super::error::DatabaseError;

/// Collections that Playarr creates when it first starts, and this service never does.
const PLAYARR_COLLECTIONS: [&str; 4] = ["titles", "provider_titles", "iptv_providers", "channels"];

/// The most databases of a server that are searched.
const MAX_DATABASES: usize = 100;

/// The time limit of each query.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The interval of checks while the database is away or not Playarr's.
const CHECK_INTERVAL: Duration = Duration::from_secs(30);

/// What a database holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nothing is known yet.
    Unknown,
    /// Playarr's collections, or at least one of them.
    Playarr,
    /// None of Playarr's collections.
    NotPlayarr {
        /// The databases of the same server that have some, as far as the user may see them.
        elsewhere: Vec<String>,
    },
}

impl Contents {
    /// What a database holds. If it is not Playarr's, the other databases of its server are searched as well.
    ///
    /// # Errors
    /// When MongoDB does not answer, or refuses.
    pub async fn of(database: &Database) -> Result<Self, DatabaseError> {
        if is_playarrs(database).await? {
            return Ok(Self::Playarr);
        }
        // A user who may not list databases learns nothing about them.
        let names = ask(TIME_LIMIT, database.client().list_database_names()).await.unwrap_or_default();
        let mut elsewhere = Vec::new();
        for name in names.into_iter().take(MAX_DATABASES) {
            if is_playarrs(&database.client().database(&name)).await.unwrap_or(false) {
                elsewhere.push(name);
            }
        }
        Ok(Self::NotPlayarr { elsewhere })
    }

    /// Keeps `contents` true until the database is Playarr's, and logs once if it is not.
    pub async fn watch(database: &Database, contents: &watch::Sender<Self>) {
        loop {
            if let Ok(found) = Self::of(database).await {
                if contents.borrow().complaint(database.name()).is_none()
                    && let Some(complaint) = found.complaint(database.name())
                {
                    tracing::warn!("{complaint}");
                }
                contents.send_replace(found.clone());
                if found == Self::Playarr {
                    return;
                }
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// What is wrong with a database of this name, as a sentence for its operator. `None` if nothing is.
    #[must_use]
    pub fn complaint(&self, name: &str) -> Option<String> {
        let Self::NotPlayarr { elsewhere } = self else { return None };
        let hint = match elsewhere.as_slice() {
            [] => "is MONGODB_DB_NAME right, and has Playarr been started once?".to_owned(),
            [one] => format!("the database {one} of this server has them; set MONGODB_DB_NAME to it?"),
            several => format!(
                "the databases {} of this server have them; set MONGODB_DB_NAME to one of them?",
                several.join(", ")
            ),
        };
        Some(format!("the database {name} has none of Playarr's collections; {hint}"))
    }
}

async fn is_playarrs(database: &Database) -> Result<bool, DatabaseError> {
    // In this form, the command needs no role beyond those for the collections themselves.
    let list = doc! {
        "listCollections": 1,
        "nameOnly": true,
        "authorizedCollections": true,
        "filter": { "name": { "$in": PLAYARR_COLLECTIONS.to_vec() } },
    };
    let reply = ask(TIME_LIMIT, database.run_command(list)).await?;
    let found = reply.get_document("cursor").and_then(|cursor: &Document| cursor.get_array("firstBatch"));
    Ok(found.is_ok_and(|found| !found.is_empty()))
}
