//! The collection `playarr_metrics_snapshots`: the only file of this room that talks to MongoDB.
//!
//! Heads have a text as `_id`, chunks a document of the number of their body and their own number, so each kind is one
//! range of the index of `_id`.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::options::{ReadPreference, ReturnDocument, SelectionCriteria};
use mongodb::{Collection, Database};

use super::body::{BodyError, CHUNK_BYTES, MAX_PACKED};
use super::form::FORM;
use super::head::{Draft, Head, LAST};
use crate::database::{DatabaseError, StoredDocument, ask, durable_options};

/// The time that one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often it is tried whether a primary answers.
const PRIMARY_INTERVAL: Duration = Duration::from_millis(100);

/// A snapshot cannot be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub enum RememberError {
    /// The database does not answer or refuses.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The last snapshot was written by another version.
    #[error(
        "the last snapshot in playarr_metrics_snapshots has a form that this version does not know, and is left alone; \
         run the version that wrote it, or delete the document {{_id: \"last\"}}"
    )]
    UnknownForm,
    /// Another instance has written a later one.
    #[error("the last snapshot in playarr_metrics_snapshots is a later one: number {generation}")]
    Superseded {
        /// Its number.
        generation: u64,
    },
    /// A part of the body is not there.
    #[error("the snapshot in playarr_metrics_snapshots is not complete; it may have been removed at this moment")]
    Incomplete,
    /// The body is damaged.
    #[error("a snapshot in playarr_metrics_snapshots cannot be read: {0}")]
    Body(#[from] BodyError),
    /// The body could not be made.
    #[error("the snapshot could not be packed: {0}")]
    Pack(String),
}

/// The heads in the collection.
pub(super) struct Listing {
    pub(super) heads: Vec<Head>,
    /// How many more there are of other forms.
    pub(super) unknown: usize,
}

#[derive(Clone)]
pub(super) struct SnapshotCollection {
    documents: Collection<Document>,
    /// The same, to be read: anybody may have written there.
    stored: Collection<StoredDocument>,
}

