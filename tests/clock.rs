//! A wall clock that is set while the service runs.

use std::time::{Duration, SystemTime};

use mongodb::bson::doc;
use reqwest::Method;
use serde_json::Value;

use crate::support::exposition::value;
use crate::support::library::{fixtures, load};
use crate::support::program::faketime;
use crate::support::running::Running;
use crate::support::until;

const HOUR: f64 = 3600.0;

/// Scheduled refreshes so far.
async fn scheduled(running: &Running) -> f64 {
    let series = running.series().await;
    let count = |status| {
        let labels = [("status", status), ("trigger", "schedule")];
        value(&series, "playarr_metrics_refresh_total", &labels).unwrap_or(0.0)
    };
    count("success") + count("failure")
}

/// The age of the snapshot in seconds, as the status has it.
async fn age(running: &Running) -> f64 {
    let status = running.request(Method::GET, "/api/metrics/status").header("x-api-key", "admin001");
    let status: Value = status.send().await.unwrap().json().await.unwrap();
    status["snapshot"]["age_seconds"].as_f64().unwrap_or_else(|| panic!("{status}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_set_by_an_hour_neither_stops_the_schedule_nor_makes_the_age_wrong() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    let mut library = fixtures();
    library.remove("channels");
    load(&connected, &library).await.unwrap();
    // A collector that fails has the schedule try again within seconds, and not after five minutes.
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    connected.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();

    let clock = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(clock.path(), "+0").unwrap();
    let library = faketime().expect("the system tests need the package faketime");
    let path = clock.path().to_str().unwrap().to_owned();
    let settings = [
        ("LD_PRELOAD", &*library),
        ("FAKETIME_TIMESTAMP_FILE", &*path),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let running = Running::start_on(&database, &settings).await;
    for (setting, hours) in [("-1h", -1.0), ("+1h", 1.0)] {
        std::fs::write(clock.path(), setting).unwrap();
        let before = scheduled(&running).await;
        until("the schedule goes on", Duration::from_secs(100), || async { scheduled(&running).await > before }).await;
        let age = age(&running).await;
        assert!((0.0..60.0).contains(&age), "{setting}: {age} s old");
        let shown = value(&running.series().await, "playarr_metrics_snapshot_timestamp_seconds", &[]).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        let by_the_set_clock = now + hours * HOUR - shown;
        assert!((-5.0..65.0).contains(&by_the_set_clock), "{setting}: {by_the_set_clock} s ago");
    }
    assert!(running.end("TERM").await.success());
}
