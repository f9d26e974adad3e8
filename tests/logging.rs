//! A log that cannot be written changes nothing.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::time::Duration;

use playarr_sandbox::TestDatabase;
use reqwest::{Client, StatusCode};
use tokio::process::Child;

use crate::support::library::{fixtures, load};
use crate::support::program::{program, signal};
use crate::support::until;

/// An address that nobody listens on.
async fn free_address() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Starts the program with this stderr, uses it, and stops it.
async fn survives(what: &str, stderr: Stdio) {
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
    let mut child: Child = program(&settings, &["serve"]).stderr(stderr).spawn().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{address}");
    until(what, Duration::from_secs(60), || async {
        let answer = client.get(format!("{url}/-/ready")).send().await;
        answer.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    for path in ["/api/metrics/refresh", "/api/settings/metrics/regenerate", "/api/metrics/refresh"] {
        let answer = client.post(format!("{url}{path}")).header("x-api-key", "admin001").send();
        let answer = tokio::time::timeout(Duration::from_secs(60), answer).await.expect(what).unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{what}: {path}");
    }
    signal(&child, "HUP").await;
    let healthy = client.get(format!("{url}/-/healthy")).send().await.unwrap();
    assert_eq!(healthy.status(), StatusCode::OK, "{what}: SIGHUP does not end it");
    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect(what).unwrap();
    assert_eq!(ended.code(), Some(0), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_changes_nothing() {
    survives("a full disk", std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap().into()).await;
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
