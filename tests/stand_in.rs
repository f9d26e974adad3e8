//! A stand-in for Playarr, which uses the driver that Playarr has, beside the program.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tokio::process::Command;

use crate::support::exposition::{database_gauges, parse};
use crate::support::library::read;
use crate::support::oracle::{self, Detail, Gauges};
use crate::support::running::Running;
use crate::support::until;

/// Far beyond what it takes, for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs the stand-in to its end, and returns its report.
async fn stand_in(arguments: &[&str]) -> Value {
    std::env::var_os("PLAYARR_TEST_NODE_MODULES").expect(
        "PLAYARR_TEST_NODE_MODULES names the folder to which npm installed what tests/playarr/package-lock.json has",
    );
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/playarr");
    let mut node = Command::new("node");
    node.arg("playarr.mjs").args(arguments).current_dir(folder).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, node.output()).await.expect("node ends").unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&said).expect("JSON and nothing else")
}

/// The samples that whoever has this token is shown.
async fn series(running: &Running, token: &str) -> Gauges {
    let answer = running.request(Method::GET, "/metrics").bearer_auth(token).send().await.unwrap();
    parse(&answer.error_for_status().unwrap().text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_playarr_that_writes_and_reports_as_it_does_all_is_shown_as_it_is() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let running = Running::start_on(&database, &[("CHANGE_DETECTION", "on")]).await;
    let report = stand_in(&[database.uri(), database.name(), &running.url, running.ingest_token()]).await;
    assert_eq!(report["problems"], Value::Array(Vec::new()), "{report}");
    let (old, present) = (report["old"].as_str().unwrap(), report["present"].as_str().unwrap());
    assert_eq!(old, running.metrics_token(), "Playarr shows the token that the service made");
    assert_ne!(old, present);

    // Playarr wrote the old token back, twice.
    let settings = running.database.collection::<Document>("settings");
    until("the present token is written again", PATIENCE, || async {
        let setting = settings.find_one(doc! { "_id": "metrics_token" }).await.unwrap().expect("it is there");
        setting.get_str("value").unwrap() == present
    })
    .await;
    let refused = running.request(Method::GET, "/metrics").bearer_auth(old).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);

    let library = read(&running.database).await.unwrap();
    assert_eq!(library["provider_titles"].len(), 3 * 3_000, "the stand-in did something");
    let (expected, began) = (oracle::gauges(&library, Detail::Title), Instant::now());
    while database_gauges(series(&running, present).await) != expected && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let shown = series(&running, present).await;
    assert_eq!(database_gauges(shown.clone()), expected);

    let counted = report["expected"].as_object().unwrap();
    assert!(counted.len() > 15, "{report}");
    for (series, value) in counted {
        let wanted = parse(&format!("{series} 0\n"));
        let (name, labels) = wanted.iter().find_map(|(name, all)| Some((name, all.keys().next()?))).unwrap();
        assert_eq!(shown[name].get(labels).copied(), value.as_f64(), "{series}");
    }
    assert!(running.end("TERM").await.success());
}
