//! Refresh now.

use std::sync::Arc;

use playarr_jobs::refresh::Trigger;
use serde::Deserialize;
use serde_json::json;
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::status;
use crate::app::App;
use crate::http::reply::error::{ApiError, respond};
use crate::http::request::caller::{Caller, caller};
use crate::http::with;

pub(in crate::http) const TEMPLATE: &str = "/api/metrics/refresh";

#[derive(Deserialize)]
struct Query {
    /// Whether to answer when the refresh is done, or at once.
    #[serde(default = "yes")]
    wait: bool,
}

fn yes() -> bool {
    true
}

/// `POST /api/metrics/refresh` by an admin
pub(in crate::http) fn refresh(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "metrics" / "refresh")
        .and(warp::post())
        .and(with(app))
        .and(caller())
        .and(warp::query())
        .then(|app: Arc<App>, caller: Caller, query: Query| async move {
            respond(run(&app, &caller, &query).await)
        })
}

async fn run(app: &App, caller: &Caller, query: &Query) -> Result<Response, ApiError> {
    caller.admin_of_this_site(app, TEMPLATE).await?;
    if query.wait {
        let report = app.job.refresh(Trigger::Manual).await.map_err(|_| ApiError::RefreshFailed)?;
        Ok(warp::reply::json(&status::report(&report)).into_response())
    } else {
        app.job.start(Trigger::Manual);
        let accepted = warp::reply::json(&json!({ "status": "refreshing" }));
        Ok(warp::reply::with_status(accepted, StatusCode::ACCEPTED).into_response())
    }
}
