//! Custom metrics: listed, tried out, changed.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use playarr_jobs::custom::{CustomMetric, MAX_METRICS, MetricProblem, compile};
use serde::{Deserialize, Serialize};
use warp::Reply;
use warp::http::StatusCode;
use warp::reply::Response;

use super::joined;
use crate::app::App;
use crate::custom::{ChangeError, CustomFile, PreviewAnswer, ShownMetric, Submitted};
use crate::http::reply::attachment::attachment;
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::http::reply::rfc3339;
use crate::http::request::access::Admin;

/// The body of `GET /api/metrics/custom`.
#[derive(Serialize)]
struct CustomList<'a> {
    /// The time of the service, by which ages are shown.
    now: Option<String>,
    metrics: Vec<ShownMetric<'a>>,
    limit: usize,
    file_problem: Option<String>,
    store_problem: Option<String>,
}

/// The query of a change.
#[derive(Deserialize)]
pub(in crate::http) struct ChangeQuery {
    /// The revision that the admin has seen.
    revision: Option<i64>,
}

/// The query of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct ListQuery {
    #[serde(default)]
    format: ListFormat,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ListFormat {
    #[default]
    Json,
    Yaml,
}

/// `GET /api/metrics/custom?format=`
pub(in crate::http) async fn list(app: Arc<App>, _: Admin, query: ListQuery) -> Result<Response, ApiError> {
    let overview = app.custom.overview();
    if matches!(query.format, ListFormat::Yaml) {
        return file(overview.entries.into_iter().map(|entry| entry.metric).collect());
    }
    let published = app.snapshots.load();
    let shown = overview.entries.iter().map(|entry| {
        let collector = published.snapshot.collector(&entry.metric.name);
        ShownMetric::new(entry, collector, None)
    });
    Ok(private(&CustomList {
        now: rfc3339(SystemTime::now()),
        metrics: shown.collect(),
        limit: MAX_METRICS,
        file_problem: overview.file_problem.clone(),
        store_problem: overview.store_problem.clone(),
    }))
}

/// Metrics as `CUSTOM_METRICS_FILE` has them.
fn file(metrics: Vec<CustomMetric>) -> Result<Response, ApiError> {
    let text = serde_yaml_ng::to_string(&CustomFile { metrics });
    let text = text.map_err(|error| ChangeError::Unreadable(error.to_string()))?;
    Ok(attachment(Response::new(text.into()), "application/yaml", "custom-metrics.yaml"))
}

/// `GET /api/metrics/custom/:name`
pub(in crate::http) async fn show(app: Arc<App>, _: Admin, name: String) -> Result<Response, ApiError> {
    let (entry, history) = app.custom.get(&name).await?;
    let published = app.snapshots.load();
    Ok(private(&ShownMetric::new(&entry, published.snapshot.collector(&name), Some(&history))))
}

/// `PUT /api/metrics/custom/:name`
pub(in crate::http) async fn put(
    app: Arc<App>,
    admin: Admin,
    name: String,
    query: ChangeQuery,
    body: Result<Bytes, ApiError>,
) -> Result<Response, ApiError> {
    let (Admin(admin), body) = (admin, body?);
    let submitted = match serde_json::from_slice::<Submitted>(&body) {
        Ok(submitted) => submitted,
        Err(error) => return Ok(invalid(vec![unreadable(&error)])),
    };
    let expected = query.revision.or(submitted.revision);
    let metric = match submitted.metric(Some(&name)) {
        Ok(metric) => metric,
        Err(problem) => return Ok(invalid(vec![problem])),
    };
    // A task of its own: a change is made whole, even if the client does not wait for the answer.
    let custom = app.custom.clone();
    let outcome = tokio::spawn(async move {
        let is_new = custom.put(metric, expected, &admin.username).await?;
        tracing::info!(metric = name, admin = admin.username, "an admin saved a custom metric");
        Ok::<_, ChangeError>((is_new, custom.get(&name).await?))
    });
    match joined(outcome.await)? {
        Ok((is_new, (entry, history))) => {
            let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
            let published = app.snapshots.load();
            let collector = published.snapshot.collector(&entry.metric.name);
            let answer = private(&ShownMetric::new(&entry, collector, Some(&history)));
            Ok(warp::reply::with_status(answer, status).into_response())
        }
        Err(ChangeError::Invalid(problems)) => Ok(invalid(problems)),
        Err(error) => Err(error.into()),
    }
}

