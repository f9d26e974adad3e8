//! Whether the service lives, and whether it has something to say.

use std::sync::Arc;

use serde_json::json;
use warp::{Filter, Rejection, Reply};

use crate::accounts::TokenKind;
use crate::app::App;
use crate::http::reply::error::{ApiError, respond};
use crate::http::with;

/// `GET /-/healthy`
pub(in crate::http) fn healthy() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("-" / "healthy").and(warp::get()).map(|| warp::reply::json(&json!({ "status": "healthy" })))
}

/// `GET /-/ready`
pub(in crate::http) fn ready(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("-" / "ready").and(warp::get()).and(with(app)).map(|app: Arc<App>| {
        let ready = if let Err(unknown) = app.tokens.known(TokenKind::Metrics) {
            Err(ApiError::TokenUnknown(TokenKind::Metrics, unknown))
        } else if !app.snapshots.load().snapshot.is_taken() {
            Err(ApiError::NotReady("no snapshot was taken yet"))
        } else {
            Ok(warp::reply::json(&json!({ "status": "ready" })))
        };
        respond(ready)
    })
}
