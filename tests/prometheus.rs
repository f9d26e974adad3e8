//! A real Prometheus scrapes the service, evaluates the rules and answers every query of the dashboard.

use std::net::SocketAddr;

use bytes::Bytes;
use playarr_metrics::accounts::{TokenKind, Tokens};
use playarr_metrics::catalog::{Catalog, DOCS, Output};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::json;
use warp::Filter;

use crate::support::library::fixtures;
use crate::support::oracle::{self, Detail};
use crate::support::prometheus::Prometheus;
use crate::support::promql::dashboard;
use crate::support::service::Service;
use crate::support::traffic;

/// Both jobs scrape the same service: one as Prometheus asks by itself, the other in the text format.
const OPENMETRICS: &str = "playarr";
const TEXT: &str = "playarr-text";

/// A service that shows the fixtures, and a Prometheus that scrapes it in both formats and has the rules.
async fn watched() -> (Service, Prometheus) {
    let service = Service::with(fixtures()).ready().await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let text = asks_for_text(&service.url).await.to_string();
    let rules = Output::Rules.of(&Catalog::default(), DOCS);
    let token = service.token().await;
    let prometheus = Prometheus::scraping(&[(OPENMETRICS, &address), (TEXT, &text)], &token, &rules).await;
    prometheus.until_it("scrapes both jobs", || async { prometheus.value("sum(up)").await == Some(2.0) }).await;
    (service, prometheus)
}

