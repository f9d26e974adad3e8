//! Several instances on one database: one refreshes, the others show its snapshots.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::guarded::guarded;
use crate::support::library::{fixtures, load};
use crate::support::service::{Builder, Service};
use crate::support::until;
use crate::websocket::{next, next_of, open};

const READ_ONLY: &str = include_str!("../packaging/mongodb/role-read-only.json");

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
        other.until_value("playarr_metrics_refresh_leader", &[], 0.0).await;
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
    let lease = metrics.find_one(doc! { "_id": "refresh_lease" }).await.unwrap().unwrap();
    let is_over = *lease.get_datetime("expires").unwrap() <= mongodb::bson::DateTime::now();
    assert!(is_over || lease.get_i64("fence").unwrap() == 2, "it was given back: {lease}");
    until_role(&second, "refreshes").await;
    second.until_value("playarr_metrics_refresh_leader", &[], 1.0).await;
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
        "body": "function() { sleep(150); return 'slow'; }", "args": [], "lang": "js",
    } } } };
    first.database.create_collection("channels").view_on("users").pipeline([slow]).await.unwrap();
    let mut socket = open(&second, &[("x-api-key", "admin001")]).await.unwrap();
    next_of(&mut socket, "status").await;
    let again = tokio::time::timeout(Duration::from_secs(3), next_of(&mut socket, "status")).await;
    assert!(again.is_err(), "a look at the lease is no news: {again:?}");
    let request = second.post("/api/metrics/refresh?wait=false").header("x-api-key", "admin001");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    next_of(&mut socket, "refresh_started").await;
    let collected = next_of(&mut socket, "collected").await;
    assert_ne!(collected["name"], "playarr_channels_count");
    let during = status(&second).await;
    assert_eq!(during["refreshing"], true, "{during}");
    let mut told = vec![collected["name"].to_string()];
    loop {
        let event = next(&mut socket).await;
        match event["event"].as_str().unwrap() {
            "collected" => told.push(event["name"].to_string()),
            "refresh_finished" => break,
            _ => {}
        }
    }
    let each: BTreeSet<_> = told.iter().collect();
    assert_eq!((told.len(), each.len()), (14, 14), "each collector is told once: {told:?}");
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn custom_metrics_are_counted_by_one_wherever_they_are_defined() {
    let first = Service::with(fixtures()).ready().await;
    let second = another(&first).ready().await;
    until_role(&second, "follows").await;
    let path = "/api/metrics/custom/playarr_custom_users";
    let metric = json!({ "name": "playarr_custom_users", "help": "Users.", "collection": "users", "value": "count",
                         "pipeline": [{ "$count": "count" }] });
    let put = second.client.put(format!("{}{path}", second.url)).header("x-api-key", "admin001").json(&metric);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    for service in [&first, &second] {
        let shown = || async { service.series().await.contains_key("playarr_custom_users") };
        until("the custom metric is shown", PATIENCE, shown).await;
    }
    let retry = async |service: &Service| {
        let retry = service.post(&format!("{path}/retry")).header("x-api-key", "admin001").send().await.unwrap();
        (retry.status(), retry.json::<Value>().await.unwrap())
    };
    let (status, answer) = retry(&second).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("at the instance that refreshes"), "{answer}");
    assert_eq!(retry(&first).await.0, StatusCode::OK);
    second.stop().await;
    first.stop().await;
}

/// Documents and index keys that a server has examined for queries since its start.
async fn examined(database: &Database) -> i64 {
    let status = database.run_command(doc! { "serverStatus": 1 }).await.unwrap();
    let queries = status.get_document("metrics").unwrap().get_document("queryExecutor").unwrap();
    queries.get_i64("scanned").unwrap() + queries.get_i64("scannedObjects").unwrap()
}

