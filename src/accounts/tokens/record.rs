//! The service's own record of a token: the value that counts, and digests of those it replaced.

use std::time::{Duration, SystemTime};

use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc};
use mongodb::options::{Acknowledgment, CollectionOptions, WriteConcern};
use mongodb::{Collection, Database};
use playarr_jobs::database::{DatabaseError, ask, durable_options};
use sha2::{Digest, Sha256};

use super::kind::{TokenKind, is_usable};
use super::read::{ASK_TIME, ReadFrom, WRITE_TIME, read};
use crate::config::Secret;

/// The collection of small documents of the service.
const COLLECTION: &str = "playarr_metrics";
/// The layout of the documents. A later version may know others.
const FORM: i64 = 1;
/// The highest revision. It takes 285,000 years of a thousand changes a second; a higher one could not grow.
const MAX_REVISION: i64 = 1 << 53;
/// How many revoked tokens are remembered, the latest ones.
const MAX_REVOKED: usize = 1000;
/// How long taking a failed write back may take.
const UNDO_TIME: Duration = Duration::from_secs(2);

/// What is known of a token. `revision` grows with each write, so that of two records the later one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) value: Secret,
    pub(super) revision: i64,
    pub(super) created: DateTime,
    pub(super) updated: DateTime,
    /// Oldest first.
    revoked: Vec<Revoked>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Revoked {
    digest: [u8; 32],
    at: DateTime,
}

/// What the database holds of a record.
#[derive(Clone, Debug)]
pub(super) enum Stored {
    Absent,
    Record(Record),
    /// Not to be read or written, and why: another form, damaged, or not allowed to be read.
    Unusable(String),
}

impl Stored {
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

impl Record {
    /// A token that has just been made or found.
    pub(super) fn new(value: Secret) -> Self {
        let now = DateTime::now();
        Self { value, revision: 1, created: now, updated: now, revoked: Vec::new() }
    }

    /// Whether this token was replaced at some time.
    pub(super) fn has_revoked(&self, token: &str) -> bool {
        let digest = digest(token);
        self.revoked.iter().any(|revoked| revoked.digest == digest)
    }

    /// This record with another token; the present one is revoked. The revision changes when it is written.
    pub(super) fn replaced_by(&self, token: Secret) -> Self {
        let mut next = self.clone();
        next.revoke(self.value.reveal());
        let digest = digest(token.reveal());
        next.revoked.retain(|revoked| revoked.digest != digest);
        next.value = token;
        next.updated = DateTime::now();
        next
    }

    /// Remembers a token that must not count any more.
    pub(super) fn revoke(&mut self, token: &str) {
        if !self.has_revoked(token) {
            self.revoked.push(Revoked { digest: digest(token), at: DateTime::now() });
        }
        let excess = self.revoked.len().saturating_sub(MAX_REVOKED);
        self.revoked.drain(..excess);
    }

    pub(super) fn updated_at(&self) -> Option<SystemTime> {
        system_time(self.updated)
    }

    /// The revision with which another record takes the place of this one.
    pub(super) fn next_revision(&self, next: &Self) -> i64 {
        self.revision.max(next.revision) + 1
    }

    pub(super) fn document(&self, id: &str) -> Document {
        let revoked = self.revoked.iter().map(|revoked| {
            let digest = Binary { subtype: BinarySubtype::Generic, bytes: revoked.digest.to_vec() };
            doc! { "digest": digest, "at": revoked.at }
        });
        doc! {
            "_id": id,
            "form": FORM,
            "revision": self.revision,
            "value": self.value.reveal(),
            "createdAt": self.created,
            "lastUpdated": self.updated,
            "revoked": revoked.collect::<Vec<_>>(),
        }
    }

    /// The record in a document of this form; `None` where it is damaged.
    pub(super) fn of(document: &RawDocument) -> Option<Self> {
        let value = document.get_str("value").ok().filter(|value| is_usable(value))?;
        let date = |field| document.get_datetime(field).unwrap_or_else(|_| DateTime::from_millis(0));
        let revoked = document.get_array("revoked").ok().into_iter().flatten().filter_map(|entry| {
            let entry = entry.ok()?.as_document()?;
            let digest = entry.get_binary("digest").ok()?.bytes.try_into().ok()?;
            Some(Revoked { digest, at: entry.get_datetime("at").ok()? })
        });
        Some(Self {
            value: value.to_owned().into(),
            revision: whole(document.get("revision").ok()??).filter(|number| (0..=MAX_REVISION).contains(number))?,
            created: date("createdAt"),
            updated: date("lastUpdated"),
            revoked: revoked.collect(),
        })
    }
}

/// The records in the database.
#[derive(Clone, Debug)]
pub(super) struct Records {
    collection: Collection<RawDocumentBuf>,
}

impl Records {
    pub(super) fn new(database: &Database) -> Self {
        Self { collection: database.collection_with_options(COLLECTION, durable_options(WRITE_TIME)) }
    }

