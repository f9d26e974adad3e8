//! A log that cannot be written changes nothing.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use playarr_sandbox::TestDatabase;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::support::exposition::{parse, value};
use crate::support::library::{fixtures, load};
use crate::support::program::{free_address, program, signal};
use crate::support::until;

/// Starts the program with this stderr, which cannot be written, uses it until lines are lost, and stops it.
async fn survives(what: &str, stderr: Stdio) {
    let command = |settings: &[(&str, &str)]| {
        let mut command = program(settings, &["serve"]);
        command.stderr(stderr);
        command
    };
    survives_in(what, true, command).await;
}

/// Starts the program by this command and uses it, until lines of its log are lost if they are to be, and stops it.
async fn survives_in(what: &str, loses_lines: bool, command: impl FnOnce(&[(&str, &str)]) -> Command) {
    let database: TestDatabase = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let address = free_address().await;
    let settings = [
        ("MONGODB_URI", database.uri()),
        ("MONGODB_DB_NAME", database.name()),
        ("LISTEN_ADDRESS", &*address),
        // Enough to fill a pipe several times.
        ("LOG_LEVEL", "trace"),
    ];
    let mut child: Child = command(&settings).spawn().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}");
    until(what, Duration::from_secs(60), || async {
        let answer = client.get(format!("{url}/-/ready")).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    let mut token = String::new();
    for path in ["/api/metrics/refresh", "/api/metrics/refresh", "/api/settings/metrics/regenerate"] {
        let answer = client.post(format!("{url}{path}")).header("x-api-key", "admin001").send();
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await.expect(what).unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{what}: {path}");
        let answer: Value = answer.json().await.unwrap();
        token = answer["value"].as_str().unwrap_or_default().to_owned();
    }
    until(what, Duration::from_secs(60), || async {
        // Each is a line.
        for _ in 0..100 {
            client.get(format!("{url}/-/healthy")).send().await.unwrap();
        }
        let metrics = client.get(format!("{url}/metrics")).bearer_auth(&token).send().await.unwrap();
        let series = parse(&metrics.error_for_status().unwrap().text().await.unwrap());
        assert_eq!(value(&series, "playarr_metrics_panics_total", &[]), Some(0.0), "{what}");
        let lost = value(&series, "playarr_metrics_log_lines_dropped_total", &[]).unwrap();
        (lost > 0.0) == loses_lines
    })
    .await;
    signal(&child, "HUP").await;
    let healthy = client.get(format!("{url}/-/healthy")).send().await.unwrap();
    assert_eq!(healthy.status(), StatusCode::OK, "{what}: SIGHUP does not end it");
    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect(what).unwrap();
    assert_eq!(ended.code(), Some(0), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_changes_nothing() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    survives("a full disk", full.into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_goes_away_changes_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    survives("a closed pipe", OwnedFd::from(writer).into()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_stalls_changes_nothing() {
    let (reader, writer) = std::io::pipe().unwrap();
    survives("a pipe that nobody reads", OwnedFd::from(writer).into()).await;
    drop(reader);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stderr_that_was_closed_from_the_start_changes_nothing() {
    survives_in("no stderr", false, |settings| {
        let started = program(settings, &["serve"]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", "exec \"$0\" serve 2>&-"]).arg(started.as_std().get_program());
        shell.env_clear().envs(settings.iter().copied()).stdin(Stdio::null()).kill_on_drop(true);
        shell
    })
    .await;
}
