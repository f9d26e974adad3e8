//! Forgetting live series.

use std::sync::Arc;

use bytes::Bytes;
use playarr_jobs::metric::{Kind, Spec};
use serde::Deserialize;
use serde_json::json;
use warp::reply::Json;

use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::request::access::Admin;
use crate::journal::{RecordError, SeriesFilter};
use crate::selector::Selector;

/// The most selectors in a request.
const MAX_SELECTORS: usize = 100;

/// What to forget.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForgetBody {
    /// Selectors; a series that any of them chooses is meant.
    #[serde(rename = "match")]
    selectors: Vec<String>,
    /// Only tells how many series would go.
    #[serde(default)]
    dry_run: bool,
}

/// `POST /api/metrics/live/forget`
pub(in crate::http) async fn forget(
    app: Arc<App>,
    admin: Admin,
    body: Result<Bytes, ApiError>,
) -> Result<Json, ApiError> {
    let forget: ForgetBody =
        serde_json::from_slice(&body?).map_err(|error| ApiError::InvalidForget(error.to_string()))?;
    if forget.selectors.is_empty() || forget.selectors.len() > MAX_SELECTORS {
        return Err(ApiError::InvalidForget(format!(
            "\"match\" has {} selectors, and 1 to {MAX_SELECTORS} are accepted",
            forget.selectors.len()
        )));
    }
    let selectors = forget.selectors.iter().map(|text| Selector::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let journal = app.journal.get().ok_or(RecordError::Starting)?;
    let series = journal.forget(filter(selectors), forget.dry_run).await?;
    let Admin(admin) = admin;
    if !forget.dry_run {
        tracing::info!(series, admin = admin.username, "an admin removed live series");
    }
    Ok(warp::reply::json(&json!({ "series": series, "dry_run": forget.dry_run })))
}

/// Chooses what any of the selectors chooses, a histogram by the name of any of its samples too.
fn filter(selectors: Vec<Selector>) -> SeriesFilter {
    Box::new(move |spec: &Spec, values: &[&str]| {
        let labels: Vec<_> = spec.labels.iter().copied().zip(values.iter().copied()).collect();
        let suffixes: &[&str] = if spec.kind == Kind::Histogram { &["", "_bucket", "_sum", "_count"] } else { &[""] };
        suffixes.iter().any(|suffix| {
            let name = format!("{}{suffix}", spec.name);
            selectors.iter().any(|selector| selector.matches(&name, &labels))
        })
    })
}
