//! The only file of this room that talks to MongoDB.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{Acknowledgment, ReadConcern, ReadPreference, ReturnDocument, SelectionCriteria, WriteConcern};
use mongodb::{Collection, Database};

use super::document::{FORM, ID, LEASE_TIME, LeaseView, MAX_NUMBER};
use super::error::LeaseError;
use crate::database::{DatabaseError, StoredDocument, ask, durable_options};

/// The time that one exchange with the database may take.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long a majority may take to confirm a write; less than [`PATIENCE`], so that the server's own answer arrives.
const WRITE_TIME: Duration = Duration::from_secs(3);

/// What an instance brings along when it takes the lease.
pub(super) struct LeaseClaim {
    /// The highest fence that it has seen: the next one is above it, even if the document was removed.
    pub(super) fence: i64,
    /// The number of the snapshot that it shows: the next ones are above it.
    pub(super) generation: u64,
    /// What it says of itself.
    pub(super) facts: Document,
}

/// The document of the lease.
pub(super) struct LeaseStore {
    documents: Collection<StoredDocument>,
    looks: Collection<StoredDocument>,
}

impl LeaseStore {
    pub(super) fn new(database: &Database) -> Self {
        let mut looking = durable_options(WRITE_TIME);
        // Who only follows does so from a secondary as well, and needs no majority for it.
        looking.read_concern = Some(ReadConcern::local());
        let primary_preferred = ReadPreference::PrimaryPreferred { options: None };
        looking.selection_criteria = Some(SelectionCriteria::ReadPreference(primary_preferred));
        Self {
            documents: database.collection_with_options("playarr_metrics", durable_options(WRITE_TIME)),
            looks: database.collection_with_options("playarr_metrics", looking),
        }
    }

    /// Whether the collection holds anything yet.
    pub(super) async fn has_company(&self) -> Result<bool, DatabaseError> {
        let first = self.looks.find_one(doc! {}).projection(doc! { "_id": 1 });
        ask(PATIENCE, first).await.map(|found| found.is_some())
    }

    /// Reads the document.
    pub(super) async fn look(&self) -> Result<Option<LeaseView>, LeaseError> {
        let pipeline = [doc! { "$match": { "_id": ID } }, doc! { "$set": { "is_over": is_over() } }];
        let found = async { self.looks.aggregate(pipeline).with_type::<StoredDocument>().await?.try_next().await };
        ask(PATIENCE, found).await?.map(StoredDocument::into_inner).as_ref().map(LeaseView::of).transpose()
    }

