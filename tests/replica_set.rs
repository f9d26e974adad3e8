//! Tokens on a replica set: reading suffices for scrapes, and a token counts once a majority has it.

use std::process::Stdio;
use std::time::{Duration, Instant};

use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::WriteConcern;
use mongodb::{Client, Database};
use playarr_metrics::accounts::{TokenKind, Tokens};
use playarr_sandbox::{Member, ReplicaSet};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::library::{fixtures, load};
use crate::support::program::{Log, program, signal};
use crate::support::service::Service;
use crate::support::{awaited, until};

async fn database(uri: &str) -> Database {
    Client::with_uri_str(uri).await.unwrap().database("playarr")
}

/// A library with a metrics token as Playarr makes it, on a majority of the members.
async fn library_with_token(set: &ReplicaSet) -> Database {
    let database = database(&set.uri()).await;
    let token = doc! { "_id": "metrics_token", "value": "made-by-playarr", "createdAt": DateTime::now() };
    let mut library = fixtures();
    library.insert("settings".to_owned(), vec![token]);
    load(&database, &library).await.unwrap();
    let everywhere = WriteConcern::builder().w(mongodb::options::Acknowledgment::Majority).build();
    let marker = database.collection::<Document>("loaded");
    marker.insert_one(doc! {}).write_concern(everywhere).await.unwrap();
    database
}

async fn regenerate(service: &Service) -> (StatusCode, Value) {
    let post = service.post("/api/settings/metrics/regenerate").header("x-api-key", "admin001");
    let answer = post.send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

async fn scrape(service: &Service, token: &str) -> StatusCode {
    service.scrape_with(token).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_replaced_while_no_majority_can_be_reached_goes_on_working() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Arbiter]).await.unwrap();
    let database = library_with_token(&set).await;
    let service = Service::empty().server(&set.uri()).ready().await;
    let old = service.token().await;
    until("the token is recorded", Duration::from_secs(20), || async {
        let records = database.collection::<Document>("playarr_metrics");
        records.find_one(doc! { "_id": "metrics_token" }).await.unwrap().is_some()
    })
    .await;

    set.members[1].kill().await.unwrap();
    let (status, answer) = regenerate(&service).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("goes on working") && error.contains("majority"), "{error}");
    assert_eq!(scrape(&service, &old).await, StatusCode::OK);
    let fresh = Tokens::new(&database);
    fresh.check().await.unwrap();
    assert_eq!(fresh.accepts(TokenKind::Metrics, &old), Ok(true), "a new instance takes the old one, too");

    set.members[1].restart().await.unwrap();
    set.until_secondary(1).await.unwrap();
    fresh.check().await.unwrap();
    assert_eq!(fresh.accepts(TokenKind::Metrics, &old), Ok(true), "nothing changes later by itself");
    assert_eq!(scrape(&service, &old).await, StatusCode::OK);
    let new = awaited("it can be replaced again", || async {
        let (status, answer) = regenerate(&service).await;
        (status == StatusCode::OK).then(|| answer["value"].as_str().unwrap().to_owned())
    })
    .await;
    assert_eq!(scrape(&service, &new).await, StatusCode::OK);
    assert_eq!(scrape(&service, &old).await, StatusCode::UNAUTHORIZED);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_primary_and_an_arbiter_are_enough_for_scrapes() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Arbiter]).await.unwrap();
    library_with_token(&set).await;
    set.members[1].kill().await.unwrap();
    let service = Service::empty().server(&set.uri()).ready_for_scrapes().await;
    assert_eq!(scrape(&service, "made-by-playarr").await, StatusCode::OK);
    let problem = |kind: &'static str, words: &'static str| {
        let service = &service;
        async move {
            let status = service.get("/api/metrics/status").header("x-api-key", "admin001").send().await;
            let status: Value = status.unwrap().json().await.unwrap();
            status["tokens"][kind]["problem"].as_str().is_some_and(|problem| problem.contains(words))
        }
    };
    until("the status says what is not written", Duration::from_secs(60), || async {
        problem("metrics", "majority").await && problem("ingest", "majority").await
    })
    .await;
    let events = service.post("/api/metrics/events").bearer_auth("x").json(&Value::Null).send().await.unwrap();
    assert_eq!(events.status(), StatusCode::SERVICE_UNAVAILABLE);
    let answer: Value = events.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("refuses to store one"), "{answer}");

    set.members[1].restart().await.unwrap();
    until("the ingest token is there", Duration::from_secs(90), || async {
        let events = service.post("/api/metrics/events").bearer_auth("x").json(&Value::Null);
        events.send().await.unwrap().status() == StatusCode::UNAUTHORIZED
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secondary_by_direct_connection_is_enough_for_scrapes() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary]).await.unwrap();
    library_with_token(&set).await;
    let secondary = set.members[1].uri();
    let service = Service::empty().server(secondary).ready_for_scrapes().await;
    assert_eq!(scrape(&service, "made-by-playarr").await, StatusCode::OK);
    let report = service.refresh().await;
    let collectors = report["collectors"].as_array().unwrap();
    assert!(collectors.iter().all(|one| one["error"].is_null()), "{report:#}");
    let (status, answer) = regenerate(&service).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer["error"].as_str().unwrap().contains("accepts no writes"), "{answer}");
    assert_eq!(scrape(&service, "made-by-playarr").await, StatusCode::OK);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secondary_is_asked_to_write_less_and_less_often_and_the_log_says_once_that_it_cannot() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary]).await.unwrap();
    library_with_token(&set).await;
    let settings = [
        ("MONGODB_URI", set.members[1].uri()),
        ("MONGODB_DB_NAME", "playarr"),
        ("LISTEN_ADDRESS", "127.0.0.1:0"),
        ("LOG_FORMAT", "json"),
        ("LOG_LEVEL", "info,playarr_metrics::journal=debug"),
        // Only a primary tells of changes, which has a line of its own.
        ("CHANGE_DETECTION", "off"),
    ];
    let mut child = program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap();
    let log = Log::follow(&mut child);
    let until_tried = |times: usize| {
        let failed = "live metrics of other instances cannot be read";
        let log = &log;
        until("it was tried", Duration::from_secs(60), move || async move {
            log.messages("DEBUG").iter().filter(|message| *message == failed).count() >= times
        })
    };
    until_tried(1).await;
    let first = Instant::now();
    until_tried(4).await;
    assert!(first.elapsed() > Duration::from_secs(6), "the pauses are 1, 2 and 4 s: {:?}", first.elapsed());
    let address = format!("127.0.0.1:{}", set.members[1].port());
    let expected = format!(
        "MongoDB at {address} is a secondary, and MONGODB_URI connects to no other server: nothing can be written; \
         trying again until this is over"
    );
    assert_eq!(log.messages("WARN"), [expected]);
    assert_eq!(log.messages("ERROR"), [""; 0]);
    signal(&child, "TERM").await;
    assert!(child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_starts_without_a_primary_answers_scrapes() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary]).await.unwrap();
    library_with_token(&set).await;
    set.members[0].kill().await.unwrap();
    let service = Service::empty().server(&set.uri()).ready_for_scrapes().await;
    assert_eq!(scrape(&service, "made-by-playarr").await, StatusCode::OK);
    service.stop().await;
}
