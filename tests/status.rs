//! The status: how fresh the numbers are, and why a Prometheus has none.

use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, USER_AGENT};
use serde_json::{Value, json};

use crate::support::library::fixtures;
use crate::support::service::Service;

async fn status(service: &Service) -> Value {
    let response = service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_how_fresh_the_snapshot_is_and_what_each_collector_did() {
    let service = Service::with(fixtures()).setting("REFRESH_INTERVAL", "7m").ready().await;
    service.refresh().await;
    let status = crate::support::awaited("the next run is planned", || async {
        Some(status(&service).await).filter(|status| status["next_run"].is_string())
    })
    .await;
    assert_eq!(status["snapshot"]["generation"], 2);
    let age = status["snapshot"]["age_seconds"].as_f64().unwrap();
    assert!((0.0..60.0).contains(&age), "{age}");
    for moment in [&status["now"], &status["snapshot"]["taken_at"], &status["next_run"], &status["last_run"]["started"]]
    {
        assert!(moment.as_str().unwrap().ends_with('Z'), "{moment}");
    }
    assert_eq!((&status["refreshing"], &status["interval_seconds"]), (&json!(false), &json!(420)));
    let last = &status["last_run"];
    assert_eq!((&last["generation"], &last["trigger"], &last["success"]), (&json!(2), &json!("manual"), &json!(true)));
    let collectors = status["collectors"].as_array().unwrap();
    assert_eq!(collectors.len(), 14);
    for collector in collectors {
        assert!(collector["name"].as_str().unwrap().starts_with("playarr_"));
        assert!(collector["series"].is_u64() && collector["folded_series"].is_u64());
        assert!(collector["duration_seconds"].as_f64().unwrap() > 0.0);
        assert!(collector["error"].is_null() && collector["last_success"].is_string());
    }
    assert_eq!(status["websocket_connections"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_that_the_database_answers_and_is_playarrs() {
    let service = Service::with(fixtures()).ready().await;
    let database = crate::support::awaited("the database was looked at", || async {
        Some(status(&service).await["database"].clone()).filter(|database| !database["is_playarrs"].is_null())
    })
    .await;
    let expected = json!({
        "name": service.database.name(), "state": "up", "since": null, "seconds": null, "reason": null,
        "is_playarrs": true, "elsewhere": [],
    });
    assert_eq!(database, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_not_playarrs_comes_with_those_that_are() {
    let mongod = Mongod::start().await.unwrap();
    let client = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    client.database("playarr_home").create_collection("titles").await.unwrap();
    let admin = fixtures().into_iter().filter(|(collection, _)| collection == "users").collect();
    let service = Service::with(admin).server(mongod.uri()).ready().await;
    let database = crate::support::awaited("the database was looked at", || async {
        Some(status(&service).await["database"].clone()).filter(|database| !database["is_playarrs"].is_null())
    })
    .await;
    assert_eq!(
        (&database["name"], &database["is_playarrs"], &database["elsewhere"]),
        (&json!("playarr"), &json!(false), &json!(["playarr_home"]))
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_mongod_is_dead_an_admin_is_told_since_when() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).ready().await;
    let session = service.session("admin", "admin-password").await;
    mongod.kill().await.unwrap();
    let body = crate::support::awaited("the outage is noticed", || async {
        let request = service.get("/api/metrics/status").header("x-api-key", "admin001");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body: Value = response.json().await.unwrap();
        body["database"].is_object().then_some(body)
    })
    .await;
    assert!(body["error"].as_str().unwrap().contains("MongoDB has not answered since "), "{body}");
    assert!(body["database"]["since"].as_str().unwrap().ends_with('Z'), "{body}");
    assert!(body["database"]["seconds"].as_f64().unwrap() >= 0.0, "{body}");
    let page = service.get("/overview").header("cookie", session).header(ACCEPT, "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = page.text().await.unwrap();
    assert!(page.contains("MongoDB has not answered since ") && page.contains(" UTC ("), "{page}");
    assert!(page.contains("Scrapes go on with the last numbers."), "{page}");
    for answer in [body.to_string(), page] {
        assert!(!answer.contains("127.0.0.1") && !answer.contains("Topology"), "{answer}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_first_snapshot_no_page_says_that_scrapes_go_on() {
    let service = Service::empty().server("mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300").start().await;
    let page = service.get("/overview").header("x-api-key", "admin001").header(ACCEPT, "text/html");
    let page = page.send().await.unwrap();
    assert_eq!(page.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text().await.unwrap().contains("Scrapes are refused until it does"));
    let scrape = service.scrape_with("any").header(ACCEPT, "text/html").send().await.unwrap();
    assert_eq!(scrape.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(!scrape.text().await.unwrap().contains("Scrapes go on"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_fails_says_why_and_when_it_last_succeeded() {
    let service = Service::with(fixtures()).ready().await;
    let before = status(&service).await;
    let channels = service.database.collection::<Document>("channels");
    channels.drop().await.unwrap();
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    service.database.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();
    service.refresh().await;
    let after = status(&service).await;
    assert_eq!(after["last_run"]["success"], false);
    let of_channels = |status: &Value| {
        let collectors = status["collectors"].as_array().unwrap().clone();
        collectors.into_iter().find(|collector| collector["name"] == "playarr_channels_count").unwrap()
    };
    let (before, after) = (of_channels(&before), of_channels(&after));
    assert!(after["error"].as_str().unwrap().contains("divide by zero"), "{after}");
    assert_eq!((&after["last_success"], &after["series"]), (&before["last_success"], &before["series"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_who_scraped_in_which_form_and_how_much_it_was() {
    let service = Service::with(fixtures()).ready().await;
    let token = service.token().await;
    let plain = service.scrape_with(&token).header(ACCEPT_ENCODING, "identity").header(USER_AGENT, "curl/8.0");
    let plain = plain.send().await.unwrap().bytes().await.unwrap();
    let packed = service
        .scrape_with(&token)
        .header(ACCEPT, "application/openmetrics-text")
        .header(ACCEPT_ENCODING, "gzip")
        .header(USER_AGENT, "Prometheus/2.42.0")
        .header("x-forwarded-for", "198.51.100.7, 203.0.113.9");
    let packed = packed.send().await.unwrap().bytes().await.unwrap();
    let status = crate::support::awaited("both are counted", || async {
        Some(status(&service).await).filter(|status| status["scrapes"]["recent"].as_array().unwrap().len() == 2)
    })
    .await;
    let scrapes = &status["scrapes"];
    assert_eq!(scrapes["answered"], json!({ "text": 1, "openmetrics": 1 }));
    let failures = json!({
        "no_header": 0, "not_bearer": 0, "ingest_token": 0, "summary_token": 0, "other_token": 0,
        "token_unknown": 0, "too_many": 0, "bad_selector": 0
    });
    assert_eq!(scrapes["failures"], failures);
    for cause in failures.as_object().unwrap().keys() {
        assert!(scrapes["fixes"][cause].as_str().unwrap().len() > 20, "{cause}");
    }
    let [newest, oldest] = [0, 1].map(|position| scrapes["recent"][position].clone());
    for (scrape, client, format, encoding, bytes, user_agent) in [
        (newest, "203.0.113.9", "openmetrics", "gzip", packed.len(), "Prometheus/2.42.0"),
        (oldest, "127.0.0.1", "text", "identity", plain.len(), "curl/8.0"),
    ] {
        assert_eq!(scrape["client"], client);
        assert_eq!((&scrape["format"], &scrape["encoding"]), (&json!(format), &json!(encoding)));
        assert_eq!((&scrape["bytes"], &scrape["user_agent"]), (&json!(bytes), &json!(user_agent)));
        assert!(scrape["failure"].is_null() && scrape["duration_seconds"].as_f64().unwrap() > 0.0);
        assert!(scrape["at"].as_str().unwrap().ends_with('Z'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_failed_scrape_comes_with_its_fix() {
    let service = Service::with(fixtures()).ready().await;
    let ingest = service.ingest_token().await;
    let summary = service.get("/api/settings/metrics?token=summary").header("x-api-key", "admin001").send().await;
    let summary: serde_json::Value = summary.unwrap().json().await.unwrap();
    let summary = summary["value"].as_str().unwrap();
    let cases = [
        (None, "no_header", "No Authorization header was sent"),
        (Some("Basic YTpi".to_owned()), "not_bearer", "instead of basic_auth"),
        (Some(format!("Bearer {ingest}")), "ingest_token", "This is the ingest token"),
        (Some(format!("Bearer {summary}")), "summary_token", "This is the summary token"),
        (Some("Bearer old".to_owned()), "other_token", "The token was regenerated since, or mistyped"),
    ];
    for (header, failure, fix) in &cases {
        let mut scrape = service.get("/metrics").header(USER_AGENT, "Prometheus/<script>alert(1)</script>");
        if let Some(header) = header {
            scrape = scrape.header(AUTHORIZATION, header);
        }
        assert_eq!(scrape.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        let status = status(&service).await;
        let scrape = &status["scrapes"]["recent"][0];
        assert_eq!((&scrape["failure"], &scrape["client"]), (&json!(failure), &json!("127.0.0.1")));
        assert!(scrape["fix"].as_str().unwrap().contains(fix), "{scrape}");
        for nothing in ["format", "encoding", "bytes", "duration_seconds"] {
            assert!(scrape[nothing].is_null(), "{nothing}");
        }
        let shows = |token: &str| status.to_string().contains(token);
        assert!(!shows(&ingest) && !shows(summary), "the token itself is not shown");
    }
    let scrapes = status(&service).await["scrapes"].clone();
    for (_, failure, _) in &cases {
        assert_eq!(scrapes["failures"][failure], 1, "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scrape_with_a_bad_selector_is_told_and_counted() {
    let service = Service::with(fixtures()).ready().await;
    let token = service.token().await;
    let many: String = (0..101).map(|_| "match[]=up&").collect();
    for query in ["match[]=up{", "match[]=up&match[]=%7Bjob%3D%7D", "match[]=", many.as_str()] {
        let scrape = service.get(&format!("/metrics?{query}")).bearer_auth(&token);
        assert_eq!(scrape.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{query}");
    }
    // The token comes first.
    assert_eq!(service.status("/metrics?match[]=up{").await, StatusCode::UNAUTHORIZED);
    let scrapes = status(&service).await["scrapes"].clone();
    assert_eq!((&scrapes["failures"]["bad_selector"], &scrapes["failures"]["no_header"]), (&json!(4), &json!(1)));
    assert_eq!(scrapes["recent"][1]["failure"], "bad_selector");
    assert!(scrapes["recent"][1]["fix"].as_str().unwrap().contains("match[]"), "{scrapes}");
    service.until_value("playarr_metrics_scrape_failures_total", &[("reason", "bad_selector")], 4.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_scrapes_fail_the_answered_ones_stay_in_sight() {
    let service = Service::with(fixtures()).ready().await;
    service.text().await;
    for n in 0..70 {
        let wrong = service.scrape_with("wrong").header(USER_AGENT, format!("{n} {}", "x".repeat(500)));
        assert_eq!(wrong.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    let status = status(&service).await;
    let recent = status["scrapes"]["recent"].as_array().unwrap();
    assert!((2..=51).contains(&recent.len()), "{}", recent.len());
    assert!(recent.last().unwrap()["failure"].is_null());
    assert_eq!(status["scrapes"]["failures"]["other_token"], 70);
    assert_eq!(recent[0]["user_agent"].as_str().unwrap().len(), 128);
}