    /// Takes the lease for `own`, or renews it, unless somebody else holds it. Returns what the document says then.
    pub(super) async fn take(&self, own: &str, claim: &LeaseClaim) -> Result<LeaseView, LeaseError> {
        let fence = doc! { "$max": ["$fence", likely(claim.fence)] };
        let next = doc! { "$add": [&fence, 1_i64] };
        let set = vec![doc! { "$set": {
            "form": FORM,
            "fence": { "$cond": [{ "$eq": ["$holder", own] }, fence, next] },
            "holder": own,
            "expires": expires(),
            "generation": { "$max": ["$generation", signed(claim.generation)] },
            "facts": { "$literal": &claim.facts },
        } }];
        let free = doc! { "$expr": is_over() };
        let found = doc! { "_id": ID, "form": FORM, "$or": [{ "holder": own }, free] };
        let take = self.documents.find_one_and_update(found, set.clone()).projection(answer());
        if let Some(taken) = ask(PATIENCE, take.return_document(ReturnDocument::After)).await? {
            return LeaseView::of(&taken.into_inner());
        }
        if let Some(view) = self.look().await? {
            return Ok(view);
        }
        let none = doc! { "_id": ID, "form": FORM, "holder": { "$exists": false } };
        let make = self.documents.find_one_and_update(none, set).projection(answer()).upsert(true);
        match ask(PATIENCE, make.return_document(ReturnDocument::After)).await {
            Ok(made) => made.map_or(Err(LeaseError::UnknownForm), |made| LeaseView::of(&made.into_inner())),
            // Somebody else was faster.
            Err(error) if error.is_duplicate_key() => self.look().await?.ok_or(error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Renews the lease and gives out the next number above `generation`; `None` if the lease was lost.
    pub(super) async fn reserve(&self, own: &str, fence: i64, generation: u64) -> Result<Option<u64>, LeaseError> {
        let highest = doc! { "$max": ["$generation", signed(generation)] };
        let set = doc! { "$set": { "expires": expires(), "generation": { "$add": [highest, 1_i64] } } };
        let reserve = self.documents.find_one_and_update(held(own, fence), vec![set]).projection(answer());
        let reserved = ask(PATIENCE, reserve.return_document(ReturnDocument::After)).await?;
        reserved.map(|reserved| Ok(LeaseView::of(&reserved.into_inner())?.generation)).transpose()
    }

    /// Ends the lease now.
    pub(super) async fn give_back(&self, own: &str, fence: i64) -> Result<(), DatabaseError> {
        let end = [doc! { "$set": { "expires": "$$NOW" } }];
        ask(PATIENCE, self.documents.update_one(held(own, fence), end.to_vec())).await.map(|_| ())
    }

    /// Asks the holder for a refresh. Returns the number of the request; `None` if there is no lease.
    pub(super) async fn request(&self, is_full: bool) -> Result<Option<i64>, DatabaseError> {
        let number = |name: &str| {
            let number = format!("$requests.{name}");
            doc! { "$cond": [{ "$eq": [{ "$type": &number }, "long"] }, &number, 0_i64] }
        };
        let waits = doc! { "$gt": [number("asked"), number("begun")] };
        let full = doc! { "$or": [is_full, { "$and": [waits, { "$ifNull": ["$requests.full", false] }] }] };
        let set = doc! { "$set": {
            "requests.asked": { "$add": [number("asked"), 1_i64] },
            "requests.full": full,
        } };
        let mut answer = answer();
        answer.insert("requests.asked", 1);
        let asking = self.documents.find_one_and_update(doc! { "_id": ID, "form": FORM }, vec![set]).projection(answer);
        let asked = ask(PATIENCE, asking.return_document(ReturnDocument::After)).await?;
        Ok(asked.and_then(|asked| LeaseView::of(&asked.into_inner()).ok()).map(|view| view.requests.asked))
    }

    /// Notes something about the requests, if the lease still holds. Returns whether it does.
    pub(super) async fn note(&self, own: &str, fence: i64, notes: &Document) -> Result<bool, DatabaseError> {
        let fields = notes.iter().map(|(name, value)| (format!("requests.{name}"), value.clone()));
        let set = doc! { "$set": fields.collect::<Document>() };
        // Who loses such a note asks again.
        let quick = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
        let noted = self.documents.update_one(held(own, fence), set).write_concern(quick);
        ask(PATIENCE, noted).await.map(|noted| noted.matched_count > 0)
    }
}

/// What is to be answered after a change: nothing that may hold a text from elsewhere. The driver takes no answer whose
/// texts are not UTF-8.
fn answer() -> Document {
    doc! { "form": 1, "holder": 1, "fence": 1, "generation": 1 }
}

/// The filter of what only the holder writes.
fn held(own: &str, fence: i64) -> Document {
    doc! { "_id": ID, "form": FORM, "holder": own, "fence": fence }
}

fn expires() -> Bson {
    after(LEASE_TIME)
}

/// Whether the time of the lease is over. One that ends later than any lease lasts was written by a server whose clock
/// is ahead, or by nobody who refreshes; it would keep everybody waiting.
fn is_over() -> Document {
    let is_date = doc! { "$eq": [{ "$type": "$expires" }, "date"] };
    let is_ahead = doc! { "$gt": ["$expires", "$$NOW"] };
    let is_likely = doc! { "$lte": ["$expires", after(2 * LEASE_TIME)] };
    doc! { "$not": { "$and": [is_date, is_ahead, is_likely] } }
}

/// So long after now, by the clock of the server.
fn after(time: Duration) -> Bson {
    doc! { "$add": ["$$NOW", i64::try_from(time.as_millis()).unwrap_or(i64::MAX)] }.into()
}

fn signed(generation: u64) -> i64 {
    likely(i64::try_from(generation).unwrap_or(i64::MAX))
}

/// The number, if it can have been given out. What a damaged document had is not carried into the next one.
fn likely(number: i64) -> i64 {
    if number < MAX_NUMBER / 2 { number } else { 0 }
}
