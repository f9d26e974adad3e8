//! Refresh now.

use std::sync::Arc;

use playarr_jobs::refresh::Trigger;
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
pub(in crate::http) struct Query {
    /// Whether the answer comes when the refresh is done, or at once.
    #[serde(default = "yes")]
    wait: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/metrics/refresh`
pub(in crate::http) async fn refresh(app: Arc<App>, _: Admin, query: Query) -> Result<Response, ApiError> {
    if query.wait {
        let report = app.job.refresh(Trigger::Manual).await.map_err(|_| ApiError::RefreshFailed)?;
        return Ok(warp::reply::json(&status::report(&report)).into_response());
    }
    app.job.start(Trigger::Manual);
    let accepted = warp::reply::json(&json!({ "status": "refreshing" }));
    Ok(warp::reply::with_status(accepted, StatusCode::ACCEPTED).into_response())
}
