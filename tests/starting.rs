//! Starting where something is missing: the DNS, or Playarr's collections.

use std::process::Stdio;
use std::time::Duration;

use mongodb::bson::doc;
use reqwest::{Client, StatusCode};
#[cfg(feature = "system-tests")]
use tokio::process::Command;

#[cfg(feature = "system-tests")]
use crate::support::dns;
use crate::support::library::{fixtures, load};
#[cfg(feature = "system-tests")]
use crate::support::program::Log;
use crate::support::program::{complaint, free_address, program, run, signal};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_dns_away_it_is_alive_and_not_ready_and_stops_when_told() {
    let address = free_address().await;
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

/// In a mount namespace of its own, where `/etc/resolv.conf` names the DNS server of this test.
#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_dns_away_at_start_it_is_ready_once_the_servers_can_be_looked_up() {
    let server = playarr_sandbox::Mongod::start().await.unwrap();
    let client = mongodb::Client::with_uri_str(server.uri()).await.unwrap();
    load(&client.database("playarr"), &fixtures()).await.unwrap();
    let resolver = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(resolver.path(), format!("nameserver {}\noptions timeout:1 attempts:1\n", dns::ADDRESS)).unwrap();
    let address = free_address().await;
    let uri = format!("mongodb+srv://{}/?tls=false", dns::NAME);
    let settings = [("MONGODB_URI", &*uri), ("LISTEN_ADDRESS", &*address), ("LOG_FORMAT", "json")];
    let mut child = Command::new("unshare")
        .args(["--mount", "/bin/sh", "-c", "mount --bind \"$0\" /etc/resolv.conf && exec \"$1\" serve"])
        .arg(resolver.path())
        .arg(program(&[], &[]).as_std().get_program())
        .envs(settings)
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let log = Log::follow(&mut child);
    let client = Client::builder().no_proxy().build().unwrap();
    let status = |path: &'static str| {
        let request = client.get(format!("http://{address}{path}")).send();
        async { request.await.ok().map(|answer| answer.status()) }
    };
    until("it has tried to look them up", Duration::from_secs(60), || async { !log.messages("WARN").is_empty() }).await;
    assert_eq!(status("/-/healthy").await, Some(StatusCode::OK));
    assert_eq!(status("/-/ready").await, Some(StatusCode::SERVICE_UNAVAILABLE));

    let _dns = dns::Dns::start(server.port()).await;
    until("ready", Duration::from_secs(60), || async { status("/-/ready").await == Some(StatusCode::OK) }).await;
    let looked_up = |message: &&String| message.as_str() == "the servers of MongoDB could be looked up";
    assert_eq!(log.messages("INFO").iter().filter(looked_up).count(), 1);
    let expected = format!(
        "the servers of MONGODB_URI=mongodb+srv://{} cannot be looked up in the DNS: no DNS server answers; trying \
         again until they can",
        dns::NAME
    );
    assert_eq!(log.messages("WARN"), [expected]);
    signal(&child, "TERM").await;
    let ended = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
    assert_eq!(ended.code(), Some(0));
}
