//! The journal's collections: the only file of this room that talks to MongoDB.

use std::collections::HashMap;
use std::iter::repeat;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::IndexOptions;
use mongodb::{Collection, Database, IndexModel};
use playarr_jobs::database::{DatabaseError, StoredDocument, ask, durable_options};

use super::position::{Position, WriterId};

/// The time that one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The collection of the journal.
pub(crate) const JOURNAL: &str = "playarr_metrics_journal";

/// The `_id` of the base.
const BASE: &str = "live_base";

/// The `_id`s of what the first version kept in Playarr's settings.
const OLD_CHECKPOINTS: &str = "^metrics_live_checkpoint(_[0-9]+)?$";

/// How many documents may have to forget their batches before the indexes are made at the next look.
const MAX_REPEATED: usize = 100;

/// The codes with which the server says that there is an index of these keys, or of this name, with other options.
const CONFLICTS: std::ops::RangeInclusive<i32> = 85..=86;

/// The documents read at once. A large one has a megabyte.
const READ_AT_ONCE: i64 = 100;

/// The keys of the unique index that keeps a batch from being counted twice.
pub(crate) fn batch_index() -> Document {
    doc! { "batches": 1 }
}

/// What is known of an insert that did not succeed.
#[derive(Debug)]
pub(super) enum InsertError {
    /// The journal has this document, because an earlier attempt succeeded, or it has a batch of it.
    Exists,
    /// The document was not written.
    NotWritten(DatabaseError),
    /// The document may have been written.
    Unknown(DatabaseError),
}

/// The collections.
#[derive(Clone)]
pub(super) struct Store {
    database: Database,
    journal: Collection<Document>,
    base: Collection<Document>,
    settings: Collection<Document>,
}

impl Store {
    pub(super) fn new(database: &Database) -> Self {
        let options = durable_options(PATIENCE);
        Self {
            database: database.clone(),
            journal: database.collection_with_options(JOURNAL, options.clone()),
            base: database.collection_with_options("playarr_metrics", options.clone()),
            settings: database.collection_with_options("settings", options),
        }
    }

    /// The time of the server, in seconds since the Unix epoch, and whether it is a standalone one.
    pub(super) async fn server(&self) -> Result<(i64, bool), DatabaseError> {
        let answer = ask(PATIENCE, self.database.run_command(doc! { "hello": 1 })).await?;
        let time = answer.get_datetime("localTime");
        let time = time.map_err(|_| DatabaseError::Driver("MongoDB did not tell its time".to_owned()))?;
        let is_standalone = !answer.contains_key("setName") && answer.get_str("msg").ok() != Some("isdbgrid");
        Ok((time.timestamp_millis() / 1_000, is_standalone))
    }

    /// Makes the indexes that are not there. One of them keeps a batch from being counted twice.
    pub(super) async fn ensure_indexes(&self) -> Result<(), DatabaseError> {
        let by_writer = IndexModel::builder().keys(doc! { "_id.w": 1, "_id.n": 1 }).build();
        let unique = IndexOptions::builder().unique(true).sparse(true).build();
        let by_batch = IndexModel::builder().keys(batch_index()).options(unique).build();
        let indexes = [by_writer, by_batch];
        for _ in 0..MAX_REPEATED {
            match ask(PATIENCE, self.journal.create_indexes(indexes.clone())).await {
                Err(DatabaseError::DuplicateKey(key)) if key.contains_key("batches") => {
                    self.forget_batches(key).await?;
                }
                Err(DatabaseError::Refused { code, message }) if CONFLICTS.contains(&code) => {
                    let message = format!(
                        "somebody has made an index of the collection {JOURNAL} that is like one the service needs, \
                         with other options; drop it, and it is made as it should be: {message}"
                    );
                    return Err(DatabaseError::Refused { code, message });
                }
                made => return made.map(|_| ()),
            }
        }
        Err(DatabaseError::Driver("too many batches were counted twice while an index was missing".to_owned()))
    }

    /// Removes the digests from a document that shares one with another: both were counted while there was no index,
    /// and it could not be made again. The other document remembers the batch.
    async fn forget_batches(&self, with: Document) -> Result<(), DatabaseError> {
        tracing::warn!("a batch was counted twice while an index of playarr_metrics_journal was missing");
        let forget = doc! { "$unset": { "batches": "", "events": "" } };
        ask(PATIENCE, self.journal.update_one(with, forget)).await.map(|_| ())
    }

    /// Inserts a document, durably.
    pub(super) async fn insert(&self, document: &Document) -> Result<(), InsertError> {
        match tokio::time::timeout(PATIENCE, self.journal.insert_one(document)).await {
            Ok(inserted) => inserted.map(|_| ()).map_err(InsertError::of),
            Err(_) => Err(InsertError::Unknown(DatabaseError::Timeout(PATIENCE))),
        }
    }

    /// Whether the journal has this document, durably. A write, because only a write waits for those before it.
    pub(super) async fn confirm(&self, writer: WriterId, number: i64) -> Result<bool, DatabaseError> {
        let id = doc! { "_id": { "w": writer, "n": number } };
        let confirm = self.journal.update_one(id, doc! { "$inc": { "confirmed": 1 } });
        ask(PATIENCE, confirm).await.map(|result| result.matched_count > 0)
    }

