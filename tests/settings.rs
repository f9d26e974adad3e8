//! The tokens in the hands of admins: shown, replaced, and to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use mongodb::bson::{DateTime, Document, doc};
use reqwest::header::{COOKIE, ORIGIN};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;

use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

async fn ask(service: &Service, method: Method, path: &str) -> Response {
    let request = service.client.request(method, format!("{}{path}", service.url));
    request.header("x-api-key", "admin001").send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_each_token_and_when_it_changed() {
    let service = Service::with(fixtures()).ready().await;
    let shown = ask(&service, Method::GET, "/api/settings/metrics").await;
    assert_eq!(shown.headers()["cache-control"], "no-store");
    let shown: Value = shown.json().await.unwrap();
    assert_eq!(shown["value"], service.token().await);
    assert!(shown["lastUpdated"].as_str().unwrap().ends_with('Z'), "{shown}");
    let ingest: Value = ask(&service, Method::GET, "/api/settings/metrics?token=ingest").await.json().await.unwrap();
    assert_eq!(ingest["value"].as_str().unwrap().len(), 64);
    assert_ne!(ingest["value"], shown["value"]);

    let settings = service.database.collection::<Document>("settings");
    for (unknown, expected) in [
        (doc! { "$set": { "lastUpdated": DateTime::from_millis(0) } }, Value::from("1970-01-01T00:00:00.000Z")),
        (
            doc! { "$set": { "lastUpdated": DateTime::from_millis(253_402_300_799_999) } },
            Value::from("9999-12-31T23:59:59.999Z"),
        ),
        (doc! { "$set": { "lastUpdated": DateTime::from_millis(253_402_300_800_000) } }, Value::Null),
        (doc! { "$set": { "lastUpdated": DateTime::from_millis(-1) } }, Value::Null),
        (doc! { "$set": { "lastUpdated": DateTime::MIN } }, Value::Null),
        (doc! { "$set": { "lastUpdated": DateTime::MAX } }, Value::Null),
        (doc! { "$set": { "lastUpdated": "yesterday" } }, Value::Null),
        (doc! { "$unset": { "lastUpdated": 1 } }, Value::Null),
    ] {
        settings.update_one(doc! { "_id": "metrics_token" }, unknown).await.unwrap();
        let shown: Value = ask(&service, Method::GET, "/api/settings/metrics").await.json().await.unwrap();
        assert_eq!(shown["lastUpdated"], expected);
    }
    let nonsense = ask(&service, Method::GET, "/api/settings/metrics?token=other").await;
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_but_an_active_admin_gets_anything() {
    let service = Service::with(fixtures()).ready().await;
    let alice = service.session("alice", "alice-password").await;
    let before = service.token().await;
    for (method, path) in [
        (Method::GET, "/api/settings/metrics"),
        (Method::POST, "/api/settings/metrics/regenerate"),
        (Method::GET, "/api/metrics/status"),
        (Method::POST, "/api/metrics/refresh"),
        (Method::GET, "/api/ws"),
    ] {
        let url = format!("{}{path}", service.url);
        for (name, value, status) in [
            ("accept", "*/*", StatusCode::UNAUTHORIZED),
            ("x-api-key", "nobodys1", StatusCode::UNAUTHORIZED),
            ("x-api-key", "", StatusCode::UNAUTHORIZED),
            ("authorization", &*format!("Bearer {before}"), StatusCode::UNAUTHORIZED),
            ("cookie", "access_token=x", StatusCode::UNAUTHORIZED),
            ("x-api-key", "alice001", StatusCode::FORBIDDEN),
            ("x-api-key", "admin002", StatusCode::FORBIDDEN),
            ("cookie", &alice, StatusCode::FORBIDDEN),
        ] {
            let request = service.client.request(method.clone(), &url).header(ORIGIN, &service.url);
            let response = request.header(name, value).send().await.unwrap();
            assert_eq!(response.status(), status, "{path} {name}: {value}");
            let text = response.text().await.unwrap();
            assert!(serde_json::from_str::<Value>(&text).unwrap()["error"].is_string());
            assert!(!text.contains(&before));
        }
    }
    assert_eq!(service.token().await, before);
    let other_method = ask(&service, Method::GET, "/api/settings/metrics/regenerate").await;
    assert_eq!(other_method.status(), StatusCode::METHOD_NOT_ALLOWED);
}

/// Checks of the settings run all the time meanwhile: none may bring the old token back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_the_answer_on_the_new_token_works_and_the_old_one_does_not() {
    let service = Service::with(fixtures()).ready().await;
    let session = service.session("admin", "admin-password").await;
    let tokens = playarr_metrics::accounts::Tokens::new(&service.database);
    let tokens = Arc::new(tokens);
    tokens.check().await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let syncing = tokio::spawn({
        let (tokens, over) = (tokens.clone(), over.clone());
        async move {
            while !over.load(Ordering::Relaxed) {
                tokens.check().await.unwrap();
            }
        }
    });
    let metrics = playarr_metrics::accounts::TokenKind::Metrics;
    for _ in 0..100 {
        let old = tokens.show(metrics).await.unwrap().value;
        let new = tokens.rotate(metrics).await.unwrap();
        for _ in 0..3 {
            assert_eq!(tokens.accepts(metrics, old.reveal()), Ok(false));
            assert_eq!(tokens.accepts(metrics, new.reveal()), Ok(true));
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    syncing.await.unwrap();

    let mut old = service.token().await;
    for _ in 0..20 {
        let request = service.post("/api/settings/metrics/regenerate").header(COOKIE, &session);
        let response = request.header(ORIGIN, &service.url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let new = response.json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned();
        assert_eq!(service.scrape_with(&new).send().await.unwrap().status(), StatusCode::OK);
        assert_eq!(service.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(service.token().await, new, "Playarr's own page reads it there");
        old = new;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_who_rotate_at_once_agree_with_the_database_in_the_end() {
    let service = Service::with(fixtures()).ready().await;
    let rotations = (0..10).map(|_| async {
        let response = ask(&service, Method::POST, "/api/settings/metrics/regenerate").await;
        response.json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned()
    });
    let tokens = join_all(rotations).await;
    let last = service.token().await;
    for token in tokens {
        let expected = if token == last { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(service.scrape_with(&token).send().await.unwrap().status(), expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_instance_takes_the_new_token_over_within_ten_seconds() {
    let one = Service::with(fixtures()).ready().await;
    let (uri, name) = one.settings();
    let other = Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name).ready().await;
    let old = one.token().await;
    let rotated = ask(&one, Method::POST, "/api/settings/metrics/regenerate").await;
    let new = rotated.json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned();
    until("the other instance takes the new token", Duration::from_secs(10), || async {
        other.scrape_with(&new).send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    assert_eq!(other.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_token_is_replaced_on_its_own() {
    let service = Service::with(fixtures()).ready().await;
    let metrics = service.token().await;
    let rotated = ask(&service, Method::POST, "/api/settings/metrics/regenerate?token=ingest").await;
    let ingest = rotated.json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned();
    assert_eq!(service.token().await, metrics);
    let shown: Value = ask(&service, Method::GET, "/api/settings/metrics?token=ingest").await.json().await.unwrap();
    assert_eq!(shown["value"], ingest);
    let events = |token: String| {
        let event = r#"{"events":[{"type":"cache_operation","operation":"hit"}]}"#;
        let request = service.post("/api/metrics/events").bearer_auth(token).body(event);
        async { request.header("content-type", "application/json").send().await.unwrap().status() }
    };
    assert_eq!(events(ingest).await, StatusCode::OK);
    assert_eq!(events(metrics).await, StatusCode::UNAUTHORIZED);
}
