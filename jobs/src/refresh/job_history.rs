//! The job's line in `job_history`, written as Playarr writes those of its own jobs.

use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};

use super::report::Report;
use crate::database::{is_duplicate_key, plain_message};

/// The history is a courtesy: a database that does not take the note in time is left alone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The line's `_id`. The collection has no unique index on the job's name: with an `_id` left to chance, instances
/// that start together would each insert a line.
const ID: [u8; 12] = *b"UpdateMetric";

pub(crate) struct JobHistory {
    jobs: Collection<Document>,
    job_name: &'static str,
}

impl JobHistory {
    pub(crate) fn new(database: &Database, job_name: &'static str) -> Self {
        Self { jobs: database.collection("job_history"), job_name }
    }

    /// Notes that a run has begun.
    pub(crate) async fn running(&self) {
        let now = DateTime::now();
        self.write(doc! {
            "$set": { "status": "running", "lastUpdated": now },
            "$setOnInsert": { "_id": ObjectId::from_bytes(ID), "createdAt": now, "execution_count": 0 },
        })
        .await;
    }

    /// Notes how the run ended. As with Playarr's own jobs, only a run without errors moves `last_execution`.
    pub(crate) async fn finished(&self, report: &Report) {
        let now = DateTime::now();
        let errors: Document = report
            .collectors
            .iter()
            .filter_map(|collector| Some((collector.name.clone(), collector.error.clone()?.into())))
            .collect();
        let series = report.collectors.iter().map(|collector| collector.series).sum::<usize>();
        let mut result = doc! {
            "generation": i64::try_from(report.generation).unwrap_or(i64::MAX),
            "trigger": report.trigger.as_str(),
            "duration_seconds": report.duration.as_secs_f64(),
            "series": i64::try_from(series).unwrap_or(i64::MAX),
        };
        let mut set = doc! { "lastUpdated": now };
        if errors.is_empty() {
            set.extend(doc! { "status": "completed", "last_execution": now });
        } else {
            set.insert("status", "failed");
            result.insert(
                "error",
                format!("{} of {} collectors failed", errors.len(), report.collectors.len()),
            );
            result.insert("errors", errors);
        }
        set.insert("last_result", result);
        self.write(doc! {
            "$set": set,
            "$inc": { "execution_count": 1 },
            "$setOnInsert": { "_id": ObjectId::from_bytes(ID), "createdAt": now },
        })
        .await;
    }

    async fn write(&self, update: Document) {
        let name = self.job_name;
        let write = || self.jobs.update_one(doc! { "job_name": name }, update.clone()).upsert(true);
        let write = async {
            match write().await {
                // Another instance has just inserted the line, so now there is one to update.
                Err(error) if is_duplicate_key(&error) => write().await,
                written => written,
            }
        };
        let failure = match tokio::time::timeout(PATIENCE, write).await {
            Ok(Ok(_)) => return,
            Ok(Err(error)) => plain_message(&error),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        tracing::warn!(job = name, error = failure, "the run could not be noted in job_history");
    }
}
