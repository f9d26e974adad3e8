//! Refresh now.

use std::sync::Arc;

use playarr_jobs::report::{CollectorReport, Report, Trigger};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::http::StatusCode;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::{ApiError, respond};
use super::with;
use crate::app::App;

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
pub(super) fn refresh(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "metrics" / "refresh")
        .and(warp::post())
        .and(with(app))
        .and(warp::header::optional("x-api-key"))
        .and(warp::query())
        .then(|app: Arc<App>, api_key: Option<String>, query: Query| async move {
            respond(run(&app, api_key.as_deref(), &query).await)
        })
}

async fn run(app: &App, api_key: Option<&str>, query: &Query) -> Result<Response, ApiError> {
    app.admins.check_api_key(api_key).await?;
    if query.wait {
        let report = app.job.refresh(Trigger::Manual).await.map_err(|_| ApiError::RefreshFailed)?;
        Ok(warp::reply::json(&body(&report)).into_response())
    } else {
        app.job.start(Trigger::Manual);
        let accepted = warp::reply::json(&json!({ "status": "refreshing" }));
        Ok(warp::reply::with_status(accepted, StatusCode::ACCEPTED).into_response())
    }
}

fn body(report: &Report) -> Value {
    json!({
        "generation": report.generation,
        "trigger": report.trigger,
        "success": report.is_success(),
        "started": humantime::format_rfc3339_millis(report.started).to_string(),
        "duration_seconds": report.duration.as_secs_f64(),
        "collectors": report.collectors.iter().map(collector).collect::<Vec<_>>(),
    })
}

fn collector(report: &CollectorReport) -> Value {
    json!({
        "name": report.name,
        "series": report.series,
        "folded_series": report.folded,
        "duration_seconds": report.duration.as_secs_f64(),
        "error": report.error,
    })
}
