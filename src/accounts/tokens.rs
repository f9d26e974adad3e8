//! The bearer tokens: kept in Playarr's `settings`, held in memory, watched in the background.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use constant_time_eq::constant_time_eq;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::Error;
use mongodb::options::{
    Acknowledgment, CollectionOptions, ReadPreference, ReturnDocument, SelectionCriteria, WriteConcern,
};
use mongodb::{Collection, Database};
use playarr_jobs::database::{is_duplicate_key, plain_message};
use rand::Rng;
use serde::Deserialize;

use crate::config::Secret;

/// How often the database is asked whether a token has changed. Together with [`PATIENCE`] this keeps a change made
/// elsewhere from taking more than ten seconds.
pub const TOKEN_CHECK_INTERVAL: Duration = Duration::from_secs(4);

/// How long one look at the tokens may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The token could not be read or written. Never means that there is none.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The driver or the server refused or failed.
    #[error("the tokens could not be read from or written to the settings: {}", plain_message(.0))]
    MongoDb(#[from] Error),
    /// No answer in time.
    #[error("the tokens could not be read or written: no answer from MongoDB within {} s", PATIENCE.as_secs())]
    Timeout,
}

/// Which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Guards `/metrics`.
    #[default]
    Metrics,
    /// Guards the ingestion of live events.
    Ingest,
}

impl TokenKind {
    /// Every token.
    pub const ALL: [Self; 2] = [Self::Metrics, Self::Ingest];

    /// The `_id` in `settings`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "metrics_ingest_token",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metrics => "metrics",
            Self::Ingest => "ingest",
        })
    }
}

/// A token as the settings have it, to be shown to its owner.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The token.
    pub value: Secret,
    /// When it was last changed, as far as the settings tell.
    pub last_updated: Option<SystemTime>,
}

/// The tokens that count. Checking one never asks the database.
#[derive(Debug)]
pub struct Tokens {
    settings: Collection<Document>,
    held: [ArcSwapOption<Secret>; TokenKind::ALL.len()],
    /// Counts rotations. What was read before one must not be held after it.
    rotations: Mutex<u64>,
    /// One rotation at a time: the last one written is the last one held.
    rotating: tokio::sync::Mutex<()>,
}

