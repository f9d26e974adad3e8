//! Several instances on one database: one refreshes, the others show its snapshots.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::{Builder, Service};
use crate::support::until;
use crate::websocket::{next_of, open};

const PATIENCE: Duration = Duration::from_secs(30);

/// Another instance on the same database.
fn another(first: &Service) -> Builder {
    let (uri, name) = first.settings();
    Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name)
}

async fn status(service: &Service) -> Value {
    let answer = service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap();
    answer.json().await.unwrap()
}

async fn generation(service: &Service) -> u64 {
    status(service).await["snapshot"]["generation"].as_u64().unwrap()
}

async fn until_role(service: &Service, role: &str) {
    until(role, PATIENCE, || async { status(service).await["sharing"]["role"] == role }).await;
}

async fn until_generation(service: &Service, expected: u64) {
    until(&format!("generation {expected}"), PATIENCE, || async { generation(service).await == expected }).await;
}

/// How many refreshes an instance has made itself.
async fn refreshes(service: &Service) -> f64 {
    service.series().await["playarr_metrics_refresh_total"].values().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refreshes_and_the_others_show_its_snapshots_with_their_true_age() {
    let first = Service::with(fixtures()).ready().await;
    until_role(&first, "refreshes").await;
    let (second, third) = (another(&first).ready().await, another(&first).ready().await);
    for other in [&second, &third] {
        until_role(other, "follows").await;
        let sharing = status(other).await["sharing"].clone();
        assert_eq!(sharing["holder"], status(&first).await["sharing"]["instance"], "{sharing}");
    }
    let users = first.database.collection::<Document>("users");
    users.insert_one(doc! { "username": "new", "api_key": "newuser1" }).await.unwrap();
    let report = first.refresh().await;
    let number = report["generation"].as_u64().unwrap();
    for other in [&second, &third] {
        until_generation(other, number).await;
        let (ours, theirs) = (first.series().await, other.series().await);
        for shared in ["playarr_active_users", "playarr_metrics_snapshot_timestamp_seconds"] {
            let difference = value(&ours, shared, &[]).unwrap() - value(&theirs, shared, &[]).unwrap();
            assert!(difference.abs() < 1.0, "{shared}: {difference}");
        }
        assert_eq!(ours["playarr_channels_count"], theirs["playarr_channels_count"]);
        let last = status(other).await["last_run"].clone();
        assert_eq!((&last["generation"], &last["trigger"]), (&report["generation"], &report["trigger"]), "{last}");
        assert_eq!(refreshes(other).await, 0.0, "it has counted nothing itself");
    }
    for service in [first, second, third] {
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_stops_hands_over_at_once_and_numbers_go_on() {
    let first = Service::with(fixtures()).ready().await;
    let second = another(&first).ready().await;
    until_role(&second, "follows").await;
    first.refresh().await;
    let last = generation(&first).await;
    let metrics = first.database.collection::<Document>("playarr_metrics");
    let _database = first.stop_before_the_database().await;
    until_role(&second, "refreshes").await;
    until("its own refresh", PATIENCE, || async { refreshes(&second).await > 0.0 }).await;
    assert!(generation(&second).await > last);
    let lease = metrics.find_one(doc! { "_id": "refresh_lease" }).await.unwrap().unwrap();
    assert_eq!(lease.get_i64("fence").unwrap(), 2, "{lease}");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_asked_for_anywhere_is_made_by_one_and_told_step_by_step_where_it_was_asked_for() {
    let first = Service::with(fixtures()).ready().await;
    let second = another(&first).ready().await;
    until_role(&second, "follows").await;
    let mut socket = open(&second, &[("x-api-key", "admin001")]).await.unwrap();
    let users = first.database.collection::<Document>("users");
    users.insert_one(doc! { "username": "new", "api_key": "newuser1" }).await.unwrap();
    let (before, made) = (value(&second.series().await, "playarr_active_users", &[]).unwrap(), refreshes(&first).await);

    let report = second.refresh().await;
    assert_eq!((&report["trigger"], &report["success"]), (&json!("manual"), &json!(true)), "{report}");
    assert_eq!(value(&second.series().await, "playarr_active_users", &[]), Some(before + 1.0), "it shows at once");
    assert_eq!(generation(&second).await, report["generation"].as_u64().unwrap());
    first.until_value("playarr_metrics_refresh_total", &[("trigger", "manual"), ("status", "success")], 1.0).await;
    assert_eq!((refreshes(&first).await, refreshes(&second).await), (made + 1.0, 0.0), "the holder has made it");

    let started = next_of(&mut socket, "refresh_started").await;
    assert_eq!((&started["trigger"], &started["collectors"]), (&json!("manual"), &json!(14)), "{started}");
    for done in 1..=14 {
        let collected = next_of(&mut socket, "collected").await;
        assert_eq!((&collected["done"], &collected["of"]), (&json!(done), &json!(14)), "{collected}");
    }
    let mut finished = next_of(&mut socket, "refresh_finished").await;
    finished.as_object_mut().unwrap().remove("event");
    for field in ["generation", "trigger", "collectors", "success"] {
        assert_eq!(finished[field], report[field], "as the route answers it");
    }

    // Whoever does not want to wait is answered at once.
    let request = second.post("/api/metrics/refresh?wait=false&full=true").header("x-api-key", "admin001");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    let finished = next_of(&mut socket, "refresh_finished").await;
    assert!(finished["generation"].as_u64() > report["generation"].as_u64(), "{finished}");
    until("it is over", PATIENCE, || async { status(&second).await["refreshing"] == false }).await;
    second.stop().await;
    first.stop().await;
}

/// A refresh that takes so long that its steps can be watched one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_steps_of_a_long_refresh_are_told_while_it_goes_on() {
    let first = Service::with(fixtures()).ready().await;
    let second = another(&first).ready().await;
    until_role(&second, "follows").await;
    first.database.collection::<Document>("channels").drop().await.unwrap();
    let slow = doc! { "$project": { "provider_id": { "$function": {
        "body": "function() { sleep(500); return 'slow'; }", "args": [], "lang": "js",
    } } } };
    first.database.create_collection("channels").view_on("users").pipeline([slow]).await.unwrap();
    let mut socket = open(&second, &[("x-api-key", "admin001")]).await.unwrap();
    let request = second.post("/api/metrics/refresh?wait=false").header("x-api-key", "admin001");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    next_of(&mut socket, "refresh_started").await;
    let collected = next_of(&mut socket, "collected").await;
    assert_ne!(collected["name"], "playarr_channels_count");
    let during = status(&second).await;
    assert_eq!(during["refreshing"], true, "{during}");
    next_of(&mut socket, "refresh_finished").await;
    second.stop().await;
    first.stop().await;
}
