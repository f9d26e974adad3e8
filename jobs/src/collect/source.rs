//! Queries to MongoDB on behalf of a collector: each one has a time limit, names the collector in a comment, may spill
//! to disk and prefers a secondary.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawBsonRef, RawDocument, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};
use mongodb::raw_batch_cursor::RawBatchCursor;
use mongodb::{Collection, Database};

use crate::database::{DatabaseError, plain_message};

/// Why a query gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    /// The driver or the server refused or failed.
    #[error("{}", plain_message(.0))]
    MongoDb(#[from] mongodb::error::Error),
    /// The reply was not BSON as it should be.
    #[error("MongoDB sent a reply that is no valid BSON: {0}")]
    Bson(#[from] mongodb::bson::error::Error),
    /// The collector's time is used up.
    #[error("timed out after {}; raise COLLECTOR_TIMEOUT or look at the load of MongoDB", seconds(.0))]
    Timeout(Duration),
    /// The task that reads the rows was ended from outside.
    #[error("the task reading the rows was cancelled")]
    Cancelled,
}

impl SourceError {
    /// The error as one of the database, unless it is one of this program.
    #[must_use]
    pub(crate) fn database_error(&self) -> Option<DatabaseError> {
        match self {
            Self::MongoDb(error) => Some(error.into()),
            Self::Timeout(time) => Some(DatabaseError::Timeout(*time)),
            Self::Bson(_) | Self::Cancelled => None,
        }
    }
}

fn seconds(duration: &Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}

/// Reads the database on behalf of one collector until its deadline.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    database: Database,
    comment: String,
    deadline: Instant,
    timeout: Duration,
}

impl Source {
    /// A source for the named collector, whose queries may take `timeout` in all, from now.
    #[must_use]
    pub(crate) fn new(database: Database, collector: &str, timeout: Duration) -> Self {
        let comment = format!("playarr-metrics {collector}");
        Self { database, comment, deadline: Instant::now() + timeout, timeout }
    }

    /// Runs a pipeline and streams its raw replies, a batch at a time.
    ///
    /// # Errors
    /// When the server refuses, fails or takes too long.
    pub(crate) async fn aggregate(
        &self,
        collection: &str,
        pipeline: &[Document],
    ) -> Result<RawBatchCursor, SourceError> {
        let cursor = self
            .collection(collection)
            .aggregate(pipeline.iter().cloned())
            .allow_disk_use(true)
            .comment(self.comment.as_str())
            .max_time(self.remaining()?)
            .selection_criteria(secondary_preferred())
            .batch()
            .await?;
        Ok(cursor)
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
        while let Some(batch) = batches.try_next().await? {
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
        let count = self
            .collection(collection)
            .count_documents(filter)
            .comment(self.comment.as_str())
            .max_time(self.remaining()?)
            .selection_criteria(secondary_preferred())
            .await?;
        Ok(count)
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
        let explained = self.database.run_command(command).selection_criteria(secondary_preferred()).await?;
        let plan = explained.get_document("queryPlanner").and_then(|planner| planner.get_document("winningPlan"));
        Ok(plan.is_ok_and(is_plain_count_scan))
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

/// A field of a document. A value that cannot be decoded, such as a text that is not valid UTF-8, counts as missing:
/// one odd document must not fail the whole gauge.
pub(super) fn raw_field<'a>(document: &'a RawDocument, name: &str) -> Option<RawBsonRef<'a>> {
    document.iter_elements().map_while(Result::ok).find(|element| element.key().as_str() == name)?.value().ok()
}

fn secondary_preferred() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None })
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
