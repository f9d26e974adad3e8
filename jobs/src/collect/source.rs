//! Queries to MongoDB on behalf of a collector: each one has a time limit, names the collector in a comment, may spill
//! to disk, and reads when and where the refresh does.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawBsonRef, RawDocument, doc};
use mongodb::error::ErrorKind;
use mongodb::raw_batch_cursor::{RawBatch, RawBatchCursor, SessionRawBatchCursor};
use mongodb::{ClientSession, Collection, Database};

use super::reading::Reading;
use crate::database::{DatabaseError, plain_message};
use crate::metric::Text;

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The driver or the server refused or failed.
    #[error("{}", plain_message(.0))]
    MongoDb(#[from] mongodb::error::Error),
    /// There is nothing to read from.
    #[error(transparent)]
    Database(DatabaseError),
    /// The reply was not BSON as it should be.
    #[error("MongoDB sent a reply that is no valid BSON: {0}")]
    Bson(#[from] mongodb::bson::error::Error),
    /// The collector's time is used up.
    #[error("timed out after {}; raise COLLECTOR_TIMEOUT or look at the load of MongoDB", seconds(.0))]
    Timeout(Duration),
    /// What should be a collection is a view.
    #[error(
        "{0} is a view, and custom metrics read collections only, since a view may show secrets under another name; \
         give the view another name, or read another collection"
    )]
    View(String),
    /// The rows have more different labels than there is memory for.
    #[error(
        "the pipeline gives {series} series and more, which is more than can be held before the budget folds them; \
         group the documents, or drop a label"
    )]
    TooManySeries {
        /// How many there were when the memory was used up.
        series: usize,
    },
    /// The task that reads the rows was ended from outside.
    #[error("the task reading the rows was cancelled")]
    Cancelled,
}

impl SourceError {
    /// Whether the time was up, by this program's clock or by the server's.
    #[must_use]
    pub(crate) fn is_timeout(&self) -> bool {
        const MAX_TIME_MS_EXPIRED: i32 = 50;
        match self {
            Self::Timeout(_) => true,
            Self::MongoDb(error) => {
                matches!(&*error.kind, ErrorKind::Command(command) if command.code == MAX_TIME_MS_EXPIRED)
            }
            Self::Database(error) => matches!(error, DatabaseError::Timeout(_)),
            Self::Bson(_) | Self::View(_) | Self::TooManySeries { .. } | Self::Cancelled => false,
        }
    }

    /// The error as one of the database, unless it is one of this program.
    #[must_use]
    pub(crate) fn database_error(&self) -> Option<DatabaseError> {
        match self {
            Self::MongoDb(error) => Some(error.into()),
            Self::Database(error) => Some(error.clone()),
            Self::Timeout(time) => Some(DatabaseError::Timeout(*time)),
            Self::Bson(_) | Self::View(_) | Self::TooManySeries { .. } | Self::Cancelled => None,
        }
    }
}

impl SourceError {
    /// Whether the moment that was to be read is gone: too old, or before an index or the collection was made.
    #[must_use]
    pub(crate) fn is_moment_gone(&self) -> bool {
        let Self::MongoDb(error) = self else { return false };
        // SnapshotTooOld, SnapshotUnavailable
        matches!(&*error.kind, ErrorKind::Command(command) if matches!(command.code, 239 | 246))
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// Reads the database on behalf of one collector until its deadline.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    database: Database,
    reading: Reading,
    comment: String,
    deadline: Instant,
    timeout: Duration,
}

impl Source {
    /// A source for the named collector, whose queries may take `timeout` in all, from now.
    #[must_use]
    pub(crate) fn new(database: Database, reading: Reading, collector: &str, timeout: Duration) -> Self {
        let comment = format!("playarr-metrics {collector}");
        Self { database, reading, comment, deadline: Instant::now() + timeout, timeout }
    }

    /// Runs a pipeline and streams its raw replies, a batch at a time.
    ///
    /// # Errors
    /// When the server refuses, fails or takes too long.
    pub(crate) async fn aggregate(&self, collection: &str, pipeline: &[Document]) -> Result<Batches, SourceError> {
        let collection = self.collection(collection);
        let aggregate = collection
            .aggregate(pipeline.iter().cloned())
            .allow_disk_use(true)
            .comment(self.comment.as_str())
            .max_time(self.remaining()?)
            .selection_criteria(self.reading.server());
        Ok(match self.reading.session(&self.database).await? {
            None => Batches::Plain(Box::new(aggregate.batch().await?)),
            Some((mut session, concern)) => {
                let batches = aggregate.read_concern(concern).session(&mut session).batch().await?;
                Batches::InSession(Box::new((batches, session)))
            }
        })
    }

    /// The distinct texts in a field, without values of other types and texts that are not valid UTF-8; `None` if the
    /// field has more than `max` distinct values.
    ///
    /// The command `distinct` would fail as a whole on a text that is not valid UTF-8, which the driver refuses to
    /// decode. A `$group` without accumulators reads the same index keys (`DISTINCT_SCAN`) and its reply can be read
    /// raw.
    ///
    /// # Errors
    /// When the server refuses, fails or takes too long.
    pub(crate) async fn distinct_texts(
        &self,
        collection: &str,
        field: &str,
        max: usize,
    ) -> Result<Option<Vec<String>>, SourceError> {
        let limit = i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1);
        let pipeline = [doc! { "$group": { "_id": format!("${field}") } }, doc! { "$limit": limit }];
        let mut batches = self.aggregate(collection, &pipeline).await?;
        let (mut texts, mut values) = (Vec::new(), 0);
        while let Some(batch) = batches.next().await? {
            for document in batch.doc_slices()? {
                values += 1;
                if let Some(RawBsonRef::String(text)) = document?.as_document().and_then(|row| raw_field(row, "_id")) {
                    texts.push(text.to_owned());
                }
            }
        }
        Ok((values <= max).then_some(texts))
    }

