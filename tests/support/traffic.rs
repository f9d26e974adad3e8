//! A service that has seen a bit of everything.

use reqwest::StatusCode;
use serde_json::json;

use super::service::Service;

/// Reports one event of each type and each kind.
pub(crate) async fn report(service: &Service) {
    let events = json!([
        {"type": "stream_request", "user": "alice", "media_type": "movies", "duration_seconds": 0.3},
        {"type": "stream_request", "user": "alice", "media_type": "tvshows", "duration_seconds": 0.4},
        {"type": "stream_request", "user": "alice", "media_type": "live", "duration_seconds": 1.5},
        {"type": "best_source_selected", "provider_id": "agtv", "media_type": "movies", "duration_seconds": 1.2},
        {"type": "cache_operation", "operation": "hit"},
        {"type": "cache_operation", "operation": "miss"},
        {"type": "provider_sync", "provider_id": "agtv", "status": "success", "duration_seconds": 63.2},
        {"type": "provider_sync", "provider_id": "agtv", "status": "failure", "duration_seconds": 6.2},
        {"type": "provider_api_error", "provider_id": "agtv", "error_type": "timeout"},
        {"type": "provider_api_request", "provider_id": "agtv", "endpoint": "get_live_streams", "status_code": 200,
         "duration_seconds": 0.8},
        {"type": "job_execution", "job_type": "SyncLiveTVJob", "status": "failure", "duration_seconds": 12.5},
        {"type": "websocket_connections", "reporter": "web-api", "count": 3},
        {"type": "titles_processed", "kind": "provider", "provider_id": "agtv", "media_type": "movies", "count": 120},
        {"type": "titles_processed", "kind": "main", "provider_id": "agtv", "media_type": "movies", "count": 100},
        {"type": "categories_synced", "provider_id": "agtv", "media_type": "movies", "count": 14},
        {"type": "watchlist_operation", "operation": "add", "media_type": "movies", "username": "alice"},
        {"type": "provider_operation", "operation": "create", "username": "admin"},
        {"type": "user_operation", "operation": "delete", "username": "admin"},
        {"type": "http_request", "endpoint": "/api/titles/:id", "status_code": 200, "duration_seconds": 0.02},
        {"type": "managed_error", "endpoint": "/api/titles/:id", "error_type": "NotFoundError"},
        {"type": "authentication_failure", "endpoint": "/api/auth/login", "reason": "bad_password"},
    ]);
    let answer = service
        .post("/api/metrics/events")
        .bearer_auth(service.ingest_token().await)
        .json(&json!({ "events": events }))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap_or_default());
}