/// Prometheus 2.42 cannot be told to ask for the text format, as versions before 2 and other scrapers do. This stands
/// in front of the service and changes nothing but the `Accept` header.
async fn asks_for_text(url: &str) -> SocketAddr {
    let url = format!("{url}/metrics");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let headers = warp::header::<String>("authorization").and(warp::header::<String>("accept-encoding"));
    let filter = warp::path!("metrics").and(headers).then(move |token: String, encoding: String| {
        let request = client.get(&url).header(ACCEPT, "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
        let request = request.header(AUTHORIZATION, token).header(ACCEPT_ENCODING, encoding);
        async move {
            let answer = request.send().await.unwrap();
            let mut passed_on = warp::http::Response::builder().status(answer.status());
            for name in [CONTENT_TYPE, CONTENT_ENCODING] {
                if let Some(value) = answer.headers().get(&name) {
                    passed_on = passed_on.header(name, value);
                }
            }
            passed_on.body::<Bytes>(answer.bytes().await.unwrap()).unwrap()
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(warp::serve(filter).incoming(listener).run());
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_jobs_with_complementary_selectors_scrape_everything_once() {
    let service = Service::with(fixtures()).ready().await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    let large = r#"{__name__=~"playarr_(episodes|channels)_count|playarr_.*_bucket"}"#;
    let rest = r#"{__name__!~"playarr_(episodes|channels)_count|playarr_.*_bucket",__name__!=""}"#;
    let jobs = [("whole", &*address, ""), ("large", &address, large), ("rest", &address, rest)];
    let prometheus = Prometheus::scraping_parts(&jobs, &service.token().await, "").await;
    prometheus.until_it("scrapes all jobs", || async { prometheus.value("sum(up)").await == Some(3.0) }).await;
    // What the service says of itself grows while it is scraped.
    // Operators do not look at names.
    let named = |job: &str| {
        format!(r#"label_replace({{__name__=~"playarr_[^m].*",job="{job}"}}, "name", "$1", "__name__", "(.+)")"#)
    };
    let names = |job: &str| format!("count by (name) ({})", named(job));
    let different = format!("{} != ({} or {})", names("whole"), names("large"), names("rest"));
    let both = format!("{} and {}", names("large"), names("rest"));
    prometheus
        .until_it("has everything", || async {
            prometheus.value(&format!("count({})", names("whole"))).await.is_some_and(|names| names > 20.0)
                && prometheus.query(&different).await.is_empty()
        })
        .await;
    assert!(prometheus.query(&both).await.is_empty(), "no series twice");
    let count = |job: &str| format!("count(playarr_episodes_count{{job=\"{job}\"}})");
    assert_eq!(prometheus.value(&count("large")).await, prometheus.value(&count("whole")).await);
    assert_eq!(prometheus.value(&count("rest")).await, None);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_reads_both_formats_and_has_the_values_of_the_library() {
    let (service, prometheus) = watched().await;
    let scraped = || async {
        let both = "count(sum by (format) (playarr_metrics_scrapes_total{job=\"playarr\"}) >= 2)";
        prometheus.value(both).await == Some(2.0)
    };
    prometheus.until_it("scraped in both formats", scraped).await;

    for (name, series) in oracle::gauges(&fixtures(), Detail::Title) {
        for job in [OPENMETRICS, TEXT] {
            let found = prometheus.query(&format!("{name}{{job=\"{job}\"}}")).await;
            assert_eq!(found.len(), series.len(), "{name} of {job}");
            for (labels, value) in found {
                let labels = labels.as_object().unwrap().iter();
                let labels = labels.filter(|(name, _)| !["__name__", "job", "instance"].contains(&&***name));
                let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
                assert_eq!(series.get(&labels), Some(&value), "{name}{labels:?} of {job}");
            }
        }
    }
    let agtv = "sum(playarr_provider_titles_count{job=\"playarr\", provider_id=\"agtv\"})";
    assert_eq!(prometheus.value(agtv).await, Some(28.0));
    // What a family is and says: the metadata survives both formats.
    let metadata = prometheus.get("/api/v1/metadata?metric=playarr_main_titles_count").await;
    assert_eq!(metadata["playarr_main_titles_count"].as_array().unwrap().len(), 1, "{metadata}");

    let targets = prometheus.get("/api/v1/targets?state=active").await;
    for target in targets["activeTargets"].as_array().unwrap() {
        assert_eq!((&target["health"], &target["lastError"]), (&"up".into(), &"".into()), "{target}");
    }
    let log = prometheus.log.lock().unwrap().clone();
    let complaints: Vec<_> =
        log.lines().filter(|line| line.contains("level=warn") || line.contains("level=error")).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_token_in_the_credentials_file_is_all_that_a_rotation_takes() {
    let (service, prometheus) = watched().await;
    let new = Tokens::new(&service.database).rotate(TokenKind::Metrics).await.unwrap();
    prometheus.until_it("is refused", || async { prometheus.value("sum(up)").await == Some(0.0) }).await;
    let targets = prometheus.get("/api/v1/targets?state=active").await;
    assert!(targets.to_string().contains("401 Unauthorized"), "{targets}");

    std::fs::write(prometheus.credentials_file(), format!("{}\n", new.reveal())).unwrap();
    prometheus.until_it("scrapes again", || async { prometheus.value("sum(up)").await == Some(2.0) }).await;
    // The service tells of it, which is what the alert on scrapes without a valid token watches.
    let refused = "sum(playarr_metrics_scrape_failures_total{reason=\"wrong_token\"})";
    assert!(prometheus.value(refused).await > Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_evaluates_every_rule_without_an_error() {
    let (_service, prometheus) = watched().await;
    let catalog = Catalog::default();
    let expected = catalog.alerts().count() + catalog.recordings().count();
    let evaluated = || async {
        let rules = rules(&prometheus).await;
        rules.len() == expected && rules.iter().all(|rule| rule["health"] != "unknown")
    };
    prometheus.until_it("evaluated the rules", evaluated).await;
    for rule in rules(&prometheus).await {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    // A provider of the fixtures is inactive: its alert is on its way.
    let pending = || async {
        let alerts = r#"ALERTS{alertname="PlayarrProviderInactive", provider_id="nordic-streams", job="playarr"}"#;
        prometheus.value(alerts).await == Some(1.0)
    };
    prometheus.until_it("sees that a provider is inactive", pending).await;
    let recorded =
        prometheus.value(r#"provider:playarr_provider_titles_count:sum{job="playarr", provider_id="agtv"}"#).await;
    assert_eq!(recorded, Some(28.0));
}

async fn rules(prometheus: &Prometheus) -> Vec<serde_json::Value> {
    let groups = prometheus.get("/api/v1/rules").await;
    let groups = groups["groups"].as_array().unwrap();
    groups.iter().flat_map(|group| group["rules"].as_array().unwrap()).cloned().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_query_of_the_dashboard_returns_data() {
    let (service, prometheus) = watched().await;
    let users = json!({
        "name": "playarr_custom_users", "help": "Users.", "unit": "users", "collection": "users", "labels": [],
        "value": "count", "pipeline": [{ "$count": "count" }],
    });
    let put = service.client.put(format!("{}/api/metrics/custom/playarr_custom_users", service.url)).json(&users);
    put.header("x-api-key", "admin001").send().await.unwrap().error_for_status().unwrap();
    // The first events make the series, the next ones make them grow.
    traffic::report(&service).await;
    let there = "count(playarr_authentication_failures_total{reason=\"bad_password\"})";
    prometheus.until_it("sees the events", || async { prometheus.value(there).await == Some(2.0) }).await;
    traffic::report(&service).await;
    service.refresh().await;
    let grown = "count(playarr_authentication_failures_total{reason=\"bad_password\"} >= 2)";
    prometheus.until_it("sees more", || async { prometheus.value(grown).await == Some(2.0) }).await;
    let custom = "count(playarr_custom_users)";
    prometheus.until_it("sees the custom metric", || async { prometheus.value(custom).await == Some(2.0) }).await;

    let mut empty = Vec::new();
    for query in dashboard() {
        let values: Vec<f64> = if query.is_range {
            prometheus.query_range(&query.expr).await
        } else {
            prometheus.query(&query.expr).await.into_iter().map(|(_, value)| value).collect()
        };
        if values.iter().all(|value| value.is_nan()) {
            empty.push(format!("{} / {}: {}: {values:?}", query.title, query.legend, query.expr));
        }
    }
    assert!(empty.is_empty(), "{empty:#?}");
    // Two providers of the fixtures have that name.
    let accounts = dashboard().into_iter().find(|query| query.title == "Accounts").unwrap();
    let shown = prometheus.query(&accounts.expr).await;
    let is_named =
        |(labels, _): &(serde_json::Value, f64)| labels["provider_id"] == "agtv" && labels["provider"] == "AGTV (agtv)";
    assert!(shown.iter().any(is_named), "{shown:#?}");
    // The values that the variables offer.
    for (metric, label) in [
        ("playarr_provider_titles_count", "provider_id"),
        ("playarr_watchlist_channels_count", "user"),
        ("playarr_stream_request_duration_seconds_count", "media_type"),
    ] {
        assert!(prometheus.value(&format!("count(count by ({label}) ({metric}))")).await > Some(1.0), "{label}");
    }
}