    /// The number of documents that match.
    ///
    /// # Errors
    /// When the server refuses, fails or takes too long.
    pub(crate) async fn count(&self, collection: &str, filter: Document) -> Result<u64, SourceError> {
        let collection = self.collection(collection);
        let count = collection
            .count_documents(filter)
            .comment(self.comment.as_str())
            .max_time(self.remaining()?)
            .selection_criteria(self.reading.server());
        Ok(match self.reading.session(&self.database).await? {
            None => count.await?,
            Some((mut session, concern)) => count.read_concern(concern).session(&mut session).await?,
        })
    }

    /// Whether counting by this filter reads nothing but keys of an index that has one key for each document.
    ///
    /// # Errors
    /// When the server refuses, fails or takes too long.
    pub(crate) async fn counts_by_index(&self, collection: &str, filter: Document) -> Result<bool, SourceError> {
        let max_time = i64::try_from(self.remaining()?.as_millis()).unwrap_or(i64::MAX);
        let command = doc! {
            "explain": { "count": collection, "query": filter },
            "verbosity": "queryPlanner",
            "comment": &self.comment,
            "maxTimeMS": max_time,
        };
        let explained = self.database.run_command(command).selection_criteria(self.reading.server()).await?;
        let plan = explained.get_document("queryPlanner").and_then(|planner| planner.get_document("winningPlan"));
        Ok(plan.is_ok_and(is_plain_count_scan))
    }

    /// Succeeds if none of these is a view. One that is not there is empty, which is fine.
    ///
    /// # Errors
    /// When one is a view, or the server refuses, fails or takes too long.
    pub(crate) async fn refuse_views(&self, names: &BTreeSet<Text>) -> Result<(), SourceError> {
        let names: Vec<&str> = names.iter().map(|name| &**name).collect();
        // In this form, the command needs no role beyond those for the collections themselves.
        let list = doc! {
            "listCollections": 1,
            "nameOnly": true,
            "authorizedCollections": true,
            "filter": { "name": { "$in": names }, "type": { "$ne": "collection" } },
            "comment": &self.comment,
        };
        let listed = self.database.run_command(list);
        let remaining = self.remaining()?;
        let listed =
            tokio::time::timeout(remaining, listed).await.map_err(|_| SourceError::Timeout(self.timeout))??;
        let views = listed.get_document("cursor").and_then(|cursor| cursor.get_array("firstBatch"));
        let first = views.ok().and_then(|views| views.first()).and_then(Bson::as_document);
        match first {
            None => Ok(()),
            Some(view) => Err(SourceError::View(view.get_str("name").unwrap_or_default().to_owned())),
        }
    }

    fn collection(&self, name: &str) -> Collection<Document> {
        self.database.collection(name)
    }

    /// What is left of the collector's time; the server is told, so that it stops by itself.
    fn remaining(&self) -> Result<Duration, SourceError> {
        let remaining = self.deadline.saturating_duration_since(Instant::now());
        // To the server, zero milliseconds mean no limit at all.
        if remaining < Duration::from_millis(1) { Err(SourceError::Timeout(self.timeout)) } else { Ok(remaining) }
    }
}

/// The replies to a query, a batch at a time.
pub(crate) enum Batches {
    Plain(Box<RawBatchCursor>),
    InSession(Box<(SessionRawBatchCursor, ClientSession)>),
}

impl Batches {
    /// The next one; `None` after the last.
    ///
    /// # Errors
    /// When the server fails or takes too long.
    pub(crate) async fn next(&mut self) -> Result<Option<RawBatch>, SourceError> {
        Ok(match self {
            Self::Plain(batches) => batches.try_next().await?,
            Self::InSession(in_session) => {
                let (batches, session) = &mut **in_session;
                batches.stream(session).try_next().await?
            }
        })
    }
}

/// A field of a document. A value that cannot be decoded, such as a text that is not valid UTF-8, counts as missing:
/// one odd document must not fail the whole gauge.
pub(super) fn raw_field<'a>(document: &'a RawDocument, name: &str) -> Option<RawBsonRef<'a>> {
    document.iter_elements().map_while(Result::ok).find(|element| element.key().as_str() == name)?.value().ok()
}

/// An index with several keys a document (multikey) would count a document once for each of its array's values; a
/// sparse or partial one would miss documents.
fn is_plain_count_scan(plan: &Document) -> bool {
    let is = |plan: &Document, field| plan.get_bool(field).unwrap_or(false);
    match plan.get_str("stage") {
        Ok("COUNT_SCAN") => !is(plan, "isMultiKey") && !is(plan, "isSparse") && !is(plan, "isPartial"),
        Ok("COUNT") => plan.get_document("inputStage").is_ok_and(is_plain_count_scan),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_index_with_one_key_for_each_document_is_counted_by() {
        // As MongoDB explains a count.
        let scan = doc! { "stage": "COUNT_SCAN", "isMultiKey": false, "isSparse": false, "isPartial": false };
        let counted_by = |scan: &Document| is_plain_count_scan(&doc! { "stage": "COUNT", "inputStage": scan });
        assert!(counted_by(&scan));
        for property in ["isMultiKey", "isSparse", "isPartial"] {
            let mut other = scan.clone();
            other.insert(property, true);
            assert!(!counted_by(&other), "{property}");
        }
        assert!(!counted_by(&doc! { "stage": "COLLSCAN" }), "no index at all");
    }
}
