//! What is different between two snapshots, as the API tells it.

use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::two_days::two_days;
use crate::support::{awaited, until};

const API: &str = "/api/metrics/changes";

async fn asked(service: &Service, path: &str) -> Response {
    service.get(path).header("x-api-key", "admin001").send().await.unwrap()
}

async fn answer(service: &Service, path: &str) -> Value {
    let response = asked(service, path).await;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    response.json().await.unwrap()
}

/// The changes since yesterday, once the service knows that yesterday is remembered.
async fn changes(service: &Service) -> Value {
    awaited("yesterday is known", || async {
        let changes = answer(service, API).await;
        (!changes["from"].is_null() && changes["sentences"] != json!([])).then_some(changes)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_difference_of_two_days_is_told_with_the_worst_first() {
    let service = two_days().await;
    let changes = changes(&service).await;
    let sentences = changes["sentences"].as_array().unwrap();
    let told: Vec<_> = sentences.iter().map(|sentence| sentence["text"].as_str().unwrap()).collect();
    assert_eq!(
        told,
        [
            "Sat is no longer a provider",
            "Nordic TV lost 41 channels (-41 %): Sports -45, =Kids +4",
            "The library gained 1 title (+100 %): movies +1",
        ]
    );
    let loss = &sentences[1];
    assert_eq!((&loss["metric"], &loss["group"]), (&json!("playarr_channels_count"), &json!("north")));
    assert_eq!((&loss["before"], &loss["after"]), (&json!(100.0), &json!(59.0)));
    assert_eq!(loss["chart"], json!([100.0]), "a point for each remembered snapshot");
    assert_eq!(changes["times"].as_array().unwrap().len(), 1);
    assert_eq!((&changes["from"]["generation"], &changes["to"]["period"]), (&json!(1), &json!("now")));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentence_opens_to_its_series() {
    let service = two_days().await;
    changes(&service).await;
    let path = format!("{API}/series?metric=playarr_channels_count&group=north&limit=1");
    let page = answer(&service, &path).await;
    assert_eq!(page["total"], 2);
    let sports = json!([{
        "metric": "playarr_channels_count",
        "labels": { "provider_id": "north", "category": "Sports" },
        "difference": "changed", "before": 60.0, "after": 15.0,
    }]);
    assert_eq!(page["series"], sports, "the largest change comes first");
    let second = answer(&service, &format!("{path}&offset=1")).await;
    assert_eq!((&second["series"][0]["difference"], &second["series"][0]["before"]), (&json!("new"), &Value::Null));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_changes_are_exported_so_that_no_spreadsheet_runs_a_name() {
    let service = two_days().await;
    changes(&service).await;
    let csv = asked(&service, &format!("{API}/export")).await;
    assert!(csv.headers()["content-disposition"].to_str().unwrap().ends_with(".csv\""));
    let csv = csv.text().await.unwrap();
    let mut lines = csv.split("\r\n");
    assert!(lines.next().unwrap().starts_with("metric,difference,before,after,category,"), "{csv}");
    assert!(csv.contains("\r\nplayarr_channels_count,new,,4,'=Kids,"), "{csv}");
    assert!(csv.contains("\r\nplayarr_provider_info,gone,1,,"), "{csv}");

    let json: Value = asked(&service, &format!("{API}/export?format=json")).await.json().await.unwrap();
    // All lines but the names of the columns and the end.
    assert_eq!(json["series"].as_array().unwrap().len(), csv.split("\r\n").count() - 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tiles_of_the_overview_show_the_change_since_yesterday() {
    let service = two_days().await;
    changes(&service).await;
    let overview = answer(&service, "/api/metrics/overview").await;
    let changes = &overview["changes"];
    assert_eq!((&changes["titles"], &changes["channels"]), (&json!(1.0), &json!(-41.0)), "{changes}");
    assert_eq!((&changes["active_users"], &changes["episodes"]), (&json!(0.0), &json!(0.0)), "{changes}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_that_is_none_is_refused_and_the_closest_snapshot_is_taken() {
    let service = two_days().await;
    let known = changes(&service).await;
    let refused = asked(&service, &format!("{API}?from=yesterday")).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.unwrap().contains("2026-11-25T17:00:00Z"));
    let long_ago = answer(&service, &format!("{API}?from=1999-01-01T00:00:00Z&to=now")).await;
    assert_eq!(long_ago["from"], known["from"]);
    let unknown = asked(&service, &format!("{API}/series?metric=playarr_x")).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
    for path in ["", "/series?metric=x", "/export"] {
        let response = service.get(&format!("{API}{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_history_there_is_nothing_to_compare_and_no_error() {
    let service = Service::with(fixtures()).setting("HISTORY_MAX_BYTES", "0").ready().await;
    let changes = answer(&service, API).await;
    assert_eq!((&changes["from"], &changes["sentences"]), (&Value::Null, &json!([])));
    assert_eq!(changes["history"]["max_bytes"], 0);
    until("the overview has no changes", std::time::Duration::from_secs(5), || async {
        answer(&service, "/api/metrics/overview").await["changes"].is_null()
    })
    .await;
    assert_eq!(asked(&service, &format!("{API}/export")).await.status(), StatusCode::SERVICE_UNAVAILABLE);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_explorer_shows_what_a_gauge_was_yesterday() {
    let service = two_days().await;
    let families = |query: &'static str| answer(&service, query);
    let channels = families("/api/metrics/families?match[]=playarr_channels_count&history=true").await;
    assert_eq!(channels["families"][0]["chart"], json!([100.0, 59.0]));
    assert_eq!((channels["times"].as_array().unwrap().len(), &channels["times"][1]), (2, &channels["taken_at"]));
    let all = families("/api/metrics/families?history=true").await;
    let list = all["families"].as_array().unwrap();
    let of = |name: &str| list.iter().find(|family| family["name"] == name).unwrap().clone();
    for name in ["playarr_provider_expiration_timestamp_seconds", "playarr_metrics_refresh_total"] {
        assert!(of(name)["chart"].is_null(), "{name} adds up to nothing, or is not remembered");
    }
    let without = families("/api/metrics/families?match[]=playarr_channels_count").await;
    assert!(without["times"].is_null() && without["families"][0]["chart"].is_null());
    service.stop().await;
}
