//! Checkpoints in Playarr's `settings`: a document for each instance that runs at the same time as others.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, deserialize_from_bson, doc, serialize_to_bson};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{Acknowledgment, CollectionOptions, ReturnDocument, WriteConcern};
use mongodb::{Collection, Database};
use playarr_jobs::source::{is_duplicate_key, plain_message};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::process::Process;
use crate::live::Checkpoint;

/// The `_id` of the first document; others have a number after it.
const KEY: &str = "metrics_live_checkpoint";

/// How long one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The pause before the next look at documents that others are claiming as well.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// The driver or the server refused or failed.
    #[error("MongoDB: {}", plain_message(.0))]
    MongoDb(#[from] Error),
    /// No answer in time.
    #[error("no answer from MongoDB within {} s", PATIENCE.as_secs())]
    Timeout,
    /// Making the checkpoint panicked.
    #[error("the checkpoint could not be made: {0}")]
    Making(#[from] tokio::task::JoinError),
    /// Another process writes this document now.
    #[error("another instance has taken over the checkpoint {0}")]
    TakenOver(String),
}

impl StoreError {
    /// Whether the database answered that it is not allowed: then it will not be the next time either.
    pub(super) fn is_refusal(&self) -> bool {
        /// The server's code for it.
        const UNAUTHORIZED: i32 = 13;
        match self {
            Self::MongoDb(error) => {
                matches!(&*error.kind, ErrorKind::Command(command) if command.code == UNAUTHORIZED)
            }
            Self::Timeout | Self::Making(_) => false,
            Self::TakenOver(_) => true,
        }
    }
}

/// The document that this process holds.
pub(super) struct Held {
    settings: Collection<Document>,
    key: String,
    instance: String,
    /// Where the batches are that the current checkpoint points at.
    place: Place,
    /// The batches as last written by this process, and the number they were written under.
    written: Option<(Vec<u8>, i64)>,
}

/// One of two places for batches: the one that the current checkpoint does not point at may be overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Place {
    A,
    B,
}

/// Which batches a checkpoint belongs to.
#[derive(Serialize, Deserialize)]
struct Pointer {
    place: Place,
    instance: String,
    number: i64,
}

