//! What was written is counted however MongoDB fails while that is noticed, counted, published or stored: not only by
//! the next scheduled refresh, minutes later.

use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use playarr_sandbox::{Member, Mongod, ReplicaSet};

use crate::support::exposition::value;
use crate::support::library::{fixtures, load};
use crate::support::program::signal;
use crate::support::running::Running;
use crate::support::until;

/// Far longer than it takes, and shorter than until the collectors run next for another reason: after a minute on a
/// replica set, in case of a transaction, and after five by schedule.
const SOON: Duration = Duration::from_secs(30);

/// Notices changes, and says what becomes of them.
const SETTINGS: [(&str, &str); 2] = [("CHANGE_DETECTION", "on"), ("LOG_LEVEL", "info,playarr_jobs=debug")];

/// The error of a write that no majority has confirmed in time.
const NO_MAJORITY: i32 = 64;

/// An error that no outage explains.
const REFUSED: i32 = 8;

async fn mongod() -> (Mongod, Database) {
    let mongod = Mongod::builder().arguments(&["--setParameter", "enableTestCommands=1"]).start().await.unwrap();
    let database = Client::with_uri_str(mongod.uri()).await.unwrap().database("playarr");
    load(&database, &fixtures()).await.unwrap();
    (mongod, database)
}

/// From now on, or no longer, a command fails on a collection.
async fn fail(database: &Database, mode: impl Into<Bson>, command: &str, collection: &str, code: i32) {
    let namespace = format!("{}.{collection}", database.name());
    let data = doc! { "failCommands": [command], "errorCode": code, "namespace": namespace };
    let point = doc! { "configureFailPoint": "failCommand", "mode": mode.into(), "data": data };
    database.client().database("admin").run_command(point).await.unwrap();
}

async fn add_user(database: &Database, name: &str) {
    let user = doc! { "username": name, "api_key": format!("key-{name}") };
    database.collection::<Document>("users").insert_one(user).await.unwrap();
}

async fn users(running: &Running) -> f64 {
    value(&running.series().await, "playarr_active_users", &[]).unwrap()
}

/// The number of the last snapshot that was given out.
async fn given(database: &Database) -> i64 {
    let lease = database.collection::<Document>("playarr_metrics").find_one(doc! { "_id": "refresh_lease" }).await;
    lease.unwrap().unwrap().get_i64("generation").unwrap()
}

/// The number of the last snapshot that is stored.
async fn stored(database: &Database) -> i64 {
    let snapshots = database.collection::<Document>("playarr_metrics_snapshots");
    snapshots.find_one(doc! { "_id": "last" }).await.unwrap().unwrap().get_i64("generation").unwrap()
}

async fn until_noticing_changes(running: &Running) {
    until("changes are noticed", SOON, || async {
        value(&running.series().await, "playarr_metrics_change_detection", &[]) == Some(1.0)
    })
    .await;
}

async fn is_remembered(running: &Running) -> bool {
    value(&running.series().await, "playarr_metrics_snapshot_remembered", &[]) == Some(1.0)
}

async fn until_said(running: &Running, message: &str) {
    until(message, SOON, || async {
        let said = |line: &serde_json::Value| line["message"].as_str().is_some_and(|text| text.starts_with(message));
        running.log_lines().iter().any(said)
    })
    .await;
}

