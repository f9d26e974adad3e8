//! Checkpoints in Playarr's `settings`: a document for each instance that runs at the same time as others.

use std::collections::HashMap;
use std::future::{Future, IntoFuture};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, Document, deserialize_from_bson, doc, serialize_to_bson};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{
    Acknowledgment, CollectionOptions, ReadPreference, ReturnDocument, SelectionCriteria, WriteConcern,
};
use mongodb::{Collection, Database};
use playarr_jobs::database::{is_duplicate_key, plain_message};
use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::process::{Process, Sight};
use crate::live::Checkpoint;

/// The `_id` of the first document; others have a number after it.
const KEY: &str = "metrics_live_checkpoint";

/// How often the holder of a document shows that it lives.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);

/// Who is silent for so long, and stays so before our eyes for a while, has ended. A while, because after an outage of
/// the database everybody has been silent.
const SILENCE: Duration = Duration::from_secs(30);
const WATCH: Duration = Duration::from_secs(15);

/// The pause before the next look at documents whose holders may have ended.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How long one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A checkpoint could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    /// The driver or the server refused or failed.
    #[error("{}", plain_message(.0))]
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

/// Looks for the document of this instance.
pub(super) struct Claim {
    settings: Collection<Document>,
    this: Holder,
    /// When each document was first seen with the moment of its last writing as it stands there.
    watched: HashMap<String, (Bson, Instant)>,
}

/// The document that this process holds.
#[derive(Debug)]
pub(super) struct Held {
    settings: Collection<Document>,
    key: String,
    instance: String,
}

/// What a document held when it was claimed.
#[derive(Debug)]
pub(super) enum Before {
    /// No checkpoint.
    Nothing,
    /// A checkpoint, and how long ago the database took it.
    Checkpoint(Checkpoint, Duration),
    /// Something that cannot be one, and why.
    Garbage(&'static str),
}

impl Claim {
    /// For the instance that listens on `address`.
    pub(super) fn new(database: &Database, address: String) -> Self {
        let durable = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
        let options = CollectionOptions::builder()
            .write_concern(durable)
            // What was written last counts, wherever the connection string says to read.
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        let instance = format!("{:016x}", rand::rng().random::<u64>());
        Self {
            settings: database.collection_with_options("settings", options),
            this: Holder { instance, address, process: Process::this() },
            watched: HashMap::new(),
        }
    }

    /// Takes a document that nobody holds any more, or makes one. Can be asked again after an error, and goes on where
    /// it was.
    ///
    /// A document is free if its process has let go of it or has ended. That is plain to see on the same system; of any
    /// other process it is known when it was silent for long enough. So instances that run side by side never share a
    /// document, and what one of them counted is restored once.
    pub(super) async fn attempt(&mut self) -> Result<(Held, Before), StoreError> {
        loop {
            let candidates = in_time(list(&self.settings)).await?;
            let now = Instant::now();
            let standings: Vec<_> =
                candidates.iter().map(|candidate| self.standing(candidate, now)).collect();
            let free = candidates.iter().zip(&standings).filter(|(_, standing)| **standing == Standing::Free);
            // The nearest, and of those the one that was written last: an instance should find what it left.
            let best = free.map(|(candidate, _)| candidate).min_by_key(|candidate| {
                (candidate.distance(&self.this), candidate.age.unwrap_or(Duration::MAX))
            });
            let taken = match best {
                Some(best) => in_time(take(&self.settings, best, &self.this)).await?,
                None if standings.contains(&Standing::Unclear) => None,
                None => in_time(make(&self.settings, &new_key(&candidates), &self.this)).await?,
            };
            if let Some((key, before)) = taken {
                let held =
                    Held { settings: self.settings.clone(), key, instance: self.this.instance.clone() };
                return Ok((held, before));
            }
            // Somebody else was faster, or somebody may live or not: that shows at the next look.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    fn standing(&mut self, candidate: &Candidate, now: Instant) -> Standing {
        let Some(holder) = &candidate.holder else { return Standing::Free };
        // Ours already, if the answer to an earlier attempt was lost.
        if candidate.is_released || holder.instance == self.this.instance {
            return Standing::Free;
        }
        // With another namespace but the same address, it cannot run: we have the address.
        let same_address = holder.address == self.this.address;
        match self.this.process.sees(&holder.process) {
            Sight::Runs => return Standing::Held,
            Sight::Ended => return Standing::Free,
            Sight::SameHost if same_address => return Standing::Free,
            Sight::SameHost | Sight::Nothing => {}
        }
        let first_seen = match self.watched.get(&candidate.key) {
            Some((written, first_seen)) if *written == candidate.last_updated => *first_seen,
            Some(_) => {
                // It was written while we looked.
                self.watched.insert(candidate.key.clone(), (candidate.last_updated.clone(), now));
                return Standing::Held;
            }
            None => {
                self.watched.insert(candidate.key.clone(), (candidate.last_updated.clone(), now));
                now
            }
        };
        let is_silent = candidate.age.is_none_or(|age| age > SILENCE);
        if is_silent && now.duration_since(first_seen) >= WATCH { Standing::Free } else { Standing::Unclear }
    }
}

impl Held {
    /// Writes a checkpoint; with `release`, the last one of this process.
    pub(super) async fn save(&self, checkpoint: Checkpoint, release: bool) -> Result<(), StoreError> {
        self.write(doc! {
            "value.released": release,
            "value.totals": binary(checkpoint.totals),
            "value.batches": binary(checkpoint.batches),
        })
        .await
    }