/// `DELETE /api/metrics/custom/:name`
pub(in crate::http) async fn delete(
    app: Arc<App>,
    admin: Admin,
    name: String,
    query: ChangeQuery,
) -> Result<Response, ApiError> {
    let Admin(admin) = admin;
    let outcome = tokio::spawn(async move {
        app.custom.delete(&name, query.revision, &admin.username).await?;
        tracing::info!(metric = name, admin = admin.username, "an admin deleted a custom metric");
        Ok::<_, ChangeError>(())
    });
    joined(outcome.await)??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /api/metrics/custom/:name/undo`
pub(in crate::http) async fn undo(app: Arc<App>, admin: Admin, name: String) -> Result<Response, ApiError> {
    let Admin(admin) = admin;
    let custom = app.custom.clone();
    let outcome = tokio::spawn({
        let name = name.clone();
        async move {
            custom.undo(&name, &admin.username).await?;
            tracing::info!(metric = name, admin = admin.username, "an admin undid a change of a custom metric");
            Ok::<_, ChangeError>(())
        }
    });
    match joined(outcome.await)? {
        Err(ChangeError::Invalid(problems)) => return Ok(invalid(problems)),
        outcome => outcome?,
    }
    match app.custom.get(&name).await {
        // What was undone was the return of a deleted one.
        Err(ChangeError::Unknown(_)) => Ok(StatusCode::NO_CONTENT.into_response()),
        found => {
            let (entry, history) = found?;
            let published = app.snapshots.load();
            Ok(private(&ShownMetric::new(&entry, published.snapshot.collector(&name), Some(&history))))
        }
    }
}

/// `POST /api/metrics/custom/:name/retry`
pub(in crate::http) async fn retry(app: Arc<App>, _: Admin, name: String) -> Result<Response, ApiError> {
    app.custom.retry(&name).await?;
    let overview = app.custom.overview();
    let entry = overview.entries.iter().find(|entry| entry.metric.name == name);
    let entry = entry.ok_or_else(|| ChangeError::Unknown(name.clone()))?;
    let published = app.snapshots.load();
    Ok(private(&ShownMetric::new(entry, published.snapshot.collector(&name), None)))
}

/// `POST /api/metrics/custom/preview`
pub(in crate::http) async fn preview(
    app: Arc<App>,
    _: Admin,
    body: Result<Bytes, ApiError>,
) -> Result<Response, ApiError> {
    let body = body?;
    let metric = match serde_json::from_slice::<Submitted>(&body) {
        Ok(submitted) => submitted.metric(None),
        Err(error) => Err(unreadable(&error)),
    };
    let compiled = match metric.map_err(|problem| vec![problem]).and_then(|metric| compile(&metric)) {
        Ok(compiled) => compiled,
        Err(problems) => return Ok(invalid(problems)),
    };
    match app.custom.preview(&compiled).await {
        Ok(preview) => Ok(private(&PreviewAnswer::valid(preview))),
        Err(error) if error.is_unknown => Err(ChangeError::Unchecked(error.message).into()),
        Err(error) => Ok(invalid(vec![MetricProblem::new(error.message)])),
    }
}

/// The answer to a metric that cannot be used.
fn invalid(problems: Vec<MetricProblem>) -> Response {
    let answer = private(&PreviewAnswer::invalid(problems));
    warp::reply::with_status(answer, StatusCode::BAD_REQUEST).into_response()
}

fn unreadable(error: &serde_json::Error) -> MetricProblem {
    MetricProblem::new(format!("the body is no custom metric: {error}; docs/custom-metrics.md has the fields"))
}
