//! `/metrics`: who gets it, in which form, and at what cost to the database.

use std::io::Read;
use std::time::{Duration, Instant};

use flate2::bufread::GzDecoder;
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap};
use serde_json::{Value, json};

use crate::support::exposition::{database_gauges, parse, value};
use crate::support::library::fixtures;
use crate::support::oracle::{self, Detail};
use crate::support::service::Service;

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_bearer_of_the_token_gets_the_metrics() {
    let service = Service::empty().ready().await;
    let token = service.token().await;
    let missing = "Missing or invalid Authorization header";
    let wrong = "Invalid metrics token";
    for (header, expected) in [
        (None, missing),
        (Some(String::new()), missing),
        (Some(token.clone()), missing),
        (Some(format!("Basic {token}")), missing),
        (Some("Bearer ".to_owned()), missing),
        (Some(format!("Bearer {token} {token}")), missing),
        (Some("Bearer x".to_owned()), wrong),
        (Some(format!("Bearer {token}0")), wrong),
        (Some(format!("Bearer {}", token.to_uppercase())), wrong),
    ] {
        let mut request = service.get("/metrics");
        if let Some(header) = &header {
            request = request.header(AUTHORIZATION, header);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{header:?}");
        assert!(response.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer "));
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "error": expected }), "{header:?}");
    }
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let scrape = service.get("/metrics").header(AUTHORIZATION, format!("{scheme} {token}"));
        assert_eq!(scrape.send().await.unwrap().status(), StatusCode::OK, "{scheme}");
    }
    let series = service.series().await;
    let failures = |reason| value(&series, "playarr_metrics_scrape_failures_total", &[("reason", reason)]);
    assert_eq!((failures("missing_token"), failures("wrong_token")), (Some(6.0), Some(3.0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_selector_that_cannot_be_read_is_refused_after_the_token() {
    let service = Service::empty().ready().await;
    for query in ["match[]=%FF", "match[]={"] {
        let stranger = service.get(&format!("/metrics?{query}")).send().await.unwrap();
        assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED, "{query}");
        let scrape = service.get(&format!("/metrics?{query}")).bearer_auth(service.token().await);
        assert_eq!(scrape.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_routes_and_methods_are_answered_in_json() {
    let service = Service::empty().start().await;
    let not_found = service.get("/nowhere").send().await.unwrap();
    assert_eq!(not_found.status(), StatusCode::NOT_FOUND);
    assert_eq!(not_found.json::<Value>().await.unwrap(), json!({ "error": "No such route" }));
    let method = service.post("/metrics").send().await.unwrap();
    assert_eq!(method.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(service.status("/-/healthy").await, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_gauges_come_in_both_formats_plain_and_compressed() {
    let service = Service::with(fixtures()).ready().await;
    let expected = oracle::gauges(&fixtures(), Detail::Title);
    let token = service.token().await;
    for (accept, content_type) in [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        (Some("*/*"), "text/plain; version=0.0.4; charset=utf-8"),
        (Some(OPENMETRICS), "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ] {
        for encoding in ["identity", "gzip"] {
            let mut request = service.scrape_with(&token).header(ACCEPT_ENCODING, encoding);
            if let Some(accept) = accept {
                request = request.header(ACCEPT, accept);
            }
            let response = request.send().await.unwrap();
            let headers = response.headers().clone();
            assert_eq!(headers["content-type"], content_type);
            for varies in ["Accept", "Accept-Encoding"] {
                assert!(headers["vary"].to_str().unwrap().split(", ").any(|header| header == varies));
            }
            let body = response.bytes().await.unwrap();
            assert_eq!(headers["content-length"].to_str().unwrap(), body.len().to_string());
            let text = if encoding == "gzip" { gunzip(&headers, &body) } else { plain(&headers, &body) };
            assert_eq!(text.ends_with("# EOF\n"), accept == Some(OPENMETRICS));
            let mut gauges = database_gauges(parse(&text));
            gauges.retain(|name, _| expected.contains_key(name));
            assert_eq!(gauges, expected, "{accept:?} {encoding}");
        }
    }
}

fn plain(headers: &HeaderMap, body: &[u8]) -> String {
    assert!(!headers.contains_key("content-encoding"));
    String::from_utf8(body.to_vec()).unwrap()
}

/// Reads one member, as curl does, and finds nothing behind it.
fn gunzip(headers: &HeaderMap, body: &[u8]) -> String {
    assert_eq!(headers["content-encoding"], "gzip");
    let (mut text, mut decoder) = (String::new(), GzDecoder::new(body));
    decoder.read_to_string(&mut text).unwrap();
    assert!(decoder.into_inner().is_empty(), "one gzip member and nothing after it");
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_scrapes_at_once_than_allowed_are_sent_away() {
    // The body must be too large for the buffers between us, so that a reader who stops keeps its scrape open.
    let mut library = fixtures();
    let shows = (0..400).map(|show| {
        let media: Vec<_> =
            (0..60).map(|season| doc! { "season": season, "sources": [{ "provider_id": "p" }] }).collect();
        let (key, title) = (format!("many-{show}"), format!("{show} {}", "x".repeat(600)));
        doc! { "title_key": key, "type": "tvshows", "title": title, "media": media }
    });
    library.get_mut("titles").unwrap().extend(shows);
    let service =
        Service::with(library).setting("MAX_CONCURRENT_SCRAPES", "2").setting("SERIES_BUDGET", "100000").ready().await;
    let token = service.token().await;
    let (first, second) =
        (service.scrape_with(&token).send().await.unwrap(), service.scrape_with(&token).send().await.unwrap());
    let third = service.scrape_with(&token).send().await.unwrap();
    assert_eq!(third.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(third.headers().contains_key("retry-after"));
    assert!(first.text().await.unwrap().ends_with('\n'));
    drop(second);
    crate::support::until("a place is free again", Duration::from_secs(10), || async {
        service.scrape_with(&token).send().await.unwrap().status() == StatusCode::OK
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_scrapes_ask_the_database_nothing() {
    let mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).ready().await;
    let token = service.token().await;
    // The job notes its end in the history after the snapshot is out.
    crate::support::until("the first refresh is over", Duration::from_secs(20), || async {
        let jobs = service.database.collection::<Document>("job_history");
        jobs.count_documents(doc! { "job_name": "UpdateMetricsJob", "status": "completed" }).await.unwrap() == 1
    })
    .await;

    let (before, started) = (operations(&service).await, Instant::now());
    for _ in 0..1000 {
        assert_eq!(service.scrape_with(&token).send().await.unwrap().status(), StatusCode::OK);
    }
    let (after, elapsed) = (operations(&service).await, started.elapsed());
    // Two tokens are looked at every four seconds, the journal twice a second, with a commit each second for what the
    // scrapes count, and nothing else.
    let checks = 2 * (elapsed.as_secs() / 4 + 2) + 4 * (elapsed.as_secs() + 2);
    let asked: i64 = ["query", "getmore", "insert", "update", "delete"]
        .iter()
        .map(|kind| after.get(kind).unwrap().as_i64().unwrap() - before.get(kind).unwrap().as_i64().unwrap())
        .sum();
    assert!(asked <= i64::try_from(checks).unwrap(), "{asked} operations in {elapsed:?}: {before} {after}");
    crate::support::until("every scrape is counted", Duration::from_secs(5), || async {
        let series = service.series().await;
        value(&series, "playarr_metrics_scrapes_total", &[("format", "text")]) >= Some(1000.0)
    })
    .await;
}

async fn operations(service: &Service) -> Document {
    let status = service.database.run_command(doc! { "serverStatus": 1 }).await.unwrap();
    let counters = status.get_document("opcounters").unwrap();
    counters
        .iter()
        .map(|(kind, count)| {
            let count = count.as_i64().or_else(|| count.as_i32().map(i64::from)).unwrap_or_default();
            (kind.clone(), count.into())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_tells_about_itself() {
    let service = Service::with(fixtures()).ready().await;
    let series = service.series().await;
    assert_eq!(series["playarr_metrics_build_info"].values().copied().collect::<Vec<_>>(), [1.0]);
    for trigger in ["schedule", "manual", "startup", "change"] {
        for status in ["success", "failure"] {
            let expected = f64::from(u8::from((trigger, status) == ("startup", "success")));
            let labels = [("trigger", trigger), ("status", status)];
            assert_eq!(value(&series, "playarr_metrics_refresh_total", &labels), Some(expected));
        }
    }
    assert_eq!(value(&series, "playarr_metrics_refresh_duration_seconds_count", &[]), Some(1.0));
    for (family, gauge) in oracle::gauges(&fixtures(), Detail::Title) {
        let of_collector = |name: &str| value(&series, name, &[("collector", &family)]);
        assert_eq!(of_collector("playarr_metrics_collector_success"), Some(1.0));
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let shown = gauge.len() as f64;
        assert_eq!(of_collector("playarr_metrics_collector_series"), Some(shown), "{family}");
        assert_eq!(of_collector("playarr_metrics_collector_folded_series"), Some(0.0));
        assert!(of_collector("playarr_metrics_collector_duration_seconds") > Some(0.0));
        assert!(of_collector("playarr_metrics_collector_last_success_timestamp_seconds") > Some(1.7e9));
    }
    assert!(value(&series, "playarr_metrics_snapshot_timestamp_seconds", &[]) > Some(1.7e9));
    assert!(value(&series, "process_resident_memory_bytes", &[]) > Some(0.0));
    assert!(series.len() < 100, "fewer than 100 families");
}
