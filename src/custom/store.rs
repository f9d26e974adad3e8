//! Custom metrics in our collection: the only file of this room that talks to MongoDB.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Collection, Database};
use playarr_jobs::database::{DatabaseError, StoredDocument, ask, durable_options};

use super::record::{CustomRecord, CustomRecordError};

/// The time that one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How the `_id` of each document starts.
const KEY: &str = "custom_metric/";

/// The first text that is behind all of them.
const BEHIND: &str = "custom_metric0";

/// The collection.
#[derive(Clone)]
pub(super) struct CustomStore {
    metrics: Collection<Document>,
}

impl CustomStore {
    pub(super) fn new(database: &Database) -> Self {
        Self { metrics: database.collection_with_options("playarr_metrics", durable_options(PATIENCE)) }
    }

    /// Every custom metric, deleted ones and those that cannot be read included.
    pub(super) async fn all(&self) -> Result<Vec<Result<CustomRecord, CustomRecordError>>, DatabaseError> {
        let stored = self.metrics.clone_with_type::<StoredDocument>();
        let find = stored.find(doc! { "_id": { "$gte": KEY, "$lt": BEHIND } }).sort(doc! { "_id": 1 });
        let documents: Vec<_> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        Ok(documents.into_iter().map(|document| CustomRecord::from_document(&document.into_inner())).collect())
    }

    /// The one of this name.
    pub(super) async fn get(
        &self,
        name: &str,
    ) -> Result<Option<Result<CustomRecord, CustomRecordError>>, DatabaseError> {
        let stored = self.metrics.clone_with_type::<StoredDocument>();
        let document = ask(PATIENCE, stored.find_one(doc! { "_id": id(name) })).await?;
        Ok(document.map(|document| CustomRecord::from_document(&document.into_inner())))
    }

    /// Writes a record where the present revision is the expected one; `None` where there must be none. False if
    /// somebody else was faster.
    pub(super) async fn replace(
        &self,
        expected: Option<i64>,
        name: &str,
        record: Document,
    ) -> Result<bool, DatabaseError> {
        let mut document = doc! { "_id": id(name) };
        document.extend(record);
        let written = match expected {
            Some(revision) => {
                let found = doc! { "_id": id(name), "revision": revision };
                ask(PATIENCE, self.metrics.replace_one(found, document)).await.map(|result| result.matched_count > 0)
            }
            None => ask(PATIENCE, self.metrics.insert_one(document)).await.map(|_| true),
        };
        match written {
            Err(error) if error.is_duplicate_key() => Ok(false),
            written => written,
        }
    }
}

fn id(name: &str) -> String {
    format!("{KEY}{name}")
}
