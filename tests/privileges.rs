//! The roles in `packaging/mongodb/`, against a MongoDB that asks who one is.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database, IndexModel};
use serde_json::{Value, json};

use crate::support::guarded::{ROLE, guarded};
use crate::support::library::{Library, fixtures, load};
use crate::support::program::{complaint, run};
use crate::support::service::Service;
use crate::support::until;

const READ_ONLY: &str = include_str!("../packaging/mongodb/role-read-only.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packaged_role_is_enough_for_everything_the_service_does() {
    let (_mongod, uri, root) = guarded(ROLE).await;
    let playarr = root.database("playarr");
    load(&playarr, &fixtures()).await.unwrap();
    // Nothing is there yet that the service makes itself.
    playarr.collection::<Document>("settings").drop().await.unwrap();
    playarr.collection::<Document>("job_history").drop().await.unwrap();

    let service = Service::with(Library::new()).server(&uri).setting("MONGODB_DB_NAME", "playarr").ready().await;
    let report = service.refresh().await;
    let collectors = report["collectors"].as_array().unwrap();
    assert!(collectors.len() >= 12 && collectors.iter().all(|one| one["error"].is_null()), "{report:#}");
    let history = playarr.collection::<Document>("job_history");
    assert!(history.find_one(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap().is_some());
    let rotate = service.post("/api/settings/metrics/regenerate").header("x-api-key", "admin001").send();
    assert_eq!(rotate.await.unwrap().status(), 200);
    let snapshots = playarr.collection::<Document>("playarr_metrics_snapshots");
    let remembered = || async { snapshots.count_documents(doc! { "_id": { "$type": "string" } }).await.unwrap() == 3 };
    until("the last snapshot, an hour and a day are remembered", Duration::from_secs(20), remembered).await;
    service.stop().await;
    let journal = playarr.collection::<Document>("playarr_metrics_journal");
    assert!(journal.find_one(doc! {}).await.unwrap().is_some(), "what was counted is kept");
    let base = playarr.collection::<Document>("playarr_metrics");
    assert!(base.find_one(doc! { "_id": "live_base" }).await.unwrap().is_some(), "the base is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_packaged_role_the_first_admin_can_be_made_and_nothing_of_playarrs_changed() {
    let (_mongod, uri, root) = guarded(ROLE).await;
    let service = Service::with(Library::new())
        .server(&uri)
        .setting("MONGODB_DB_NAME", "playarr")
        .setting("DEFAULT_ADMIN_PASSWORD", "a long password")
        .ready()
        .await;
    let users = root.database("playarr").collection::<Document>("users");
    let created = || async { users.find_one(doc! { "username": "admin" }).await.unwrap().is_some() };
    until("the admin is there", Duration::from_secs(30), created).await;
    service.stop().await;

    let own = Client::with_uri_str(&uri).await.unwrap().database("playarr");
    let users = own.collection::<Document>("users");
    let promote = users.update_one(doc! {}, doc! { "$set": { "role": "admin" } }).await;
    assert!(promote.is_err(), "users stay as they are");
    let titles = own.collection::<Document>("titles");
    assert!(titles.insert_one(doc! { "type": "movies" }).await.is_err(), "titles are only read");
    assert!(own.drop().await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_may_only_read_counts_in_memory_and_takes_no_events() {
    let (_mongod, uri, root) = guarded(READ_ONLY).await;
    let playarr = root.database("playarr");
    load(&playarr, &fixtures()).await.unwrap();
    // An instance that may write has been here: it made the tokens and began the journal.
    let root_uri = uri.replace("playarr-metrics:", "root:").replace("authSource=playarr", "authSource=admin");
    let before = Service::empty().server(&root_uri).setting("MONGODB_DB_NAME", "playarr").ready().await;
    let (metrics, ingest) = (before.token().await, before.ingest_token().await);
    let event = json!({ "events": [{ "type": "stream_request", "user": "kept", "media_type": "live",
                                     "duration_seconds": 1 }] });
    let kept = before.post("/api/metrics/events").bearer_auth(&ingest).json(&event).send().await.unwrap();
    assert_eq!(kept.status(), 200);
    before.stop().await;

    let service = Service::empty().server(&uri).setting("MONGODB_DB_NAME", "playarr").ready_for_scrapes().await;
    let text = async || service.scrape_with(&metrics).send().await.unwrap().text().await.unwrap();
    until("its own requests are shown", Duration::from_secs(20), || async {
        text().await.contains("playarr_http_requests_total{endpoint=\"/metrics\",status_code=\"200\"}")
    })
    .await;
    assert!(!text().await.contains("user=\"kept\""), "what is counted elsewhere is shown elsewhere");
    let events = service.post("/api/metrics/events").bearer_auth(&ingest).json(&event).send().await.unwrap();
    assert_eq!(events.status(), 503);
    let answer: Value = events.json().await.unwrap();
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("playarr_metrics_journal") && error.contains("role.json"), "{error}");
    assert!(!text().await.contains("playarr_stream_requests_total{"), "a refused event does not count");
    service.stop().await;
}

/// Whether the user may ask how often a collection was written to.
async fn sees_writes(database: &Database, collection: &str) -> bool {
    let stats = doc! { "$collStats": { "latencyStats": {} } };
    let answer = database.collection::<Document>(collection).aggregate([stats]).await;
    match answer {
        Ok(cursor) => cursor.try_collect::<Vec<_>>().await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packaged_role_allows_a_journal_and_to_see_which_collections_changed() {
    let (_mongod, uri, root) = guarded(ROLE).await;
    load(&root.database("playarr"), &fixtures()).await.unwrap();
    let own = Client::with_uri_str(&uri).await.unwrap().database("playarr");
    for collection in ["titles", "provider_titles", "iptv_providers", "channels", "users"] {
        assert!(sees_writes(&own, collection).await, "{collection}");
    }
    let journal = own.collection::<Document>("playarr_metrics_journal");
    journal.create_index(IndexModel::builder().keys(doc! { "batches": 1 }).build()).await.unwrap();
    journal.insert_one(doc! { "_id": 1 }).await.unwrap();
    journal.update_one(doc! {}, doc! { "$set": { "form": 1 } }).await.unwrap();
    journal.delete_one(doc! {}).await.unwrap();
    assert!(journal.drop().await.is_err(), "nothing of ours is dropped by ourselves");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_may_only_read_is_enough_for_refreshes_and_scrapes() {
    let (_mongod, uri, root) = guarded(READ_ONLY).await;
    let playarr = root.database("playarr");
    let mut library = fixtures();
    let token = doc! { "_id": "metrics_token", "value": "made-by-playarr" };
    library.insert("settings".to_owned(), vec![token]);
    load(&playarr, &library).await.unwrap();
    let service = Service::with(Library::new()).server(&uri).setting("MONGODB_DB_NAME", "playarr").ready().await;

    let report = service.refresh().await;
    let collectors = report["collectors"].as_array().unwrap();
    assert!(collectors.len() >= 12 && collectors.iter().all(|one| one["error"].is_null()), "{report:#}");
    let scrape = service.scrape_with("made-by-playarr").send().await.unwrap();
    assert_eq!(scrape.status(), 200);
    assert!(scrape.text().await.unwrap().contains("playarr_metrics_token_stored{token=\"metrics\"} 0"));

    let rotate = service.post("/api/settings/metrics/regenerate").header("x-api-key", "admin001").send();
    let rotate = rotate.await.unwrap();
    assert_eq!(rotate.status(), 503);
    let answer: Value = rotate.json().await.unwrap();
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("goes on working") && error.contains("playarr_metrics"), "{error}");
    assert_eq!(service.scrape_with("made-by-playarr").send().await.unwrap().status(), 200);

    let events = service.post("/api/metrics/events").bearer_auth("x").json(&json!({ "events": [] }));
    let events = events.send().await.unwrap();
    assert_eq!(events.status(), 503);
    let answer: Value = events.json().await.unwrap();
    assert!(answer["error"].as_str().unwrap().contains("MongoDB refuses to store one"), "{answer}");
    let rotate = service.post("/api/settings/metrics/regenerate?token=ingest").header("x-api-key", "admin001");
    let answer: Value = rotate.send().await.unwrap().json().await.unwrap();
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("MongoDB refuses to store one") && !error.contains("goes on working"), "{error}");

    let settings = [("MONGODB_URI", uri.as_str()), ("MONGODB_DB_NAME", "playarr")];
    let printed = run(&settings, &["token"]).await;
    assert!(printed.status.success(), "{}", complaint(&printed));
    assert_eq!(printed.stdout, b"made-by-playarr\n");
    let refused = run(&settings, &["token", "--rotate"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("goes on working"), "{}", complaint(&refused));

    let own = Client::with_uri_str(&uri).await.unwrap().database("playarr");
    assert!(sees_writes(&own, "titles").await);
    service.until_value("playarr_metrics_snapshot_remembered", &[], 0.0).await;
    for collection in
        ["settings", "users", "job_history", "playarr_metrics", "playarr_metrics_journal", "playarr_metrics_snapshots"]
    {
        let written = own.collection::<Document>(collection).insert_one(doc! { "x": 1 }).await;
        assert!(written.is_err(), "{collection} is only read");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_ask_for_writes_is_told_that_changes_are_not_noticed() {
    let without = ROLE.replacen("\"collStats\"", "\"listIndexes\"", 1);
    let (_mongod, uri, root) = guarded(&without).await;
    load(&root.database("playarr"), &fixtures()).await.unwrap();
    let service = Service::with(Library::new()).server(&uri).setting("CHANGE_DETECTION", "on").ready().await;
    let detection = || async {
        let status = service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap();
        status.json::<Value>().await.unwrap()["change_detection"].clone()
    };
    until("it is said", Duration::from_secs(20), || async { detection().await["state"] == "refused" }).await;
    let reason = detection().await["reason"].to_string();
    assert!(reason.contains("role.json"), "{reason}");
    assert_eq!(service.refresh().await["success"], true);
    service.stop().await;
}