    /// Those of these batches that the journal has, durably, with the number of events of each.
    pub(super) async fn known_batches(&self, digests: &[i64]) -> Result<HashMap<i64, i32>, DatabaseError> {
        let with_any = doc! { "batches": { "$in": digests } };
        // Whoever inserted them may still wait for them to be durable; this write waits as well.
        let confirm = self.journal.update_many(with_any.clone(), doc! { "$inc": { "confirmed": 1 } });
        ask(PATIENCE, confirm).await?;
        let journal = self.journal.clone_with_type::<StoredDocument>();
        let find = journal.find(with_any).projection(doc! { "batches": 1, "events": 1 });
        let documents: Vec<_> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        let batches = documents.into_iter().flat_map(|document| batches(&document.into_inner()));
        Ok(batches.filter(|(digest, _)| digests.contains(digest)).collect())
    }

    /// The last document of each writer that has any in the journal. Reads one index key for each writer.
    pub(super) async fn heads(&self) -> Result<Position, DatabaseError> {
        let pipeline = [
            doc! { "$sort": { "_id.w": -1, "_id.n": -1 } },
            doc! { "$group": { "_id": "$_id.w", "n": { "$first": "$_id.n" } } },
        ];
        let heads = async {
            self.journal.aggregate(pipeline).with_type::<StoredDocument>().await?.try_collect::<Vec<_>>().await
        };
        let heads = ask(PATIENCE, heads).await?;
        let mut position = Position::default();
        for head in heads.into_iter().map(StoredDocument::into_inner) {
            if let (Ok(writer), Ok(number)) = (head.get_i64("_id"), head.get_i64("n")) {
                position.advance(writer, number, 0);
            }
        }
        Ok(position)
    }

    /// The next documents of a writer, in order.
    pub(super) async fn after(&self, writer: WriterId, number: i64) -> Result<Vec<Document>, DatabaseError> {
        let journal = self.journal.clone_with_type::<StoredDocument>();
        let find = journal.find(doc! { "_id.w": writer, "_id.n": { "$gt": number } });
        let find = find.sort(doc! { "_id.w": 1, "_id.n": 1 }).limit(READ_AT_ONCE);
        let documents: Vec<StoredDocument> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        Ok(documents.into_iter().map(StoredDocument::into_inner).collect())
    }

    /// How many documents of a writer there are after one of them and up to another.
    pub(super) async fn count(&self, writer: WriterId, after: i64, up_to: i64) -> Result<i64, DatabaseError> {
        let between = doc! { "_id.w": writer, "_id.n": { "$gt": after, "$lte": up_to } };
        let count = ask(PATIENCE, self.journal.count_documents(between)).await?;
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// Deletes the documents of a writer up to this one. They must be in the base.
    pub(super) async fn delete(&self, writer: WriterId, up_to: i64) -> Result<(), DatabaseError> {
        let folded = doc! { "_id.w": writer, "_id.n": { "$lte": up_to } };
        ask(PATIENCE, self.journal.delete_many(folded)).await.map(|_| ())
    }

    /// The base.
    pub(super) async fn base(&self) -> Result<Option<Document>, DatabaseError> {
        let base = self.base.clone_with_type::<StoredDocument>();
        let found = ask(PATIENCE, base.find_one(doc! { "_id": BASE })).await?;
        Ok(found.map(StoredDocument::into_inner))
    }

    /// The base without its totals: small, to see whether it changed.
    pub(super) async fn base_head(&self) -> Result<Option<Document>, DatabaseError> {
        let base = self.base.clone_with_type::<StoredDocument>();
        let head = base.find_one(doc! { "_id": BASE }).projection(doc! { "totals": 0 });
        Ok(ask(PATIENCE, head).await?.map(StoredDocument::into_inner))
    }

    /// Replaces the base that has this stamp, or the one that is not there. False if another one is there by now.
    pub(super) async fn replace_base(&self, stamp: Option<i64>, mut base: Document) -> Result<bool, DatabaseError> {
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

    /// What the first version kept in Playarr's settings.
    pub(super) async fn old_checkpoints(&self) -> Result<Vec<Document>, DatabaseError> {
        let settings = self.settings.clone_with_type::<StoredDocument>();
        let find = settings.find(doc! { "_id": { "$regex": OLD_CHECKPOINTS } });
        let documents: Vec<StoredDocument> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        Ok(documents.into_iter().map(StoredDocument::into_inner).collect())
    }

    /// Removes these documents from Playarr's settings.
    pub(super) async fn delete_old_checkpoints(&self, ids: &[&str]) -> Result<(), DatabaseError> {
        let old = self.settings.delete_many(doc! { "_id": { "$in": ids } });
        ask(PATIENCE, old).await.map(|_| ())
    }
}

/// The digests of the batches in a document, with the number of events of each: 0 where that is damaged, since the
/// batch is there all the same.
fn batches(document: &Document) -> Vec<(i64, i32)> {
    let array = |name| document.get_array(name).map(Vec::as_slice).unwrap_or_default();
    let events = array("events").iter().map(|events| events.as_i32().unwrap_or_default()).chain(repeat(0));
    array("batches").iter().zip(events).filter_map(|(digest, events)| Some((digest.as_i64()?, events))).collect()
}

impl InsertError {
    fn of(error: Error) -> Self {
        // Nothing was sent to any server. The driver calls a document that is too large an invalid argument.
        let is_unsent = matches!(
            &*error.kind,
            ErrorKind::ServerSelection { .. } | ErrorKind::DnsResolve { .. } | ErrorKind::InvalidArgument { .. }
        );
        match DatabaseError::from(error) {
            DatabaseError::DuplicateKey(_) => Self::Exists,
            error if is_unsent => Self::NotWritten(error),
            // A server that steps down while it writes says so in the same way as one that never wrote.
            error @ (DatabaseError::NoMajority(_) | DatabaseError::NotWritable(_)) => Self::Unknown(error),
            error if error.is_refusal() => Self::NotWritten(error),
            error => Self::Unknown(error),
        }
    }
}
