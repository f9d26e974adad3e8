//! `GET /api/metrics/summary`: a few sums for start pages, with a token that opens nothing else.

use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::library::fixtures;
use crate::support::service::Service;

async fn token(service: &Service) -> String {
    let shown = service.get("/api/settings/metrics?token=summary").header("x-api-key", "admin001");
    let shown: Value = shown.send().await.unwrap().json().await.unwrap();
    shown["value"].as_str().unwrap().to_owned()
}

async fn status(service: &Service, path: &str, token: &str) -> StatusCode {
    service.get(path).bearer_auth(token).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sums_are_those_of_the_overview_and_hold_no_name() {
    let service = Service::with(fixtures()).ready().await;
    let summary = service.get("/api/metrics/summary").bearer_auth(token(&service).await).send().await.unwrap();
    assert_eq!(summary.status(), StatusCode::OK);
    assert_eq!(summary.headers()["cache-control"], "no-store");
    let mut summary: Value = summary.json().await.unwrap();
    assert!(summary.as_object().unwrap().values().all(Value::is_u64), "{summary}");
    let overview = service.get("/api/metrics/overview").header("x-api-key", "admin001").send().await.unwrap();
    let overview: Value = overview.json().await.unwrap();
    assert!(summary.as_object_mut().unwrap().remove("snapshot_age_seconds").unwrap().as_u64().unwrap() < 60);
    let (library, providers) = (&overview["library"], &overview["providers"]);
    assert_eq!(
        summary,
        json!({
            "titles": 28 + 57 + 24, "movies": 28, "tvshows": 57,
            "episodes": library["episodes"], "channels": library["categories"]["total"]["channels"],
            "providers": providers["members"], "providers_active": providers["active"],
            "connections": providers["connections"]["used"], "max_connections": providers["connections"]["max"],
            "active_users": library["active_users"], "failed_collectors": 0,
        })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_token_opens_nothing_else_and_no_other_token_opens_it() {
    let service = Service::with(fixtures()).ready().await;
    let summary = token(&service).await;
    for path in ["/metrics", "/api/metrics/series", "/api/metrics/overview", "/api/settings/metrics"] {
        assert_eq!(status(&service, path, &summary).await, StatusCode::UNAUTHORIZED, "{path}");
    }
    let events = service.post("/api/metrics/events").bearer_auth(&summary).body("{\"events\": []}");
    assert_eq!(events.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    for token in [service.token().await, service.ingest_token().await] {
        assert_eq!(status(&service, "/api/metrics/summary", &token).await, StatusCode::UNAUTHORIZED);
    }
    let unknown = service.get("/api/metrics/summary").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
    let admin = service.get("/api/metrics/summary").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(admin.status(), StatusCode::OK, "an admin needs no token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_token_is_kept_beside_the_others_and_is_replaced_like_them() {
    let service = Service::with(fixtures()).ready().await;
    let old = token(&service).await;
    let settings = service.database.collection::<Document>("settings");
    let in_settings = settings.find_one(doc! { "value": &old }).await.unwrap();
    assert!(in_settings.is_none(), "Playarr shows its settings to every user");
    let path = "/api/settings/metrics/regenerate?token=summary";
    let new = service.post(path).header("x-api-key", "admin001").send().await.unwrap();
    let new: Value = new.json().await.unwrap();
    assert_eq!(status(&service, "/api/metrics/summary", &old).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&service, "/api/metrics/summary", new["value"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(service.scrape_with(&service.token().await).send().await.unwrap().status(), StatusCode::OK);
}
