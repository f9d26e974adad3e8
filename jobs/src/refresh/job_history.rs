//! The job's line in `job_history`, as Playarr writes those of its own jobs, with one exception: it is written when a
//! run has ended, never while it goes on. A line that says `running` keeps Playarr from starting its own job of this
//! name, and a kill would leave it so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};

use super::report::Report;
use crate::database::{Health, ask, is_duplicate_key};

/// How long a write may take. The history is for information only, so nothing waits longer for it.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// The `_id` of a line inserted here. There is no unique index on the job's name: with random ids, instances that start
/// together would each insert a line.
const ID: [u8; 12] = *b"UpdateMetric";

pub(crate) struct JobHistory {
    jobs: Collection<Document>,
    health: Health,
    job_name: &'static str,
    /// Whether the last run could not be recorded for a reason that was logged.
    is_failing: AtomicBool,
}

impl JobHistory {
    pub(crate) fn new(database: &Database, health: Health, job_name: &'static str) -> Self {
        let jobs = database.collection("job_history");
        Self { jobs, health, job_name, is_failing: AtomicBool::new(false) }
    }

    /// Ends the runs of ours that are said to be running: an earlier version said so when a run began, and a kill left
    /// it. Playarr would not start its own job of this name beside them. As Playarr does when it starts, they are
    /// cancelled. A run of Playarr's own job is left alone: its line has neither our `_id` nor the result of one of our
    /// runs.
    pub(crate) async fn end_abandoned_runs(&self) {
        let ours = [doc! { "_id": ObjectId::from_bytes(ID) }, doc! { "last_result.generation": { "$exists": true } }];
        let asked = Instant::now();
        let abandoned = doc! { "job_name": self.job_name, "status": "running", "$or": ours.to_vec() };
        let ended = doc! { "$set": { "status": "cancelled", "lastUpdated": DateTime::now() } };
        match ask(TIME_LIMIT, self.jobs.update_many(abandoned, ended)).await {
            Ok(result) if result.modified_count > 0 => {
                tracing::info!(job = self.job_name, "ended a run in job_history that was left at running");
            }
            Ok(_) => {}
            Err(error) if self.health.explains(&error, asked).await => {
                tracing::debug!(job = self.job_name, %error, "job_history could not be checked in an outage");
            }
            Err(error) => tracing::warn!(job = self.job_name, %error, "job_history could not be checked"),
        }
    }

    /// Records how a run ended. As with Playarr's own jobs, only a run without errors moves `last_execution`.
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
            result.insert("error", format!("{} of {} collectors failed", errors.len(), report.collectors.len()));
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
        let (name, asked) = (self.job_name, Instant::now());
        let write = || self.jobs.update_one(doc! { "job_name": name }, update.clone()).upsert(true);
        let written = ask(TIME_LIMIT, async {
            match write().await {
                // Another instance has just inserted the line, so now there is one to update.
                Err(error) if is_duplicate_key(&error) => write().await,
                written => written,
            }
        });
        match written.await {
            Ok(_) => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(job = name, "runs are recorded in job_history again");
                }
            }
            Err(error) if self.health.explains(&error, asked).await => {
                tracing::debug!(job = name, %error, "the run could not be recorded in job_history in an outage");
            }
            // A user that may not write, say, fails at each run in the same way.
            Err(error) => {
                if !self.is_failing.swap(true, Ordering::Relaxed) {
                    tracing::warn!(job = name, %error, "runs cannot be recorded in job_history");
                }
            }
        }
    }
}
