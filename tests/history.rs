//! Remembered snapshots: the start from the last one, and the history.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Collection, Database};
use playarr_sandbox::TestDatabase;
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::{Builder, Service};
use crate::support::{awaited, until};

const PATIENCE: Duration = Duration::from_secs(20);
const LAST_SUCCESS: &str = "playarr_metrics_collector_last_success_timestamp_seconds";
const CHANNELS: [(&str, &str); 1] = [("collector", "playarr_channels_count")];

fn snapshots(database: &Database) -> Collection<Document> {
    database.collection("playarr_metrics_snapshots")
}

/// The `_id`s of the heads in order, as far as the colon.
async fn heads(database: &Database) -> Vec<String> {
    let heads = snapshots(database).find(doc! { "_id": { "$type": "string" } }).sort(doc! { "_id": 1 }).await.unwrap();
    let heads: Vec<_> = heads.try_collect().await.unwrap();
    heads.iter().map(|head| head.get_str("_id").unwrap().split(':').next().unwrap().to_owned()).collect()
}

async fn head(database: &Database, id: &str) -> Document {
    let id = doc! { "_id": { "$regex": format!("^{id}") } };
    snapshots(database).find_one(id).await.unwrap().unwrap_or_else(|| panic!("no head"))
}

/// Waits until the snapshot of this generation is remembered.
async fn until_remembered(database: &Database, generation: i64) {
    let last = || async {
        let last = snapshots(database).find_one(doc! { "_id": "last", "generation": generation }).await.unwrap();
        last.is_some() && heads(database).await.len() == 3
    };
    until("the snapshot is remembered", PATIENCE, last).await;
}

/// Stops the service, and returns how the next process on its database is started.
async fn next(first: Service) -> (Builder, Option<TestDatabase>) {
    let (uri, name) = first.settings();
    let database = first.stop_before_the_database().await;
    (Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name), database)
}

/// A view whose pipeline divides by zero fails the one collector that reads it.
pub(crate) async fn break_channels(database: &Database) {
    database.collection::<Document>("channels").drop().await.unwrap();
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    database.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();
}

/// The collector of channels takes longer than a test from here on.
async fn slow_down_channels(database: &Database) {
    database.collection::<Document>("channels").drop().await.unwrap();
    let slow = doc! { "$project": { "provider_id": { "$function": {
        "body": "function() { sleep(1000); return 'slow'; }", "args": [], "lang": "js",
    } } } };
    database.create_collection("channels").view_on("users").pipeline([slow]).await.unwrap();
}