impl SnapshotCollection {
    pub(super) fn new(database: &Database) -> Self {
        // A secondary will do for reading: a new process waits for a primary, but not for ever.
        let primary_preferred = SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred { options: None });
        let mut options = durable_options(PATIENCE);
        options.selection_criteria = Some(primary_preferred);
        let documents = database.collection_with_options("playarr_metrics_snapshots", options);
        Self { stored: documents.clone_with_type(), documents }
    }

    /// Waits until a primary answers, for as long as an outage may be why none does.
    pub(super) async fn until_primary(&self) {
        let primary = SelectionCriteria::ReadPreference(ReadPreference::Primary);
        loop {
            let find = self.stored.find_one(doc! { "_id": LAST }).projection(doc! { "_id": 1 });
            match ask(PATIENCE, find.selection_criteria(primary.clone())).await {
                Err(error) if error.may_be_an_outage() => tokio::time::sleep(PRIMARY_INTERVAL).await,
                _ => return,
            }
        }
    }

    /// Writes a body and returns how many chunks it has.
    pub(super) async fn insert_body(&self, body: ObjectId, bytes: &[u8]) -> Result<usize, DatabaseError> {
        for (number, chunk) in (0_i32..).zip(bytes.chunks(CHUNK_BYTES)) {
            let data = Binary { subtype: BinarySubtype::Generic, bytes: chunk.to_vec() };
            let chunk = doc! { "_id": { "body": body, "n": number }, "data": data };
            ask(PATIENCE, self.documents.insert_one(chunk)).await?;
        }
        Ok(bytes.chunks(CHUNK_BYTES).len())
    }

    /// Puts a head in the place of the last one, if that has a lower number, and returns the body of that.
    pub(super) async fn replace_last(&self, draft: &Draft) -> Result<Option<ObjectId>, RememberError> {
        let head = doc! { "$mergeObjects": [{ "$literal": draft.document() }, { "written_at": "$$NOW" }] };
        let earlier = doc! { "_id": LAST, "form": FORM, "generation": { "$lt": draft.generation.cast_signed() } };
        let replace = self.stored.find_one_and_update(earlier, vec![doc! { "$replaceWith": head }]).upsert(true);
        // The driver takes no answer whose texts are not UTF-8.
        let replace = replace.projection(doc! { "body": 1 });
        match ask(PATIENCE, replace.return_document(ReturnDocument::Before)).await {
            Ok(replaced) => Ok(replaced.and_then(|replaced| replaced.into_inner().get_object_id("body").ok())),
            Err(error) if error.is_duplicate_key() => {
                let last = ask(PATIENCE, self.stored.find_one(doc! { "_id": LAST })).await?;
                match last.map(|last| Head::of(&last.into_inner())) {
                    Some(Some(last)) if last.generation >= draft.generation => {
                        Err(RememberError::Superseded { generation: last.generation })
                    }
                    // Two processes that insert the first one at the same moment collide as well.
                    Some(Some(_)) | None => Err(error.into()),
                    Some(None) => Err(RememberError::UnknownForm),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Puts the last snapshot into the history as well, under this `_id`, unless one is there.
    pub(super) async fn insert_copy_of_last(&self, id: &str, last: ObjectId) -> Result<(), DatabaseError> {
        let find = self.stored.find_one(doc! { "_id": LAST, "body": last });
        // If it is not there any more, another process puts its own into the history.
        let Some(head) = ask(PATIENCE, find).await? else { return Ok(()) };
        let mut head = head.into_inner();
        head.insert("_id", id);
        // Of the past, the values suffice.
        head.remove("run");
        match ask(PATIENCE, self.documents.insert_one(head)).await {
            Err(error) if !error.is_duplicate_key() => Err(error),
            _ => Ok(()),
        }
    }

    /// All heads.
    pub(super) async fn heads(&self) -> Result<Listing, DatabaseError> {
        // A range of texts holds only those `_id`s that are texts.
        let find = self.stored.find(doc! { "_id": { "$gte": "" } });
        let documents: Vec<StoredDocument> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        let count = documents.len();
        let heads = documents.into_iter().filter_map(|document| Head::of(&document.into_inner()));
        let heads: Vec<_> = heads.collect();
        Ok(Listing { unknown: count - heads.len(), heads })
    }

    /// The last head, and how long ago it was written by the clock of the server.
    pub(super) async fn last(&self) -> Result<Option<(Head, Duration)>, RememberError> {
        let age = doc! { "elapsed_ms": { "$subtract": ["$$NOW", "$written_at"] } };
        let pipeline = [doc! { "$match": { "_id": LAST } }, doc! { "$set": age }];
        let last = async { self.documents.aggregate(pipeline).with_type::<StoredDocument>().await?.try_next().await };
        let Some(document) = ask(PATIENCE, last).await?.map(StoredDocument::into_inner) else { return Ok(None) };
        let head = Head::of(&document).ok_or(RememberError::UnknownForm)?;
        // The clock of the server may have been set back.
        let elapsed = document.get_i64("elapsed_ms").ok().and_then(|elapsed| u64::try_from(elapsed).ok());
        let elapsed = Duration::from_millis(elapsed.unwrap_or_default()).saturating_add(head.lag);
        Ok(Some((head, elapsed)))
    }

    /// The body of a head.
    pub(super) async fn body(&self, head: &Head) -> Result<Vec<u8>, RememberError> {
        let first_to_last =
            doc! { "$gte": { "body": head.body, "n": 0 }, "$lt": { "body": head.body, "n": head.chunks } };
        let stored = self.documents.clone_with_type::<RawDocumentBuf>();
        let find = stored.find(doc! { "_id": first_to_last }).sort(doc! { "_id": 1 });
        let read = async {
            let (mut chunks, mut count, mut bytes) = (find.await?, 0, Vec::new());
            while let Some(chunk) = chunks.try_next().await? {
                // A head may say anything of its body. What is longer than any is not read.
                if let Ok(data) = chunk.get_binary("data")
                    && bytes.len() + data.bytes.len() <= MAX_PACKED
                {
                    bytes.extend_from_slice(data.bytes);
                    count += 1;
                }
            }
            Ok::<_, Error>((count, bytes))
        };
        let (count, bytes) = ask(PATIENCE, read).await?;
        if count == head.chunks { Ok(bytes) } else { Err(RememberError::Incomplete) }
    }

    /// Removes heads of the history.
    pub(super) async fn remove_heads(&self, ids: &[String]) -> Result<(), DatabaseError> {
        let heads = doc! { "_id": { "$in": ids } };
        ask(PATIENCE, self.documents.delete_many(heads)).await.map(|_| ())
    }

    /// The numbers of all bodies.
    pub(super) async fn bodies(&self) -> Result<HashSet<ObjectId>, DatabaseError> {
        let stored = self.documents.clone_with_type::<RawDocumentBuf>();
        let find = stored.find(doc! { "_id": { "$gte": {} } }).projection(doc! { "_id": 1 });
        let chunks: Vec<RawDocumentBuf> = ask(PATIENCE, async { find.await?.try_collect().await }).await?;
        let bodies = chunks.iter().filter_map(|chunk| chunk.get_document("_id").ok()?.get_object_id("body").ok());
        Ok(bodies.collect())
    }

    /// Removes bodies that no head has.
    pub(super) async fn remove_bodies(&self, bodies: &[ObjectId]) -> Result<(), DatabaseError> {
        for body in bodies {
            let chunks = doc! { "$gte": { "body": body, "n": 0 }, "$lte": { "body": body, "n": Bson::MaxKey } };
            ask(PATIENCE, self.documents.delete_many(doc! { "_id": chunks })).await?;
        }
        Ok(())
    }
}