/// What MongoDB examines while this many instances start and five full refreshes are asked for, in turn at each of
/// them.
async fn cost(mongod: &Mongod, database: &Database, instances: usize) -> i64 {
    let before = examined(database).await;
    let mut services = Vec::new();
    for _ in 0..instances {
        services.push(Service::empty().server(mongod.uri()).setting("MONGODB_DB_NAME", database.name()).ready().await);
    }
    for number in 0..5 {
        let asked = services[number % instances].post("/api/metrics/refresh?full=true");
        let report: Value = asked.header("x-api-key", "admin001").send().await.unwrap().json().await.unwrap();
        assert_eq!(report["success"], true, "{report}");
        for service in &services {
            until_generation(service, report["generation"].as_u64().unwrap()).await;
        }
    }
    let after = examined(database).await;
    for service in services {
        service.stop().await;
    }
    after - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_instances_cost_mongodb_at_most_a_tenth_more_than_one() {
    let mongod = Mongod::start().await.unwrap();
    let database = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap().database("playarr");
    let mut library = fixtures();
    let channel = |number: i32| doc! { "provider_id": "agtv", "channel_id": format!("cost-{number}") };
    library.entry("channels".to_owned()).or_default().extend((0..20_000).map(channel));
    load(&database, &library).await.unwrap();
    let (one, three) = (cost(&mongod, &database, 1).await, cost(&mongod, &database, 3).await);
    println!("one instance: {one} documents and keys examined, three instances: {three}");
    assert!(one > 6 * 20_000, "each refresh counts them: {one}");
    assert!(three * 10 <= one * 11, "three instances: {three}, one: {one}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_only_read_follows_whoever_may_write_and_says_where_to_refresh() {
    let (_mongod, uri, root) = guarded(READ_ONLY).await;
    load(&root.database("playarr"), &fixtures()).await.unwrap();
    let root_uri = uri.replace("playarr-metrics:", "root:").replace("authSource=playarr", "authSource=admin");
    let writer = Service::empty().server(&root_uri).setting("MONGODB_DB_NAME", "playarr").ready().await;
    let reader = Service::empty().server(&uri).setting("MONGODB_DB_NAME", "playarr").ready_for_scrapes().await;
    until_role(&reader, "follows").await;
    let report = writer.refresh().await;
    until_generation(&reader, report["generation"].as_u64().unwrap()).await;
    assert_eq!(refreshes(&reader).await, 0.0);
    let refused = reader.post("/api/metrics/refresh").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer: Value = refused.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("role.json"), "{answer}");

    writer.stop().await;
    until_role(&reader, "alone").await;
    until("it refreshes by itself", PATIENCE, || async { refreshes(&reader).await > 0.0 }).await;
    let reason = status(&reader).await["sharing"]["reason"].to_string();
    assert!(reason.contains("role.json"), "{reason}");
    reader.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lease_and_the_snapshots_are_written_again_when_they_were_dropped() {
    let first = Service::with(fixtures()).ready().await;
    let second = another(&first).ready().await;
    until_role(&second, "follows").await;
    for collection in ["playarr_metrics", "playarr_metrics_snapshots"] {
        first.database.collection::<Document>(collection).drop().await.unwrap();
    }
    until("somebody refreshes again", PATIENCE, || async {
        let (one, other) = (status(&first).await, status(&second).await);
        let roles = [&one["sharing"]["role"], &other["sharing"]["role"]];
        roles.contains(&&json!("refreshes")) && roles.contains(&&json!("follows"))
    })
    .await;
    let before = generation(&first).await.max(generation(&second).await);
    let report = second.refresh().await;
    let number = report["generation"].as_u64().unwrap();
    assert!(number > before, "{number} after {before}");
    until_generation(&first, number).await;
    until_generation(&second, number).await;
    second.stop().await;
    first.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_after_a_later_one_in_the_database_is_later_still() {
    let service = Service::with(fixtures()).ready().await;
    until_role(&service, "refreshes").await;
    // As after a backup was restored that has the snapshots of today and the lease of long ago.
    let snapshots = service.database.collection::<Document>("playarr_metrics_snapshots");
    let later = doc! { "$set": { "generation": 1_000_000_i64 } };
    snapshots.update_one(doc! { "_id": "last" }, later).await.unwrap();
    until("a refresh is published", PATIENCE, || async {
        let asked = service.post("/api/metrics/refresh?full=true").header("x-api-key", "admin001");
        asked.send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    assert_eq!(generation(&service).await, 1_000_001);
    service.stop().await;
}
