//! Whether the service is alive, and whether scrapes get metrics.

use std::sync::Arc;

use serde_json::json;
use warp::Reply;
use warp::reply::Json;

use crate::accounts::{TokenKind, Unknown};
use crate::app::App;
use crate::http::reply::error::ApiError;

/// `GET /-/healthy`
pub(in crate::http) fn healthy(_: Arc<App>) -> Json {
    warp::reply::json(&json!({ "status": "healthy" }))
}

/// `GET /-/ready`
pub(in crate::http) fn ready(app: Arc<App>) -> Result<impl Reply, ApiError> {
    for kind in TokenKind::ALL {
        match app.tokens.known(kind) {
            // Scrapes do without the other tokens, but all are looked for first.
            Err(unknown) if kind == TokenKind::Metrics || unknown == Unknown::NotRead => {
                return Err(ApiError::TokenUnknown(kind, unknown));
            }
            _ => {}
        }
    }
    if !app.snapshots.load().snapshot.is_taken() {
        return Err(ApiError::NotReady("no refresh has succeeded yet"));
    }
    // A scrape goes without live metrics until they are read, so they hold nobody up.
    let live = app.journal.get().map_or("starting", |journal| journal.state().as_str());
    Ok(warp::reply::json(&json!({ "status": "ready", "live_metrics": live })))
}
