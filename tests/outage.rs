//! MongoDB goes away and comes back; scrapes go on.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::{fixtures, load};
use crate::support::oracle::Gauges;
use crate::support::running::Running;
use crate::support::service::Service;
use crate::support::until;

const COLLECTOR: [(&str, &str); 1] = [("collector", "playarr_episodes_count")];

fn episodes_succeed(series: &Gauges) -> bool {
    value(series, "playarr_metrics_collector_success", &COLLECTOR) == Some(1.0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scrapes_go_on_while_mongod_is_dead_and_it_recovers_by_itself() {
    let mut mongod = Mongod::start().await.unwrap();
    let mut library = fixtures();
    // Enough shows to catch a refresh in the middle.
    let media: Vec<_> =
        (0..200).map(|e| doc! { "season": e / 10, "sources": [{ "provider_id": "agtv" }] }).collect();
    let shows = (0..3000).map(|show| {
        let (key, title) = (format!("big-{show}"), format!("{show}"));
        doc! { "title_key": key, "type": "tvshows", "title": title, "media": media.clone() }
    });
    library.get_mut("titles").unwrap().extend(shows);
    let service =
        Service::with(library).server(mongod.uri()).setting("MONGODB_URI", mongod.uri()).ready().await;
    let token = service.token().await;
    let scrape = || async {
        let response = service.scrape_with(&token).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK, "a scrape never depends on the database");
        crate::support::exposition::parse(&response.text().await.unwrap())
    };
    let before = scrape().await;
    assert!(episodes_succeed(&before));

    // Kill the server while it works for a collector.
    let refresh = service.post("/api/metrics/refresh?wait=false").header("x-api-key", "admin001");
    assert_eq!(refresh.send().await.unwrap().status(), StatusCode::ACCEPTED);
    until("a collector is at work", Duration::from_secs(20), || async {
        let operations = doc! { "currentOp": 1, "command.comment": { "$regex": "^playarr-metrics " } };
        let reply = service.database.client().database("admin").run_command(operations).await.unwrap();
        let at_work = !reply.get_array("inprog").unwrap().is_empty();
        if !at_work {
            let again = service.post("/api/metrics/refresh?wait=false").header("x-api-key", "admin001");
            again.send().await.unwrap();
        }
        at_work
    })
    .await;
    mongod.kill().await.unwrap();

    until("the failure is visible", Duration::from_secs(90), || async { !episodes_succeed(&scrape().await) })
        .await;
    let during = scrape().await;
    assert_eq!(
        during["playarr_episodes_count"], before["playarr_episodes_count"],
        "the last good values stay"
    );
    assert_eq!(during["playarr_channels_count"], before["playarr_channels_count"]);
    assert_eq!(service.status("/-/ready").await, StatusCode::OK, "there is still something to scrape");

    mongod.restart().await.unwrap();
    until("it recovered by itself", Duration::from_secs(120), || async { episodes_succeed(&scrape().await) })
        .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_mongod_away_at_start_it_is_not_ready_and_then_it_is() {
    let mut mongod = Mongod::start().await.unwrap();
    load_into(&mongod).await;
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
    until("ready", Duration::from_secs(90), || async { service.status("/-/ready").await == StatusCode::OK })
        .await;
    // The first refresh may have found the server half awake; the next one follows soon.
    until("complete", Duration::from_secs(60), || async { episodes_succeed(&service.series().await) }).await;
    let jobs = service.database.collection::<Document>("job_history");
    until("noted", Duration::from_secs(20), || async {
        jobs.find_one(doc! { "job_name": "UpdateMetricsJob", "status": "completed" }).await.unwrap().is_some()
    })
    .await;
    service.stop().await;
}

async fn load_into(mongod: &Mongod) {
    let client = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    load(&client.database("playarr"), &fixtures()).await.unwrap();
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
    let login = running
        .request(Method::POST, "/api/auth/login")
        .json(&json!({ "username": "admin", "password": "secret" }));
    let key = running.request(Method::GET, "/api/settings/metrics").header("x-api-key", "admin001");
    let regenerate = running.request(Method::POST, "/api/settings/metrics/regenerate");
    for request in [login, key, regenerate.header("x-api-key", "admin001")] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = answer.text().await.unwrap();
        assert!(!text.contains("Topology") && !text.contains("Kind:"), "{text}");
    }
    let event = r#"{"type":"cache_operation","operation":"hit"}"#;
    running.events().header("content-type", "application/x-ndjson").body(event).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_is_one_log_line_and_its_end_another_however_much_is_asked_meanwhile() {
    let mut mongod = Mongod::start().await.unwrap();
    load_into(&mongod).await;
    let running = Running::start_at(mongod.uri(), "playarr", &[]).await;
    until_logged(&running, "refreshed").await;
    let before = running.log_lines().len();
    mongod.kill().await.unwrap();

    // The pauses between them double, so these take about a minute.
    until("five refreshes have failed", Duration::from_secs(240), || async {
        ask_for_everything(&running).await;
        let series = running.series().await;
        let failed = ["startup", "schedule"].map(|trigger| {
            let labels = [("status", "failure"), ("trigger", trigger)];
            value(&series, "playarr_metrics_refresh_total", &labels).unwrap_or(0.0)
        });
        failed.iter().sum::<f64>() >= 5.0
    })
    .await;
    let during = running.log_lines().split_off(before);
    assert_eq!(messages(&during).len(), 1, "{:#?}", messages(&during));
    let expected = ["refuses connections", "closed the connection"]
        .map(|what| format!("MongoDB at {} {what}; trying again until this is over", address(&mongod)));
    let [line] = messages(&during)[..] else { panic!() };
    assert!(expected.iter().any(|expected| expected == line), "{line}");

    mongod.restart().await.unwrap();
    until_logged(&running, "MongoDB answers again").await;
    let lines = running.log_lines().split_off(before);
    assert_eq!(messages(&lines[..2])[0], line);
    assert!(messages(&lines[..2])[1].starts_with("MongoDB answers again, after "), "{lines:#?}");
    assert!(running.end("TERM").await.success());
}
