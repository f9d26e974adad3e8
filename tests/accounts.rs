//! Signing in and out.

use reqwest::StatusCode;
use reqwest::header::{COOKIE, ORIGIN};
use serde_json::{Value, json};

use crate::support::library::fixtures;
use crate::support::service::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_signs_in_and_uses_the_session() {
    let service = Service::with(fixtures()).ready().await;
    let response = service.login("admin", "admin-password").await;
    assert_eq!(response.status(), StatusCode::OK);
    let cookie = response.headers()["set-cookie"].to_str().unwrap().to_owned();
    let expected = "; HttpOnly; SameSite=Strict; Path=/; Max-Age=604800";
    assert!(cookie.starts_with("access_token=ey") && cookie.ends_with(expected), "{cookie}");
    let user = json!({ "username": "admin", "role": "admin" });
    assert_eq!(response.json::<Value>().await.unwrap(), json!({ "success": true, "user": user }));

    let session = service.session("admin", "admin-password").await;
    let verified = service.get("/api/auth/verify").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(verified.json::<Value>().await.unwrap(), json!({ "valid": true, "user": user }));
    let token = service.get("/api/settings/metrics").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(token.json::<Value>().await.unwrap()["value"], service.token().await);
    let refresh = service.post("/api/metrics/refresh").header(COOKIE, &session).header(ORIGIN, &service.url);
    assert_eq!(refresh.send().await.unwrap().status(), StatusCode::OK);
    let status = service.get("/api/metrics/status").header(COOKIE, &session).send().await.unwrap();
    assert_eq!(status.json::<Value>().await.unwrap()["last_run"]["trigger"], "manual");
}