/// What a document held when it was claimed.
pub(super) enum Before {
    /// No checkpoint.
    Nothing,
    /// A checkpoint.
    Checkpoint(Checkpoint),
    /// Something that cannot be one, and why.
    Garbage(&'static str),
}

impl Held {
    /// Takes a document that nobody holds any more, or makes one, for the instance that listens on `address`.
    ///
    /// A document is free if its process has let go of it or is known to have ended, or if nothing was heard of it for
    /// `lease`. So instances that run side by side never share one, and what one of them counted is restored once.
    pub(super) async fn claim(
        database: &Database,
        address: &str,
        lease: Duration,
    ) -> Result<(Self, Before), StoreError> {
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = CollectionOptions::builder().write_concern(durable).build();
        let settings = database.collection_with_options("settings", options);
        let this = Holder {
            instance: format!("{:016x}", rand::rng().random::<u64>()),
            address: address.to_owned(),
            process: Process::this(),
        };
        loop {
            let candidates = in_time(list(&settings)).await?;
            let free = candidates.iter().filter(|candidate| candidate.is_free(&this, lease));
            let best = free.min_by_key(|candidate| candidate.distance(&this));
            let taken = match best {
                Some(best) => in_time(take(&settings, best, &this)).await?,
                None => in_time(make(&settings, &new_key(&candidates), &this)).await?,
            };
            // None if somebody else was faster; what they did shows at the next look.
            if taken.is_none() {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if let Some((key, value)) = taken {
                let pointer =
                    value.get("batches").cloned().and_then(|pointer| deserialize_from_bson(pointer).ok());
                let place = pointer.as_ref().map_or(Place::B, |pointer: &Pointer| pointer.place);
                let held = Self { settings, key, instance: this.instance, place, written: None };
                let before = held.read(&value, pointer).await?;
                return Ok((held, before));
            }
        }
    }

    /// Writes a checkpoint; with `release`, the last one of this process.
    pub(super) async fn save(&mut self, checkpoint: Checkpoint, release: bool) -> Result<(), StoreError> {
        // The batches go first, to where the current checkpoint does not point. So whatever comes in between, a
        // checkpoint points at the batches that belong to its totals.
        let last = self.written.as_ref().map_or(0, |(_, number)| *number);
        if self.written.as_ref().is_none_or(|(written, _)| *written != checkpoint.batches) {
            let place = if self.place == Place::A { Place::B } else { Place::A };
            let id = batches_key(&self.key, place);
            let number = last + 1;
            let batches = doc! { "value": {
                "instance": &self.instance, "number": number, "batches": binary(checkpoint.batches.clone()),
            } };
            let replace = self.settings.replace_one(doc! { "_id": id }, batches).upsert(true);
            in_time(replace.into_future()).await?;
            self.place = place;
            self.written = Some((checkpoint.batches, number));
        }
        let number = self.written.as_ref().map_or(0, |(_, number)| *number);
        let pointer = Pointer { place: self.place, instance: self.instance.clone(), number };
        let update = doc! {
            "$set": {
                "value.released": release,
                "value.totals": binary(checkpoint.totals),
                "value.batches": serialize_to_bson(&pointer).map_err(Error::from)?,
            },
            "$currentDate": { "lastUpdated": true },
        };
        let mine = doc! { "_id": &self.key, "value.holder.instance": &self.instance };
        let written = in_time(self.settings.update_one(mine, update).into_future()).await?;
        if written.matched_count == 0 { Err(StoreError::TakenOver(self.key.clone())) } else { Ok(()) }
    }

    /// The checkpoint in the value of the document.
    async fn read(&self, value: &Document, pointer: Option<Pointer>) -> Result<Before, StoreError> {
        let Some(totals) = value.get("totals") else { return Ok(Before::Nothing) };
        let Some(totals) = bytes(totals) else { return Ok(Before::Garbage("its totals are no binary data")) };
        let Some(pointer) = pointer else {
            return Ok(Before::Garbage("it does not say where its batches are"));
        };
        let id = batches_key(&self.key, pointer.place);
        let document = in_time(self.settings.find_one(doc! { "_id": id }).into_future()).await?;
        let document = document.unwrap_or_default();
        let batches = document.get_document("value").ok().filter(|value| {
            value.get_str("instance").is_ok_and(|instance| instance == pointer.instance)
                && value.get_i64("number").is_ok_and(|number| number == pointer.number)
        });
        match batches.and_then(|value| value.get("batches")).and_then(bytes) {
            Some(batches) => Ok(Before::Checkpoint(Checkpoint { totals, batches })),
            None => Ok(Before::Garbage("its batches are not where they should be")),
        }
    }
}

/// Who holds a document.
#[derive(Serialize, Deserialize)]
struct Holder {
    /// Random, another one at each start.
    instance: String,
    /// Where it listens.
    address: String,
    process: Process,
}

/// A document as far as it matters who may claim it.
struct Candidate {
    key: String,
    /// As it stands there.
    raw_holder: Bson,
    holder: Option<Holder>,
    is_released: bool,
    /// Since it was last written, by the clock of the database.
    age: Option<Duration>,
}

impl Candidate {
    fn is_free(&self, this: &Holder, lease: Duration) -> bool {
        match &self.holder {
            None => true,
            Some(holder) => {
                self.is_released
                    || this.process.knows_ended(&holder.process)
                    || self.age.is_none_or(|age| age > lease)
            }
        }
    }

