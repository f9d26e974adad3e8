//! A wall clock that is set while the service runs.

use std::time::{Duration, SystemTime};

use mongodb::bson::doc;
use reqwest::Method;
use serde_json::Value;

use crate::support::exposition::value;
use crate::support::library::{fixtures, load, load_indexed};
use crate::support::program::{complaint, faketime, run};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doctor_says_by_how_much_and_in_which_direction_the_clock_is_wrong() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load_indexed(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let library = faketime().expect("the system tests need the package faketime");
    for (set, direction) in [("+1h", "ahead of"), ("-1h", "behind"), ("+0", "")] {
        let settings = [
            ("MONGODB_URI", database.uri()),
            ("MONGODB_DB_NAME", database.name()),
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("MAX_CONNECTIONS", "100"),
            ("LD_PRELOAD", &*library),
            ("FAKETIME", set),
            ("DONT_FAKE_MONOTONIC", "1"),
        ];
        let output = run(&settings, &["doctor"]).await;
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        let wrong: Vec<_> = text.lines().filter(|line| line.starts_with("WRONG")).collect();
        if direction.is_empty() {
            assert!(output.status.success() && wrong.is_empty(), "{text}{}", complaint(&output));
            continue;
        }
        assert!(!output.status.success() && wrong.len() == 1, "{text}");
        let (_, said) = wrong[0].split_once("the clock of this host is ").unwrap();
        let (seconds, said) = said.split_once(" s ").unwrap();
        // The time that the answer took is taken off.
        assert!((3500..=3600).contains(&seconds.parse::<u32>().unwrap()), "{text}");
        assert!(said.starts_with(&format!("{direction} that of MongoDB; synchronize both with NTP")), "{text}");
    }
}
