//! Starting where something is missing: the DNS, or Playarr's collections.

use std::process::Stdio;
use std::time::Duration;

use mongodb::bson::doc;
use reqwest::{Client, StatusCode};

use crate::support::library::{fixtures, load};
use crate::support::program::{complaint, program, run, signal};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_dns_away_it_is_alive_and_not_ready_and_stops_when_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let settings = [("MONGODB_URI", "mongodb+srv://nowhere.invalid"), ("LISTEN_ADDRESS", &*address)];
    let mut child = program(&settings, &["serve"]).stderr(Stdio::null()).spawn().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let status = |path: &'static str| {
        let request = client.get(format!("http://{address}{path}")).send();
        async { request.await.ok().map(|answer| answer.status()) }
    };
    until("alive", Duration::from_secs(30), || async { status("/-/healthy").await == Some(StatusCode::OK) }).await;
    assert_eq!(status("/-/ready").await, Some(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(status("/metrics").await, Some(StatusCode::SERVICE_UNAVAILABLE));
    let head = client.head(format!("http://{address}/-/healthy")).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    let post = client.post(format!("http://{address}/api/metrics/events")).send().await.unwrap();
    assert_eq!(post.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(post.headers().contains_key("retry-after"));
    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collect_says_that_a_database_is_not_playarrs_and_which_one_is() {
    let server = playarr_sandbox::Mongod::start().await.unwrap();
    let client = mongodb::Client::with_uri_str(server.uri()).await.unwrap();
    load(&client.database("playarr"), &fixtures()).await.unwrap();
    client.database("other").collection("things").insert_one(doc! {}).await.unwrap();
    let settings = [("MONGODB_URI", server.uri()), ("MONGODB_DB_NAME", "playar"), ("LOG_LEVEL", "error")];
    let output = run(&settings, &["collect"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        complaint(&output),
        "playarr-metrics: the database playar has none of Playarr's collections; the database playarr of this \
         server has them; set MONGODB_DB_NAME to it?\n"
    );
    let output = run(&[("MONGODB_URI", server.uri())], &["collect"]).await;
    assert!(output.status.success(), "{}", complaint(&output));
}
