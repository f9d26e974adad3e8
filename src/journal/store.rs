//! The journal's collections: the only file of this room that talks to MongoDB.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use playarr_jobs::database::{DatabaseError, ask, durable_options};

use super::position::{Position, WriterId};

/// The time that one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The `_id` of the base.
const BASE: &str = "live_base";

/// The documents read at once.
const READ_AT_ONCE: i64 = 1_000;

/// What is known of an insert that did not succeed.
#[derive(Debug)]
pub(super) enum InsertError {
    /// The document is in the journal already: an earlier attempt succeeded.
    Exists,
    /// The journal has a batch with this digest.
    BatchExists(i64),
    /// The document was not written.
    NotWritten(DatabaseError),
    /// The document may have been written.
    Unknown(DatabaseError),
}

/// The collections.
#[derive(Clone)]
pub(super) struct Store {
    journal: Collection<Document>,
    base: Collection<Document>,
}

impl Store {
    pub(super) fn new(database: &Database) -> Self {
        let options = durable_options(PATIENCE);
        Self {
            journal: database.collection_with_options("playarr_metrics_journal", options.clone()),
            base: database.collection_with_options("playarr_metrics", options),
        }
    }

    /// Makes the indexes that are not there. One of them keeps a batch from being counted twice.
    pub(super) async fn ensure_indexes(&self) -> Result<(), DatabaseError> {
        let by_writer = IndexModel::builder().keys(doc! { "_id.w": 1, "_id.n": 1 }).build();
        let unique = IndexOptions::builder().unique(true).sparse(true).build();
        let by_batch = IndexModel::builder().keys(doc! { "batches": 1 }).options(unique).build();
        ask(PATIENCE, self.journal.create_indexes([by_writer, by_batch])).await.map(|_| ())
    }

    /// Inserts a document, durably.
    pub(super) async fn insert(&self, document: &Document) -> Result<(), InsertError> {
        let inserted = async {
            Ok::<_, DatabaseError>(
                self.journal.insert_one(document).await.map(|_| ()).map_err(InsertError::of),
            )
        };
        ask(PATIENCE, inserted).await.unwrap_or_else(|timeout| Err(InsertError::Unknown(timeout)))
    }

    /// Whether the journal has this document, durably. A write, because only a write waits for those before it.
    pub(super) async fn confirm(&self, writer: WriterId, number: i64) -> Result<bool, DatabaseError> {
        let id = doc! { "_id": { "w": writer, "n": number } };
        let confirm = self.journal.update_one(id, doc! { "$inc": { "confirmed": 1 } });
        ask(PATIENCE, confirm).await.map(|result| result.matched_count > 0)
    }

    /// The number of events of the batch with this digest, if the journal has it, durably.
    pub(super) async fn confirm_batch(&self, digest: i64) -> Result<Option<i32>, DatabaseError> {
        let update = doc! { "$inc": { "confirmed": 1 } };
        let confirm = self.journal.find_one_and_update(doc! { "batches": digest }, update);
        let document = ask(PATIENCE, confirm.projection(doc! { "batches": 1, "events": 1 })).await?;
        Ok(document.and_then(|document| {
            let batches = document.get_array("batches").ok()?;
            let place = batches.iter().position(|batch| *batch == Bson::Int64(digest))?;
            document.get_array("events").ok()?.get(place)?.as_i32()
        }))
    }

    /// The last document of each writer that has any in the journal. Reads one index key a writer.
    pub(super) async fn heads(&self) -> Result<Position, DatabaseError> {
        let pipeline = [
            doc! { "$sort": { "_id.w": -1, "_id.n": -1 } },
            doc! { "$group": { "_id": "$_id.w", "n": { "$first": "$_id.n" } } },
        ];
        let heads = async { self.journal.aggregate(pipeline).await?.try_collect::<Vec<_>>().await };
        let heads: Vec<Document> = ask(PATIENCE, heads).await?;
        let head = |head: Document| {
            let number = u64::try_from(head.get_i64("n").ok()?).ok()?;
            Some((head.get_i64("_id").ok()?, number))
        };
        Ok(heads.into_iter().filter_map(head).collect())
    }

    /// The next documents of a writer, in order.
    pub(super) async fn after(&self, writer: WriterId, number: i64) -> Result<Vec<Document>, DatabaseError> {
        let find = self.journal.find(doc! { "_id.w": writer, "_id.n": { "$gt": number } });
        let find = find.sort(doc! { "_id.w": 1, "_id.n": 1 }).limit(READ_AT_ONCE);
        ask(PATIENCE, async { find.await?.try_collect().await }).await
    }

    /// Deletes the documents of a writer up to this one. They must be in the base.
    pub(super) async fn delete(&self, writer: WriterId, up_to: i64) -> Result<u64, DatabaseError> {
        let folded = doc! { "_id.w": writer, "_id.n": { "$lte": up_to } };
        ask(PATIENCE, self.journal.delete_many(folded)).await.map(|result| result.deleted_count)
    }

    /// The base.
    pub(super) async fn base(&self) -> Result<Option<Document>, DatabaseError> {
        ask(PATIENCE, self.base.find_one(doc! { "_id": BASE })).await
    }

    /// The base without its totals: small, to see whether it changed.
    pub(super) async fn base_head(&self) -> Result<Option<Document>, DatabaseError> {
        let head = self.base.find_one(doc! { "_id": BASE }).projection(doc! { "totals": 0 });
        ask(PATIENCE, head).await
    }

    /// Replaces the base that has this stamp, or the one that is not there. False if another one is there by now.
    pub(super) async fn replace_base(
        &self,
        stamp: Option<i64>,
        mut base: Document,
    ) -> Result<bool, DatabaseError> {
        base.insert("_id", BASE);
        let replaced = match stamp {
            Some(stamp) => {
                let found = doc! { "_id": BASE, "stamp": stamp };
                ask(PATIENCE, self.base.replace_one(found, base)).await.map(|result| result.matched_count > 0)
            }
            None => ask(PATIENCE, self.base.insert_one(base)).await.map(|_| true),
        };
        match replaced {
            Err(error) if error.is_duplicate_key() => Ok(false),
            replaced => replaced,
        }
    }
}

impl InsertError {
    fn of(error: Error) -> Self {
        // Nothing was sent to any server.
        let is_unsent =
            matches!(&*error.kind, ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. });
        match DatabaseError::from(error) {
            DatabaseError::DuplicateKey(key) => match key.get("batches") {
                Some(Bson::Int64(digest)) => Self::BatchExists(*digest),
                _ => Self::Exists,
            },
            error if is_unsent => Self::NotWritten(error),
            // A server that steps down while it writes says so in the same way as one that never wrote.
            error @ (DatabaseError::NoMajority(_) | DatabaseError::NotWritable(_)) => Self::Unknown(error),
            error if error.is_refusal() => Self::NotWritten(error),
            error => Self::Unknown(error),
        }
    }
}
