//! Whether the service is alive, and whether scrapes get metrics.

use std::sync::Arc;

use serde_json::json;
use warp::Reply;
use warp::reply::Json;

use crate::accounts::TokenKind;
use crate::app::App;
use crate::http::reply::error::ApiError;

/// `GET /-/healthy`
pub(in crate::http) fn healthy(_: Arc<App>) -> Json {
    warp::reply::json(&json!({ "status": "healthy" }))
}

/// `GET /-/ready`
pub(in crate::http) fn ready(app: Arc<App>) -> Result<impl Reply, ApiError> {
    if !app.tokens.is_known(TokenKind::Metrics) {
        return Err(ApiError::NotReady("the metrics token is not known yet (is MongoDB reachable?)"));
    }
    if !app.snapshots.load().snapshot.is_taken() {
        return Err(ApiError::NotReady("no refresh has succeeded yet"));
    }
    // A scrape goes without live metrics until they are read, so they hold nobody up.
    let live = app.journal.get().map_or("starting", |journal| journal.state().as_str());
    Ok(warp::reply::json(&json!({ "status": "ready", "live_metrics": live })))
}
