//! Refresh now.

use std::sync::Arc;

use playarr_jobs::refresh::{RefreshError, Scope, Trigger};
use serde::Deserialize;
use serde_json::json;
use warp::Reply;
use warp::http::StatusCode;
use warp::reply::Response;

use super::status;
use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::request::access::Admin;

#[derive(Deserialize)]
pub(in crate::http) struct RefreshQuery {
    /// Whether the answer comes when the refresh is done, or at once.
    #[serde(default = "yes")]
    wait: bool,
    /// Whether everything is counted, and not only what may have changed.
    #[serde(default)]
    full: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/metrics/refresh`
pub(in crate::http) async fn refresh(app: Arc<App>, _: Admin, query: RefreshQuery) -> Result<Response, ApiError> {
    let scope = if query.full { Scope::All } else { Scope::Changed };
    if query.wait {
        let report = match app.sharing.get() {
            Some(sharing) => sharing.refresh(scope).await,
            None => app.job.refresh_in(scope, Trigger::Manual).await,
        };
        let report = report.map_err(|error| match error {
            RefreshError::Ended => ApiError::RefreshFailed,
            RefreshError::NotAsked { reason } => ApiError::RefreshNotAsked(reason),
        })?;
        return Ok(warp::reply::json(&status::report(&report)).into_response());
    }
    match app.sharing.get() {
        Some(sharing) => sharing.start(scope),
        None => _ = app.job.start(scope, Trigger::Manual),
    }
    let accepted = warp::reply::json(&json!({ "status": "refreshing" }));
    Ok(warp::reply::with_status(accepted, StatusCode::ACCEPTED).into_response())
}