impl Tokens {
    /// The tokens in the settings of this database, none of them known yet.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        // A token that a crash or a failover of the database takes back would lock every scraper out.
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        // A secondary that lags would bring an old token back.
        let options = CollectionOptions::builder()
            .write_concern(durable)
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Self {
            settings: database.collection_with_options("settings", options),
            held: Default::default(),
            rotations: Mutex::default(),
            rotating: tokio::sync::Mutex::default(),
        }
    }

    /// Whether the token was read from the database at least once.
    #[must_use]
    pub fn is_known(&self, kind: TokenKind) -> bool {
        self.held[kind as usize].load().is_some()
    }

    /// Whether this is the token, in constant time; none if the token is not known yet.
    #[must_use]
    pub fn accepts(&self, kind: TokenKind, candidate: &str) -> Option<bool> {
        let held = self.held[kind as usize].load();
        let held = held.as_deref()?.reveal();
        Some(constant_time_eq(held.as_bytes(), candidate.as_bytes()))
    }

    /// Reads every token from the settings and creates those that are absent or empty.
    ///
    /// # Errors
    /// When the database fails; what is held in memory then stays.
    pub async fn sync(&self) -> Result<(), TokenError> {
        let before = *self.rotations();
        let read = |kind| in_time(self.read_or_create(kind));
        let [metrics, ingest] = TokenKind::ALL.map(read);
        let (metrics, ingest) = tokio::join!(metrics, ingest);
        let (metrics, ingest) = (metrics?, ingest?);
        let rotations = self.rotations();
        // What was read may be older than what was rotated meanwhile.
        if *rotations == before {
            // Both are held at once: who is ready for scrapes is ready for events.
            self.hold(TokenKind::Ingest, ingest.value);
            self.hold(TokenKind::Metrics, metrics.value);
        }
        Ok(())
    }

    /// The token itself, from the settings, to be shown to its owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn show(&self, kind: TokenKind) -> Result<Setting, TokenError> {
        in_time(self.read_or_create(kind)).await
    }

    /// Replaces the token. The old one stops working here at once, in other instances with their next check.
    ///
    /// # Errors
    /// When the database fails. Then the old token stays, unless the database wrote the new one and could not say so;
    /// the next check finds out.
    pub async fn rotate(&self, kind: TokenKind) -> Result<Secret, TokenError> {
        let _rotating = self.rotating.lock().await;
        let (token, now) = (random_token(), DateTime::now());
        let update = doc! {
            "$set": { "value": token.reveal(), "lastUpdated": now },
            "$setOnInsert": { "createdAt": now },
        };
        let write = self.settings.update_one(doc! { "_id": kind.key() }, update).upsert(true);
        in_time(async { Ok(write.await?) }).await?;
        let mut rotations = self.rotations();
        *rotations += 1;
        self.hold(kind, token.clone());
        drop(rotations);
        tracing::info!(token = kind.key(), "rotated the token");
        Ok(token)
    }

    fn rotations(&self) -> MutexGuard<'_, u64> {
        self.rotations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, kind: TokenKind, token: Secret) {
        let held = &self.held[kind as usize];
        let is_new = held.load().as_deref().is_none_or(|held| *held != token);
        if is_new {
            held.store(Some(Arc::new(token)));
            tracing::info!(token = kind.key(), "took over the token from the settings");
        }
    }

    async fn read_or_create(&self, kind: TokenKind) -> Result<Setting, TokenError> {
        loop {
            let setting = self.settings.find_one(doc! { "_id": kind.key() }).await?;
            if let Some(setting) = usable(setting) {
                return Ok(setting);
            }
            match self.create(kind).await {
                Ok(setting) => {
                    if let Some(setting) = usable(setting) {
                        return Ok(setting);
                    }
                }
                // Another instance created it between our look and our write: then theirs counts.
                Err(error) if is_duplicate_key(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sets a fresh token unless there is a usable one by now, and returns the setting as it stands then: whoever is
    /// first wins, all others get the winner's.
    async fn create(&self, kind: TokenKind) -> Result<Option<Document>, Error> {
        let now = DateTime::now();
        let is_usable =
            doc! { "$and": [{ "$eq": [{ "$type": "$value" }, "string"] }, { "$ne": ["$value", ""] }] };
        let update = vec![doc! { "$set": {
            "value": { "$cond": [is_usable.clone(), "$value", random_token().reveal()] },
            "createdAt": { "$ifNull": ["$createdAt", now] },
            "lastUpdated": { "$cond": [is_usable, "$lastUpdated", now] },
        } }];
        self.settings
            .find_one_and_update(doc! { "_id": kind.key() }, update)
            .upsert(true)
            .return_document(ReturnDocument::After)
            .await
    }
}

/// Awaits the database for a while.
async fn in_time<T>(asked: impl Future<Output = Result<T, TokenError>>) -> Result<T, TokenError> {
    tokio::time::timeout(PATIENCE, asked).await.map_err(|_| TokenError::Timeout)?
}

fn usable(setting: Option<Document>) -> Option<Setting> {
    let mut setting = setting?;
    match setting.remove("value") {
        Some(Bson::String(token)) if !token.is_empty() => {
            let last_updated = setting.get_datetime("lastUpdated").ok().and_then(|at| {
                let since_epoch = Duration::from_millis(u64::try_from(at.timestamp_millis()).ok()?);
                SystemTime::UNIX_EPOCH.checked_add(since_epoch)
            });
            Some(Setting { value: token.into(), last_updated })
        }
        _ => None,
    }
}

/// 32 random bytes as 64 hexadecimal digits.
fn random_token() -> Secret {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