    /// How far its last holder is from this one: an instance that starts again should find what it left.
    fn distance(&self, this: &Holder) -> u8 {
        match &self.holder {
            Some(holder) if !holder.process.is_on_host_of(&this.process) => 2,
            Some(holder) if holder.address != this.address => 1,
            Some(_) => 0,
            None => 3,
        }
    }
}

/// Every document that holds checkpoints.
async fn list(settings: &Collection<Document>) -> Result<Vec<Candidate>, Error> {
    let is_date = doc! { "$eq": [{ "$type": "$lastUpdated" }, "date"] };
    let age = doc! { "$cond": [is_date, { "$subtract": ["$$NOW", "$lastUpdated"] }, null] };
    let pipeline = [
        doc! { "$match": { "_id": { "$regex": format!("^{KEY}(_[0-9]+)?$") } } },
        doc! { "$project": { "holder": "$value.holder", "released": "$value.released", "age": age } },
    ];
    let mut documents = settings.aggregate(pipeline).await?;
    let mut candidates = Vec::new();
    while let Some(mut document) = documents.try_next().await? {
        let raw_holder = document.remove("holder").unwrap_or(Bson::Null);
        candidates.push(Candidate {
            key: document.get_str("_id").unwrap_or(KEY).to_owned(),
            holder: deserialize_from_bson(raw_holder.clone()).ok(),
            raw_holder,
            is_released: document.get_bool("released").unwrap_or(false),
            age: document.get_i64("age").ok().map(|age| Duration::from_millis(age.unsigned_abs())),
        });
    }
    Ok(candidates)
}

/// Puts a new holder in the place of the one that was found there. None if there is another one by now; else the key
/// and the value as it was.
async fn take(
    settings: &Collection<Document>,
    candidate: &Candidate,
    this: &Holder,
) -> Result<Option<(String, Document)>, Error> {
    let filter = doc! { "_id": &candidate.key, "value.holder": &candidate.raw_holder };
    let is_object = doc! { "$eq": [{ "$type": "$value" }, "object"] };
    let update = vec![
        // Something else may stand there: it is for people to edit as well.
        doc! { "$set": { "value": { "$cond": [is_object, "$value", {}] } } },
        doc! { "$set": {
            "value.holder": { "$literal": serialize_to_bson(this)? },
            "value.released": false,
            "lastUpdated": "$$NOW",
        } },
    ];
    let before = settings.find_one_and_update(filter, update).return_document(ReturnDocument::Before).await?;
    Ok(before.map(|mut before| {
        let value = match before.remove("value") {
            Some(Bson::Document(value)) => value,
            // No totals can be found in there, and that is no checkpoint that was never written.
            Some(_) => doc! { "totals": null },
            None => Document::new(),
        };
        (candidate.key.clone(), value)
    }))
}

/// Makes a document. None if there is one of this key by now.
async fn make(
    settings: &Collection<Document>,
    key: &str,
    this: &Holder,
) -> Result<Option<(String, Document)>, Error> {
    let now = DateTime::now();
    let value = doc! { "holder": serialize_to_bson(this)?, "released": false };
    let document = doc! { "_id": key, "value": value, "createdAt": now, "lastUpdated": now };
    match settings.insert_one(document).await {
        Ok(_) => Ok(Some((key.to_owned(), Document::new()))),
        Err(error) if is_duplicate_key(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn new_key(taken: &[Candidate]) -> String {
    let keys = (2..).map(|number| format!("{KEY}_{number}"));
    std::iter::once(KEY.to_owned())
        .chain(keys)
        .find(|key| taken.iter().all(|candidate| candidate.key != *key))
        .unwrap_or_else(|| KEY.to_owned())
}

fn batches_key(key: &str, place: Place) -> String {
    format!("{key}_batches_{}", if place == Place::A { "a" } else { "b" })
}

fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

fn bytes(value: &Bson) -> Option<Vec<u8>> {
    match value {
        Bson::Binary(binary) => Some(binary.bytes.clone()),
        _ => None,
    }
}

async fn in_time<T>(exchange: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
    Ok(tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| StoreError::Timeout)??)
}
