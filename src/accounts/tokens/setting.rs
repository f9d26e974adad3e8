//! The documents of tokens in Playarr's `settings`. Playarr may write any of them back as it was hours ago.

use mongodb::bson::{DateTime, Document, RawBsonRef, RawDocumentBuf, doc};
use mongodb::{Collection, Database};
use playarr_jobs::database::{DatabaseError, ask, durable_options};

use super::kind::{METRICS_SETTING, TokenKind, is_usable};
use super::read::{ASK_TIME, ReadFrom, WRITE_TIME, read};
use super::record::Record;

/// What `settings` holds of a token.
#[derive(Clone, Debug)]
pub(super) enum TokenSetting {
    Absent,
    /// A document without a token in it: no text, an empty one, or one that no request can carry.
    Blank(Blank),
    Token {
        /// Without white space around it.
        token: String,
        /// As it is.
        raw: String,
        last_updated: Option<DateTime>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Blank {
    NoText,
    Text(String),
    /// No valid UTF-8.
    Unreadable,
}

impl TokenSetting {
    /// The token, without white space around it.
    pub(super) fn token(&self) -> Option<&str> {
        match self {
            Self::Token { token, .. } => Some(token),
            Self::Absent | Self::Blank(_) => None,
        }
    }

    pub(super) fn of(document: &RawDocumentBuf) -> Self {
        match document.get("value") {
            Ok(Some(RawBsonRef::String(raw))) => {
                let token = raw.trim();
                if !is_usable(token) {
                    return Self::Blank(Blank::Text(raw.to_owned()));
                }
                let last_updated = document.get_datetime("lastUpdated").ok();
                Self::Token { token: token.to_owned(), raw: raw.to_owned(), last_updated }
            }
            Ok(_) => Self::Blank(Blank::NoText),
            Err(_) => Self::Blank(Blank::Unreadable),
        }
    }
}

/// Playarr's settings.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    collection: Collection<RawDocumentBuf>,
}

impl Settings {
    pub(super) fn new(database: &Database) -> Self {
        Self { collection: database.collection_with_options("settings", durable_options(WRITE_TIME)) }
    }

    pub(super) async fn read(&self, kind: TokenKind, source: ReadFrom) -> Result<TokenSetting, DatabaseError> {
        let Some(id) = kind.setting() else { return Ok(TokenSetting::Absent) };
        let document = read(&self.collection, id, source).await?;
        Ok(document.as_ref().map_or(TokenSetting::Absent, TokenSetting::of))
    }

    /// Writes the metrics token of a record in the place of what was read. Returns whether it is written: if something
    /// else is there by now, that stays for the next check.
    pub(super) async fn write(&self, read: &TokenSetting, record: &Record) -> Result<bool, DatabaseError> {
        let id = METRICS_SETTING;
        let collection = self.collection.clone_with_type::<Document>();
        let filter = match read {
            TokenSetting::Absent => {
                let setting = doc! {
                    "_id": id, "value": record.value.reveal(),
                    "createdAt": record.created, "lastUpdated": record.updated,
                };
                return match ask(ASK_TIME, collection.insert_one(setting)).await {
                    Err(error) if error.is_duplicate_key() => Ok(false),
                    written => written.map(|_| true),
                };
            }
            TokenSetting::Blank(Blank::NoText) => {
                doc! { "_id": id, "$expr": { "$ne": [{ "$type": "$value" }, "string"] } }
            }
            TokenSetting::Blank(Blank::Unreadable) => doc! { "_id": id },
            TokenSetting::Blank(Blank::Text(raw)) | TokenSetting::Token { raw, .. } => {
                doc! { "_id": id, "value": { "$eq": raw } }
            }
        };
        let update = vec![doc! { "$set": {
            "value": { "$literal": record.value.reveal() },
            "createdAt": { "$ifNull": ["$createdAt", record.created] },
            "lastUpdated": record.updated,
        } }];
        let written = ask(ASK_TIME, collection.update_one(filter, update)).await?;
        Ok(written.matched_count > 0)
    }

    /// Removes a token that has moved to the service's own collection.
    pub(super) async fn remove(&self, kind: TokenKind) -> Result<(), DatabaseError> {
        let Some(id) = kind.setting() else { return Ok(()) };
        ask(ASK_TIME, self.collection.delete_one(doc! { "_id": id })).await.map(drop)
    }
}
