//! MongoDB goes away and comes back; scrapes go on.

use std::process::Stdio;
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{Document, doc};
use playarr_sandbox::{Member, Mongod, ReplicaSet};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::support::exposition::value;
use crate::support::guarded::{ROLE, guarded};
use crate::support::library::{Library, fixtures, load};
use crate::support::oracle::Gauges;
use crate::support::program::{program, signal};
use crate::support::running::Running;
use crate::support::service::Service;
use crate::support::until;

const COLLECTOR: [(&str, &str); 1] = [("collector", "playarr_episodes_count")];

fn episodes_succeed(series: &Gauges) -> bool {
    value(series, "playarr_metrics_collector_success", &COLLECTOR) == Some(1.0)
}

/// The fixtures and so many shows that a refresh can be caught in the middle.
fn large_library() -> Library {
    let mut library = fixtures();
    let media: Vec<_> = (0..200).map(|e| doc! { "season": e / 10, "sources": [{ "provider_id": "agtv" }] }).collect();
    let shows = (0..3000).map(|show| {
        let (key, title) = (format!("big-{show}"), format!("{show}"));
        doc! { "title_key": key, "type": "tvshows", "title": title, "media": media.clone() }
    });
    library.get_mut("titles").unwrap().extend(shows);
    library
}

/// Kills the server while it works for a collector of a refresh.
async fn kill_at_work(mongod: &mut Mongod, refresh: impl Fn() -> RequestBuilder) {
    let client = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    until("a collector is at work", Duration::from_secs(60), || async {
        let started = refresh().header("x-api-key", "admin001").send().await.unwrap();
        assert_eq!(started.status(), StatusCode::ACCEPTED);
        let operations = doc! { "currentOp": 1, "command.comment": { "$regex": "^playarr-metrics " } };
        let reply = client.database("admin").run_command(operations).await.unwrap();
        !reply.get_array("inprog").unwrap().is_empty()
    })
    .await;
    mongod.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_go_on_while_mongod_is_dead_and_it_recovers_by_itself() {
    let mut mongod = Mongod::start().await.unwrap();
    let service =
        Service::with(large_library()).server(mongod.uri()).setting("MONGODB_URI", mongod.uri()).ready().await;
    let token = service.token().await;
    let scrape = || async {
        let response = service.scrape_with(&token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "a scrape never depends on the database");
        crate::support::exposition::parse(&response.text().await.unwrap())
    };
    let before = scrape().await;
    assert!(episodes_succeed(&before));

    kill_at_work(&mut mongod, || service.post("/api/metrics/refresh?wait=false")).await;

    until("the failure is visible", Duration::from_secs(90), || async { !episodes_succeed(&scrape().await) }).await;
    let during = scrape().await;
    assert_eq!(during["playarr_episodes_count"], before["playarr_episodes_count"], "the last good values stay");
    assert_eq!(during["playarr_channels_count"], before["playarr_channels_count"]);
    assert_eq!(service.status("/-/ready").await, StatusCode::OK, "there is still something to scrape");

    mongod.restart().await.unwrap();
    until("it recovered by itself", Duration::from_secs(120), || async { episodes_succeed(&scrape().await) }).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_mongod_away_at_start_it_is_not_ready_and_then_it_is() {
    let mut mongod = Mongod::start().await.unwrap();
    load_into(&mongod, &fixtures()).await;
    mongod.kill().await.unwrap();

    let service = Service::empty().server(mongod.uri()).start().await;
    assert_eq!(service.status("/-/healthy").await, StatusCode::OK);
    assert_eq!(service.status("/-/ready").await, StatusCode::SERVICE_UNAVAILABLE);
    let scrape = service.scrape_with("anything").send().await.unwrap();
    assert_eq!(scrape.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(scrape.headers().contains_key("retry-after"));
    let admin = service.post("/api/metrics/refresh").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(admin.status(), StatusCode::SERVICE_UNAVAILABLE, "nobody is taken for an admin on trust");

    mongod.restart().await.unwrap();
    until("ready", Duration::from_secs(90), || async { service.status("/-/ready").await == StatusCode::OK }).await;
    // The first refresh may have found the server half awake; the next one follows soon.
    until("complete", Duration::from_secs(60), || async { episodes_succeed(&service.series().await) }).await;
    let jobs = service.database.collection::<Document>("job_history");
    until("noted", Duration::from_secs(20), || async {
        jobs.find_one(doc! { "job_name": "UpdateMetricsJob", "status": "completed" }).await.unwrap().is_some()
    })
    .await;
    service.stop().await;
}

async fn load_into(mongod: &Mongod, library: &Library) {
    let client = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    load(&client.database("playarr"), library).await.unwrap();
}

/// The host and port that a connection string of a test names.
fn address(mongod: &Mongod) -> String {
    format!("127.0.0.1:{}", mongod.port())
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["message"].as_str().unwrap()).collect()
}

async fn until_logged(running: &Running, message: &str) {
    until(message, Duration::from_secs(120), || async {
        messages(&running.log_lines()).iter().any(|line| line.contains(message))
    })
    .await;
}

/// Asks for everything that needs the database, and scrapes.
async fn ask_for_everything(running: &Running) {
    running.series().await;
    let login =
        running.request(Method::POST, "/api/auth/login").json(&json!({ "username": "admin", "password": "secret" }));
    let key = running.request(Method::GET, "/api/settings/metrics").header("x-api-key", "admin001");
    let regenerate = running.request(Method::POST, "/api/settings/metrics/regenerate");
    let requests = [login, key, regenerate.header("x-api-key", "admin001")];
    for answer in join_all(requests.map(RequestBuilder::send)).await {
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = answer.text().await.unwrap();
        assert!(!text.contains("Topology") && !text.contains("Kind:"), "{text}");
    }
    let event = r#"{"type":"cache_operation","operation":"hit"}"#;
    running.events().header("content-type", "application/x-ndjson").body(event).send().await.unwrap();
}

/// How many refreshes failed, whatever set them off.
async fn failed_refreshes(running: &Running) -> f64 {
    let series = running.series().await;
    let failed = ["startup", "manual", "schedule"].map(|trigger| {
        let labels = [("status", "failure"), ("trigger", trigger)];
        value(&series, "playarr_metrics_refresh_total", &labels).unwrap_or(0.0)
    });
    failed.iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_one_log_line_and_its_end_another_however_much_is_asked_meanwhile() {
    let mut mongod = Mongod::start().await.unwrap();
    load_into(&mongod, &large_library()).await;
    let running = Running::start_at(mongod.uri(), "playarr", &[("REFRESH_CONCURRENCY", "14")]).await;
    until_logged(&running, "refreshed").await;
    kill_at_work(&mut mongod, || running.request(Method::POST, "/api/metrics/refresh?wait=false")).await;
    let complaint =
        ["refuses connections", "closed the connection"].map(|what| format!("MongoDB at {} {what}", address(&mongod)));
    until_logged(&running, "trying again until this is over").await;
    let lines = running.log_lines();
    let before = lines.iter().position(|line| line["level"] == "WARN").unwrap();

    // The pauses between them double.
    until("three refreshes have failed", Duration::from_secs(240), || async {
        ask_for_everything(&running).await;
        failed_refreshes(&running).await >= 3.0
    })
    .await;
    let during = running.log_lines().split_off(before);
    assert_eq!(messages(&during).len(), 1, "{:#?}", messages(&during));

    mongod.restart().await.unwrap();
    until_logged(&running, "MongoDB answers again").await;
    let lines = running.log_lines().split_off(before);
    assert_one_line_each(&messages(&lines), &complaint);
    assert!(running.end("TERM").await.success());
}

/// Whether the log begins with the line of an outage with one of these reasons, and then says that it is over.
fn assert_one_line_each(lines: &[&str], reasons: &[String]) {
    let begins = |reason: &String| lines[0] == format!("{reason}; trying again until this is over");
    assert!(reasons.iter().any(begins), "{lines:#?}");
    assert!(lines[1].starts_with("MongoDB answers again, after "), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_pauses_no_custom_metric() {
    let mut mongod = Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=500", mongod.uri());
    let service = Service::with(large_library()).server(&uri).ready().await;
    let metric = json!({ "name": "playarr_custom_users", "help": "Users.", "collection": "users", "value": "count",
                         "pipeline": [{ "$count": "count" }] });
    let path = format!("{}/api/metrics/custom/playarr_custom_users", service.url);
    let put = service.client.put(path).header("x-api-key", "admin001").json(&metric).send().await.unwrap();
    assert_eq!(put.status(), StatusCode::CREATED);
    let token = service.token().await;
    let shown = async |name: &str, labels: &[(&str, &str)]| {
        let text = service.scrape_with(&token).send().await.unwrap().text().await.unwrap();
        value(&crate::support::exposition::parse(&text), name, labels)
    };
    let succeeds = async || {
        shown("playarr_metrics_collector_success", &[("collector", "playarr_custom_users")]).await == Some(1.0)
    };
    let paused =
        async || shown("playarr_metrics_custom_metric_paused", &[("custom_metric", "playarr_custom_users")]).await;
    until("it is counted", Duration::from_secs(20), || async { succeeds().await }).await;

    kill_at_work(&mut mongod, || service.post("/api/metrics/refresh?wait=false&full=true")).await;
    let failed = [("status", "failure"), ("trigger", "schedule")];
    until("more refreshes fail than pause it", Duration::from_secs(120), || async {
        shown("playarr_metrics_refresh_total", &failed).await >= Some(3.0)
    })
    .await;
    assert!(!succeeds().await);
    assert_eq!(paused().await, Some(0.0));
    mongod.restart().await.unwrap();
    until("it is counted again", Duration::from_secs(60), || async { succeeds().await }).await;
    assert_eq!(paused().await, Some(0.0));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_mongod_away_at_start_the_log_says_so_once_and_when_that_is_over() {
    let mut mongod = Mongod::start().await.unwrap();
    load_into(&mongod, &fixtures()).await;
    mongod.kill().await.unwrap();
    let settings = [
        ("MONGODB_URI", mongod.uri()),
        ("LISTEN_ADDRESS", "127.0.0.1:0"),
        ("JWT_SECRET_KEY", "a key of at least thirty-two characters"),
        ("LOG_FORMAT", "json"),
        ("REFRESH_CONCURRENCY", "14"),
        ("LOG_LEVEL", "info,playarr_jobs::refresh=debug"),
    ];
    let mut service = program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(service.stderr.take().unwrap()).lines();
    let (mut lines, mut failed) = (Vec::new(), 0);
    while lines.last().is_none_or(|line| line != "refreshed") {
        let line = tokio::time::timeout(Duration::from_secs(60), log.next_line()).await;
        let line: Value = serde_json::from_str(&line.expect("a line").unwrap().unwrap()).unwrap();
        let message = line["message"].as_str().unwrap().to_owned();
        if line["level"] != "DEBUG" {
            lines.push(message);
        } else if message.starts_with("collectors failed") {
            failed += 1;
            if failed == 3 {
                mongod.restart().await.unwrap();
            }
        }
    }
    let begin = lines.iter().position(|line| line.contains("trying again")).unwrap();
    let reason = format!("MongoDB at {} refuses connections", address(&mongod));
    let lines: Vec<_> = lines[begin..].iter().map(String::as_str).collect();
    assert_one_line_each(&lines, &[reason]);
    signal(&service, "TERM").await;
    assert!(service.wait().await.unwrap().success());
}

/// The warnings and errors among these lines.
fn complaints(lines: &[Value]) -> Vec<&str> {
    let complaints = lines.iter().filter(|line| line["level"] == "WARN" || line["level"] == "ERROR");
    complaints.map(|line| line["message"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_set_without_a_primary_is_one_log_line_and_its_end_another() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary]).await.unwrap();
    let client = mongodb::Client::with_uri_str(set.uri()).await.unwrap();
    load(&client.database("playarr"), &fixtures()).await.unwrap();
    let running = Running::start_at(&set.uri(), "playarr", &[]).await;
    until_logged(&running, "refreshed").await;
    let before = running.log_lines().len();

    set.members[0].kill().await.unwrap();
    let event = r#"{"type":"cache_operation","operation":"hit"}"#;
    let report = || running.events().header("content-type", "application/x-ndjson").body(event).send();
    // Long enough for everything that is tried again and again to have failed twice.
    until("nothing is committed for long", Duration::from_secs(90), || async {
        for path in ["/api/metrics/refresh", "/api/settings/metrics/regenerate"] {
            running.request(Method::POST, path).header("x-api-key", "admin001").send().await.unwrap();
        }
        report().await.unwrap();
        let series = running.series().await;
        value(&series, "playarr_metrics_live_uncommitted_seconds", &[]).is_some_and(|seconds| seconds > 25.0)
    })
    .await;
    let lines = running.log_lines().split_off(before);
    let address = format!("127.0.0.1:{}", set.members[1].port());
    let lost =
        format!("MongoDB has no primary, only {address}: nothing can be written; trying again until this is over");
    assert_eq!(complaints(&lines), [lost]);

    set.members[0].restart().await.unwrap();
    until("events are taken again", Duration::from_secs(60), || async {
        report().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    until_logged(&running, "MongoDB answers again").await;
    let lines = running.log_lines().split_off(before);
    assert_eq!(complaints(&lines).len(), 1, "{lines:#?}");
    assert_eq!(messages(&lines).iter().filter(|line| line.starts_with("MongoDB answers again")).count(), 1);
    assert!(running.end("TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_that_is_refused_during_an_outage_is_part_of_it() {
    let (mut mongod, uri, root) = guarded(ROLE).await;
    let playarr = root.database("playarr");
    load(&playarr, &fixtures()).await.unwrap();
    let settings = [("LOG_LEVEL", "info,playarr_jobs::database::health=debug")];
    let running = Running::start_at(&uri, "playarr", &settings).await;
    until_logged(&running, "refreshed").await;
    let before = running.log_lines().len();
    let password = |password: &str| {
        let durable = doc! { "w": 1, "j": true };
        let change = doc! { "updateUser": "playarr-metrics", "pwd": password, "writeConcern": durable };
        let playarr = playarr.clone();
        async move { playarr.run_command(change).await.unwrap() }
    };
    // Those who are connected stay so.
    password("another").await;
    mongod.kill().await.unwrap();
    until_logged(&running, "trying again until this is over").await;
    mongod.restart().await.unwrap();
    until_logged(&running, "MongoDB refuses the login").await;
    ask_for_everything(&running).await;
    password("secret").await;
    until_logged(&running, "MongoDB answers again").await;
    let lines = running.log_lines().split_off(before);
    assert_eq!(complaints(&lines).len(), 1, "{lines:#?}");
    assert_eq!(messages(&lines).iter().filter(|line| line.starts_with("MongoDB answers again")).count(), 1);
    assert!(running.end("TERM").await.success());
}