async fn status(service: &Service) -> Value {
    let answer = service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap();
    answer.json().await.unwrap()
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_process_shows_what_the_one_before_it_counted_with_its_true_age() {
    let first = Service::with(fixtures()).ready().await;
    let before = first.series().await;
    until_remembered(&first.database, 1).await;
    break_channels(&first.database).await;
    // An hour passes by the clock of the server.
    let written = head(&first.database, "last").await.get_datetime("written_at").unwrap().timestamp_millis();
    let an_hour_ago = DateTime::from_millis(written - 3_600_000);
    let set = doc! { "$set": { "written_at": an_hour_ago } };
    snapshots(&first.database).update_one(doc! { "_id": "last" }, set).await.unwrap();

    let (next, _database) = next(first).await;
    let other = next.ready().await;
    until("the first refresh has ended", PATIENCE, || async { !status(&other).await["last_run"].is_null() }).await;
    let after = other.series().await;
    assert_eq!(after["playarr_channels_count"], before["playarr_channels_count"], "what cannot be counted stays");
    let age = now() - value(&after, LAST_SUCCESS, &CHANNELS).unwrap();
    assert!((3_599.0..3_660.0).contains(&age), "{age}");
    let status = status(&other).await;
    assert_eq!(status["snapshot"]["generation"], 2, "numbers go on: {status}");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_hour_and_a_day_are_begun_by_their_first_snapshot_and_share_its_body() {
    let service = Service::with(fixtures()).ready().await;
    until_remembered(&service.database, 1).await;
    assert_eq!(heads(&service.database).await, ["day", "hour", "last"]);
    for generation in 2..=4 {
        service.refresh().await;
        until_remembered(&service.database, generation).await;
    }
    let bodies = || async { bodies(&service.database).await };
    until("replaced bodies are gone", PATIENCE, || async { bodies().await == 2 }).await;
    let (hour, day) = (head(&service.database, "hour").await, head(&service.database, "day").await);
    // A refresh right at the hour begins another one.
    assert_eq!(hour.get_object_id("body").unwrap(), day.get_object_id("body").unwrap());

    let bytes = hour.get_i64("bytes").unwrap();
    #[expect(clippy::cast_precision_loss, reason = "a few kilobytes")]
    service.until_value("playarr_metrics_history_bytes", &[], bytes as f64).await;
    service.until_value("playarr_metrics_history_snapshots", &[], 2.0).await;
    service.until_value("playarr_metrics_snapshot_remembered", &[], 1.0).await;
    service.stop().await;
}

async fn bodies(database: &Database) -> usize {
    let chunks = snapshots(database).distinct("_id.body", doc! { "_id": { "$type": "object" } }).await.unwrap();
    chunks.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_two_days_by_the_hour_goes_with_its_body() {
    let service = Service::with(fixtures()).ready().await;
    until_remembered(&service.database, 1).await;
    let mut old = head(&service.database, "hour").await;
    let body = mongodb::bson::oid::ObjectId::new();
    let three_days = 3 * 24 * 3_600_000;
    let written = old.get_datetime("written_at").unwrap().timestamp_millis() - three_days;
    old.extend(doc! { "_id": "hour:old", "body": body, "written_at": DateTime::from_millis(written) });
    let chunk = doc! { "_id": { "body": body, "n": 0 }, "data": "old" };
    snapshots(&service.database).insert_many([chunk, old]).await.unwrap();

    service.refresh().await;
    let is_gone = || async {
        let parts = doc! { "$or": [{ "_id": "hour:old" }, { "_id.body": body }] };
        snapshots(&service.database).count_documents(parts).await.unwrap() == 0
    };
    until("the old hour is gone", PATIENCE, is_gone).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_history_only_the_last_snapshot_is_remembered() {
    let service = Service::with(fixtures()).setting("HISTORY_MAX_BYTES", "0").ready().await;
    service.refresh().await;
    let last = || async {
        let second = doc! { "_id": "last", "generation": 2_i64 };
        snapshots(&service.database).find_one(second).await.unwrap()
    };
    awaited("the second snapshot", last).await;
    assert_eq!(heads(&service.database).await, ["last"]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_a_later_version_is_left_alone() {
    let first = Service::with(fixtures()).ready().await;
    until_remembered(&first.database, 1).await;
    let later = doc! { "$set": { "form": 99 } };
    snapshots(&first.database).update_many(doc! { "_id": { "$type": "string" } }, later).await.unwrap();
    let before = head(&first.database, "last").await;

    let (next, _database) = next(first).await;
    let other = next.ready().await;
    other.until_value("playarr_metrics_snapshot_remembered", &[], 0.0).await;
    assert_eq!(head(&other.database, "last").await, before);
    assert!(bodies(&other.database).await >= 1, "the body of the later version stays");
    assert_eq!(other.status("/-/ready").await, StatusCode::OK, "the service works as without it");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_lost_its_body_is_replaced_by_the_first_refresh() {
    let first = Service::with(fixtures()).ready().await;
    until_remembered(&first.database, 1).await;
    snapshots(&first.database).delete_many(doc! { "_id": { "$type": "object" } }).await.unwrap();
    let (next, _database) = next(first).await;
    let other = next.ready().await;
    let shown = || async { status(&other).await["snapshot"]["generation"] == 2 };
    until("numbers go on, although the values begin anew", PATIENCE, shown).await;
    until_remembered(&other.database, 2).await;
    other.stop().await;
}

/// The head is written after the chunks, so a process that is killed between the two leaves chunks that nobody reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_without_a_head_harm_nothing() {
    let first = Service::with(fixtures()).ready().await;
    until_remembered(&first.database, 1).await;
    let body = mongodb::bson::oid::ObjectId::new();
    let orphan = doc! { "_id": { "body": body, "n": 0 }, "data": "half" };
    snapshots(&first.database).insert_one(orphan).await.unwrap();
    break_channels(&first.database).await;
    let (next, _database) = next(first).await;
    let other = next.ready().await;
    let channels = &other.series().await["playarr_channels_count"];
    assert!(!channels.is_empty(), "the last whole snapshot is shown");
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ready_is_said_while_the_first_refresh_still_runs() {
    let first = Service::with(fixtures()).ready().await;
    until_remembered(&first.database, 1).await;
    let before = first.series().await;
    slow_down_channels(&first.database).await;

    let (next, _database) = next(first).await;
    let other = next.start().await;
    let ready = || async { other.status("/-/ready").await == StatusCode::OK };
    until("ready", PATIENCE, ready).await;
    until("the first refresh runs", PATIENCE, || async { status(&other).await["refreshing"] == true }).await;
    let status = status(&other).await;
    assert_eq!((&status["refreshing"], &status["last_run"]), (&true.into(), &Value::Null), "{status}");
    assert_eq!(status["snapshot"]["generation"], 1);
    assert_eq!(other.series().await["playarr_channels_count"], before["playarr_channels_count"]);
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gauge_whose_labels_are_others_since_the_start_shows_nothing_of_before() {
    let first = Service::with(fixtures()).ready().await;
    until_remembered(&first.database, 1).await;
    let before = first.series().await;
    assert!(before["playarr_episodes_count"].keys().any(|labels| labels.contains_key("title_name")));
    slow_down_channels(&first.database).await;

    let (next, _database) = next(first).await;
    let other = next.setting("EPISODES_DETAIL", "source").start().await;
    let ready = || async { other.status("/-/ready").await == StatusCode::OK };
    until("ready", PATIENCE, ready).await;
    until("the first refresh runs", PATIENCE, || async { status(&other).await["refreshing"] == true }).await;
    let (status, shown) = (status(&other).await, other.series().await);
    assert_eq!((&status["last_run"], &status["snapshot"]["generation"]), (&Value::Null, &1.into()), "{status}");
    assert_eq!(shown["playarr_main_titles_count"], before["playarr_main_titles_count"], "the others are shown");
    assert!(shown.get("playarr_episodes_count").is_none_or(BTreeMap::is_empty));
    drop(other);
}

/// Renames a collection.
async fn rename(database: &Database, from: &str, to: &str) {
    let full = |name: &str| format!("{}.{name}", database.name());
    let rename = doc! { "renameCollection": full(from), "to": full(to) };
    database.client().database("admin").run_command(rename).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_could_count_nothing_begins_no_hour() {
    let service = Service::with(fixtures()).ready().await;
    let database = &service.database;
    until_remembered(database, 1).await;
    // As if that hour were over.
    snapshots(database).delete_one(doc! { "_id": { "$regex": "^hour" } }).await.unwrap();
    // Views whose pipelines divide by zero: that of users only where it reads the one whose `n` is 0.
    rename(database, "users", "real_users").await;
    let users = database.collection::<Document>("real_users");
    users.insert_one(doc! { "username": "zero", "api_key": "zero0001", "n": 0 }).await.unwrap();
    let broken = |field: &str| doc! { "$cond": [{ "$gt": [{ "$divide": [1, "$n"] }, 1] }, 0, field] };
    let set = doc! { "$set": { "watchlist": broken("$watchlist"), "status": broken("$status") } };
    database.create_collection("users").view_on("real_users").pipeline([set]).await.unwrap();
    for collection in ["titles", "provider_titles", "channels", "iptv_providers"] {
        database.collection::<Document>(collection).drop().await.unwrap();
        let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
        database.create_collection(collection).view_on("real_users").pipeline([divide]).await.unwrap();
    }
    let report = service.refresh().await;
    let collectors = report["collectors"].as_array().unwrap();
    assert!(collectors.iter().all(|collector| !collector["error"].is_null()), "{report}");

    database.collection::<Document>("users").drop().await.unwrap();
    users.delete_one(doc! { "username": "zero" }).await.unwrap();
    rename(database, "real_users", "users").await;
    let report = service.refresh().await;
    until("an hour has begun", PATIENCE, || async { heads(database).await == ["day", "hour", "last"] }).await;
    let hour = head(database, "hour").await;
    assert_eq!(hour.get_i64("generation").ok(), report["generation"].as_i64(), "{hour}");
    service.stop().await;
}