    /// Shows that this process lives.
    pub(super) async fn show_life(&self) -> Result<(), StoreError> {
        self.write(doc! { "value.released": false }).await
    }

    async fn write(&self, set: Document) -> Result<(), StoreError> {
        let update = doc! { "$set": set, "$currentDate": { "lastUpdated": true } };
        let mine = doc! { "_id": &self.key, "value.holder.instance": &self.instance };
        let written = in_time(self.settings.update_one(mine, update).into_future()).await?;
        if written.matched_count == 0 { Err(StoreError::TakenOver(self.key.clone())) } else { Ok(()) }
    }
}

/// Who holds a document.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    /// Random, another one at each start.
    instance: String,
    /// Where it listens.
    address: String,
    process: Process,
}

/// Whether a document can be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Free,
    Held,
    /// Time will tell.
    Unclear,
}

/// A document as far as it matters who may claim it.
struct Candidate {
    key: String,
    /// As they stand there.
    raw_holder: Bson,
    last_updated: Bson,
    holder: Option<Holder>,
    is_released: bool,
    /// Since it was last written, by the clock of the database.
    age: Option<Duration>,
}

impl Candidate {
    /// How far its last holder is from this one.
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
        doc! { "$project": { "holder": "$value.holder", "released": "$value.released", "lastUpdated": 1, "age": age } },
    ];
    let mut documents = settings.aggregate(pipeline).await?;
    let mut candidates = Vec::new();
    while let Some(mut document) = documents.try_next().await? {
        let raw_holder = document.remove("holder").unwrap_or(Bson::Null);
        candidates.push(Candidate {
            key: document.get_str("_id").unwrap_or(KEY).to_owned(),
            holder: deserialize_from_bson(raw_holder.clone()).ok(),
            raw_holder,
            last_updated: document.remove("lastUpdated").unwrap_or(Bson::Null),
            is_released: document.get_bool("released").unwrap_or(false),
            age: document.get_i64("age").ok().map(|age| Duration::from_millis(age.max(0).unsigned_abs())),
        });
    }
    Ok(candidates)
}

/// Puts a new holder in the place of the one that was found there. None if there is another one by now, or the one
/// found lives; else the key and what was there.
async fn take(
    settings: &Collection<Document>,
    candidate: &Candidate,
    this: &Holder,
) -> Result<Option<(String, Before)>, Error> {
    let filter = doc! {
        "_id": &candidate.key, "value.holder": &candidate.raw_holder, "lastUpdated": &candidate.last_updated,
    };
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
    let age = candidate.age.unwrap_or_default();
    Ok(before.map(|mut before| (candidate.key.clone(), checkpoint(before.remove("value"), age))))
}

/// The checkpoint in the value of a document.
fn checkpoint(value: Option<Bson>, age: Duration) -> Before {
    let mut value = match value {
        Some(Bson::Document(value)) => value,
        Some(_) => return Before::Garbage("its value is no object"),
        None => return Before::Nothing,
    };
    match (value.remove("totals"), value.remove("batches")) {
        (None, None) => Before::Nothing,
        (Some(Bson::Binary(totals)), Some(Bson::Binary(batches))) => {
            Before::Checkpoint(Checkpoint { totals: totals.bytes, batches: batches.bytes }, age)
        }
        _ => Before::Garbage("its totals or its batches are no binary data"),
    }
}

/// Makes a document. None if there is one of this key by now.
async fn make(
    settings: &Collection<Document>,
    key: &str,
    this: &Holder,
) -> Result<Option<(String, Before)>, Error> {
    let value = doc! { "holder": serialize_to_bson(this)?, "released": false };
    // By the clock of the database, which an insert cannot ask for.
    let absent = doc! { "_id": key, "value": { "$exists": false } };
    let update = vec![doc! { "$set": {
        "value": { "$literal": value }, "createdAt": "$$NOW", "lastUpdated": "$$NOW",
    } }];
    match settings.update_one(absent, update).upsert(true).await {
        Ok(_) => Ok(Some((key.to_owned(), Before::Nothing))),
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

fn binary(bytes: Vec<u8>) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes }
}

async fn in_time<T>(exchange: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
    Ok(tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| StoreError::Timeout)??)
}