    /// The record of a token. A document that may not be read is [`Stored::Unusable`], not an error.
    pub(super) async fn read(&self, kind: TokenKind, source: ReadFrom) -> Result<Stored, DatabaseError> {
        let id = kind.record();
        let found = match read(&self.collection, id, source).await {
            Err(error @ DatabaseError::NotAuthorized(_)) => {
                return Ok(Stored::Unusable(error.to_string()));
            }
            found => found?,
        };
        let Some(document) = found else { return Ok(Stored::Absent) };
        let form = document.get("form").ok().flatten().and_then(whole);
        if form.is_some_and(|form| form != FORM) {
            return Ok(Stored::Unusable(format!(
                "the document {id} in {COLLECTION} is of a form that this version does not know (known: {FORM}); \
                 a later version of the service wrote it"
            )));
        }
        let record = form.and_then(|_| Record::of(&document));
        Ok(record.map_or_else(
            || {
                Stored::Unusable(format!(
                    "the document {id} in {COLLECTION} is damaged; delete it, and it is written anew"
                ))
            },
            Stored::Record,
        ))
    }

    /// Writes a record in the place of the one that was read, and returns it with its new revision. `None` if another
    /// instance has written meanwhile, or an earlier write is not committed yet.
    pub(super) async fn write(
        &self,
        kind: TokenKind,
        read: Option<&Record>,
        mut next: Record,
    ) -> Result<Option<Record>, DatabaseError> {
        let id = kind.record();
        let collection = self.collection.clone_with_type::<Document>();
        let Some(read) = read else {
            return match ask(ASK_TIME, collection.insert_one(next.document(id))).await {
                Err(error) if error.is_duplicate_key() => Ok(None),
                written => written.map(|_| Some(next)),
            };
        };
        next.revision = read.next_revision(&next);
        let filter = doc! { "_id": id, "form": FORM, "revision": read.revision };
        let written = ask(ASK_TIME, collection.replace_one(filter, next.document(id))).await?;
        Ok((written.matched_count > 0).then_some(next))
    }

    /// Takes a failed write of a new token back. It may have reached the primary and could otherwise be committed much
    /// later, when nobody expects the token to change any more. Does not wait for a majority: there may be none.
    pub(super) async fn undo(&self, kind: TokenKind, read: Option<&Record>, failed: &Record, before: &Record) {
        let options = CollectionOptions::builder()
            .write_concern(WriteConcern::builder().w(Acknowledgment::Nodes(1)).build())
            .build();
        let database = self.collection.client().database(&self.collection.namespace().db);
        let collection = database.collection_with_options::<Document>(COLLECTION, options);
        let id = kind.record();
        // Later than the failed write, whose revision follows that of the record read.
        let revision = read.map_or(0, |read| read.revision).max(failed.revision) + 2;
        let mut before = Record { revision, ..before.clone() };
        before.revoke(failed.value.reveal());
        let filter = doc! { "_id": id, "form": FORM, "value": failed.value.reveal() };
        if let Err(error) = ask(UNDO_TIME, collection.replace_one(filter, before.document(id))).await {
            tracing::debug!(%error, token = %kind, "a token that was not replaced could not be set back");
        }
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

fn whole(number: RawBsonRef<'_>) -> Option<i64> {
    match number {
        RawBsonRef::Int32(number) => Some(number.into()),
        RawBsonRef::Int64(number) => Some(number),
        // As mongosh writes numbers.
        #[expect(clippy::cast_possible_truncation, reason = "whole and small enough")]
        RawBsonRef::Double(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(number as i64),
        _ => None,
    }
}

/// A time of the database; `None` before 1970.
pub(super) fn system_time(at: DateTime) -> Option<SystemTime> {
    let since_epoch = Duration::from_millis(u64::try_from(at.timestamp_millis()).ok()?);
    SystemTime::UNIX_EPOCH.checked_add(since_epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let mut record = Record::new("one".to_owned().into());
        record = record.replaced_by("two".to_owned().into());
        let raw = RawDocumentBuf::try_from(record.document("metrics_token")).unwrap();
        assert_eq!(Record::of(&raw), Some(record.clone()));
        assert!(record.has_revoked("one") && !record.has_revoked("two"));
        assert!(!record.document("x").to_string().contains("one"), "a digest is no token");
    }

    #[test]
    fn a_revision_that_could_not_grow_is_damage() {
        let mut document = Record::new("one".to_owned().into()).document("metrics_token");
        for revision in [MAX_REVISION + 1, i64::MAX, -1] {
            document.insert("revision", revision);
            assert_eq!(Record::of(&RawDocumentBuf::try_from(&document).unwrap()), None, "{revision}");
        }
    }

    #[test]
    fn the_latest_revoked_tokens_are_remembered() {
        let mut record = Record::new("0".to_owned().into());
        for number in 1..=MAX_REVOKED + 1 {
            record = record.replaced_by(number.to_string().into());
        }
        assert_eq!(record.revoked.len(), MAX_REVOKED);
        assert!(!record.has_revoked("0") && record.has_revoked("1"));
        assert!(record.has_revoked(&MAX_REVOKED.to_string()));
    }
}