async fn elect(set: &ReplicaSet, member: usize) {
    until("an election", SOON, || async { set.run(member, doc! { "replSetStepUp": 1 }).await.is_ok() }).await;
    set.until_writable(member).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_counted_and_could_not_be_published_is_counted_again() {
    let (mongod, database) = mongod().await;
    let running = Running::start_at(mongod.uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    let before = users(&running).await;

    // No number for a snapshot can be had.
    fail(&database, "alwaysOn", "findAndModify", "playarr_metrics", NO_MAJORITY).await;
    add_user(&database, "unpublished").await;
    until_said(&running, "what was counted is thrown away").await;
    fail(&database, "off", "findAndModify", "playarr_metrics", NO_MAJORITY).await;
    until("the change shows", SOON, || async { users(&running).await > before }).await;
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_outage_keeps_from_being_stored_waits_for_that_but_not_for_ever() {
    let (mongod, database) = mongod().await;
    let running = Running::start_at(mongod.uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    let before = users(&running).await;

    fail(&database, "alwaysOn", "insert", "playarr_metrics_snapshots", NO_MAJORITY).await;
    add_user(&database, "unconfirmed").await;
    until_said(&running, "what was counted is thrown away").await;
    assert!((users(&running).await - before).abs() < f64::EPSILON, "a process that starts now would not show it");
    until("it shows all the same", SOON, || async { users(&running).await > before }).await;
    assert!(!is_remembered(&running).await, "and a process that starts now would not show it");
    fail(&database, "off", "insert", "playarr_metrics_snapshots", NO_MAJORITY).await;
    until("others can show it", SOON, || async { stored(&database).await >= given(&database).await }).await;
    until("it says that they can", SOON, || is_remembered(&running)).await;
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_gets_no_lease_says_that_nobody_else_would_show_what_it_shows() {
    let (mongod, database) = mongod().await;
    let running = Running::start_at(mongod.uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    until("the first snapshot is remembered", SOON, || is_remembered(&running)).await;
    let before = users(&running).await;

    fail(&database, "alwaysOn", "findAndModify", "playarr_metrics", NO_MAJORITY).await;
    add_user(&database, "alone").await;
    until("the lease is over, and the change shows", SOON, || async { users(&running).await > before }).await;
    assert!(!is_remembered(&running).await, "snapshots could be stored, but this one has no number for all");
    fail(&database, "off", "findAndModify", "playarr_metrics", NO_MAJORITY).await;
    until("it is handed on", SOON, || is_remembered(&running)).await;
    assert!(stored(&database).await >= given(&database).await, "it is in the database");
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_could_not_be_stored_is_stored_when_that_is_possible() {
    let (mongod, database) = mongod().await;
    let running = Running::start_at(mongod.uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    let before = users(&running).await;

    fail(&database, "alwaysOn", "insert", "playarr_metrics_snapshots", REFUSED).await;
    add_user(&database, "unstored").await;
    until("the change shows here", SOON, || async { users(&running).await > before }).await;
    let number = given(&database).await;
    assert!(stored(&database).await < number, "others cannot show it yet");
    fail(&database, "off", "insert", "playarr_metrics_snapshots", REFUSED).await;
    until("others can show it", SOON, || async { stored(&database).await > number }).await;
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_primary_took_in_between_shows_when_the_first_is_primary_again() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let database = Client::with_uri_str(set.uri()).await.unwrap().database("playarr");
    load(&database, &fixtures()).await.unwrap();
    let running = Running::start_at(&set.uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    let before = users(&running).await;

    // It sees nothing of the second primary, which counts the write; the first one has counted none.
    signal(&running.child, "STOP").await;
    elect(&set, 1).await;
    let write = async || {
        let direct = Client::with_uri_str(set.members[1].uri()).await.unwrap();
        let users = direct.database("playarr").collection::<Document>("users");
        users.insert_one(doc! { "username": "elsewhere", "api_key": "key-elsewhere" }).await.is_ok()
    };
    until("a write to the second primary", SOON, write).await;
    elect(&set, 0).await;
    signal(&running.child, "CONT").await;
    until("the change shows", SOON, || async { users(&running).await > before }).await;
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_no_primary_for_a_while_is_soon_asked_for_changes_again() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let database = Client::with_uri_str(set.uri()).await.unwrap().database("playarr");
    load(&database, &fixtures()).await.unwrap();
    // The only server that it can ask, whatever that is.
    let running = Running::start_at(set.members[0].uri(), database.name(), &SETTINGS).await;
    until_noticing_changes(&running).await;
    let before = users(&running).await;

    elect(&set, 1).await;
    // It would be elected again at once.
    set.run(0, doc! { "replSetFreeze": 120 }).await.unwrap();
    until("it says that changes are not noticed", SOON, || async {
        value(&running.series().await, "playarr_metrics_change_detection", &[]) == Some(0.0)
    })
    .await;
    set.run(0, doc! { "replSetFreeze": 0 }).await.unwrap();
    elect(&set, 0).await;
    add_user(&database, "later").await;
    until("the change shows", SOON, || async { users(&running).await > before }).await;
    running.end("TERM").await;
}
