//! Refreshes: one at a time, joined by whoever asks meanwhile, noted in the history, and never spoiled by one
//! collector.

use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_refreshes_and_hears_what_each_collector_did() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<Document>("users");
    let before = value(&service.series().await, "playarr_active_users", &[]).unwrap();
    users.insert_one(doc! { "username": "new", "api_key": "newuser1" }).await.unwrap();

    let report = service.refresh().await;
    assert_eq!(
        (&report["generation"], &report["trigger"], &report["success"]),
        (&json!(2), &json!("manual"), &json!(true))
    );
    assert!(report["duration_seconds"].as_f64().unwrap() > 0.0);
    assert!(report["started"].as_str().unwrap().ends_with('Z'));
    let collectors = report["collectors"].as_array().unwrap();
    assert_eq!(collectors.len(), 14);
    for collector in collectors {
        assert!(collector["name"].as_str().unwrap().starts_with("playarr_"));
        assert_eq!(collector["error"], Value::Null);
        assert!(collector["series"].is_u64() && collector["folded_series"].is_u64());
    }
    assert_eq!(value(&service.series().await, "playarr_active_users", &[]), Some(before + 1.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_active_admins_refresh() {
    let service = Service::with(fixtures()).ready().await;
    for (key, status) in [
        (None, StatusCode::UNAUTHORIZED),
        (Some(""), StatusCode::UNAUTHORIZED),
        (Some("nobodys1"), StatusCode::UNAUTHORIZED),
        (Some("alice001"), StatusCode::FORBIDDEN),
        (Some("admin002"), StatusCode::FORBIDDEN),
        (Some("admin001"), StatusCode::OK),
    ] {
        let mut request = service.post("/api/metrics/refresh");
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), status, "{key:?}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["error"].is_string(), status != StatusCode::OK);
    }
    // The role is looked up each time.
    let users = service.database.collection::<Document>("users");
    users.update_one(doc! { "username": "admin" }, doc! { "$set": { "role": "user" } }).await.unwrap();
    let demoted = service.post("/api/metrics/refresh").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(demoted.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_want_to_wait_is_answered_at_once() {
    let service = Service::with(fixtures()).ready().await;
    let request = service.post("/api/metrics/refresh?wait=false").header("x-api-key", "admin001");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::ACCEPTED);
    until("the refresh shows", Duration::from_secs(20), || async {
        let labels = [("trigger", "manual"), ("status", "success")];
        value(&service.series().await, "playarr_metrics_refresh_total", &labels) == Some(1.0)
    })
    .await;
    let request = service.post("/api/metrics/refresh?wait=maybe").header("x-api-key", "admin001");
    assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refreshes_asked_for_at_once_join_the_one_under_way() {
    let service = Service::with(fixtures()).ready().await;
    let reports = join_all((0..20).map(|_| service.refresh())).await;
    let mut generations: Vec<_> = reports.iter().map(|report| report["generation"].as_u64().unwrap()).collect();
    generations.sort_unstable();
    generations.dedup();
    assert!(generations.len() < 20, "twenty asked, and at least two shared a refresh: {generations:?}");
    assert!(generations[0] > 1, "the refresh of the start was over");
    let labels = [("trigger", "manual"), ("status", "success")];
    #[expect(clippy::cast_precision_loss, reason = "at most twenty")]
    let refreshes = generations.len() as f64;
    let series = service.series().await;
    assert_eq!(value(&series, "playarr_metrics_refresh_total", &labels), Some(refreshes));
}

/// Playarr does not start its own job of this name beside a line that says `running`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_job_history_never_says_running_not_even_where_an_earlier_version_was_killed() {
    let mut library = fixtures();
    let left = doc! { "job_name": "UpdateMetricsJob", "status": "running", "last_result": { "generation": 7_i64 } };
    let other = doc! { "job_name": "SyncMoviesJob", "status": "running" };
    library.entry("job_history".to_owned()).or_default().extend([left, other]);
    let service = Service::with(library).ready().await;
    let jobs = service.database.collection::<Document>("job_history");
    let status = async |name: &str| {
        let line = jobs.find_one(doc! { "job_name": name }).await.unwrap().unwrap();
        line.get_str("status").unwrap().to_owned()
    };
    until("the abandoned run is ended", Duration::from_secs(20), || async {
        status("UpdateMetricsJob").await != "running"
    })
    .await;
    for _ in 0..5 {
        let (_, seen) = tokio::join!(service.refresh(), status("UpdateMetricsJob"));
        assert_ne!(seen, "running");
    }
    assert_eq!(status("SyncMoviesJob").await, "running", "jobs of others are left alone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_run_is_noted_in_the_job_history() {
    let service = Service::with(fixtures()).ready().await;
    service.refresh().await;
    let jobs = service.database.collection::<Document>("job_history");
    let note = || async {
        jobs.find_one(doc! { "job_name": "UpdateMetricsJob", "execution_count": 2, "status": "completed" })
            .await
            .unwrap()
    };
    until("the second run is noted", Duration::from_secs(20), || async { note().await.is_some() }).await;
    let note = note().await.unwrap();
    for moment in ["createdAt", "lastUpdated", "last_execution"] {
        assert!(note.get_datetime(moment).is_ok(), "{moment}: {note}");
    }
    let result = note.get_document("last_result").unwrap();
    assert_eq!((result.get_i64("generation").unwrap(), result.get_str("trigger").unwrap()), (2, "manual"));
    assert_eq!(jobs.count_documents(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap(), 1);
}

/// A view whose pipeline divides by zero fails the one collector that reads it, as a corrupt collection would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_fails_keeps_its_last_good_values_and_the_others_are_new() {
    let service = Service::with(fixtures()).ready().await;
    let before = service.series().await;
    let channels = service.database.collection::<Document>("channels");
    channels.drop().await.unwrap();
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    service.database.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();
    let users = service.database.collection::<Document>("users");
    users.insert_one(doc! { "username": "new", "api_key": "newuser1" }).await.unwrap();

    let report = service.refresh().await;
    assert_eq!(report["success"], false);
    let failed: Vec<_> = report["collectors"].as_array().unwrap().iter().filter(|c| !c["error"].is_null()).collect();
    assert_eq!(failed.len(), 1, "{report}");
    assert_eq!(failed[0]["name"], "playarr_channels_count");
    assert!(failed[0]["error"].as_str().unwrap().contains("divide by zero"), "{}", failed[0]);

    let after = service.series().await;
    assert_eq!(after["playarr_channels_count"], before["playarr_channels_count"], "the last good values stay");
    let of_channels = |name: &str| value(&after, name, &[("collector", "playarr_channels_count")]);
    assert_eq!(of_channels("playarr_metrics_collector_success"), Some(0.0));
    let last_success = "playarr_metrics_collector_last_success_timestamp_seconds";
    assert_eq!(of_channels(last_success), value(&before, last_success, &[("collector", "playarr_channels_count")]));
    let active = |series| value(series, "playarr_active_users", &[]).unwrap();
    assert!((active(&after) - active(&before) - 1.0).abs() < 0.5, "the others are new");
    assert_eq!(value(&after, "playarr_metrics_collector_success", &[("collector", "playarr_active_users")]), Some(1.0));

    channels.drop().await.unwrap();
    let report = service.refresh().await;
    assert_eq!(report["success"], true, "it recovers by itself: {report}");
    assert!(service.series().await["playarr_channels_count"].is_empty(), "removed rows disappear");
}
