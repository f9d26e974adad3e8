//! A few sums of the library, flat, for pages that people start their day with.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::json;
use warp::reply::Response;

use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::overview;

/// `GET /api/metrics/summary`
///
/// Numbers and no names, so that whoever has the token of a start page learns no more than that.
pub(in crate::http) fn summary(app: Arc<App>) -> Result<Response, ApiError> {
    let published = app.snapshots.load();
    let snapshot = &published.snapshot;
    let Some(taken_at) = snapshot.taken_at else {
        return Err(ApiError::NotReady("no refresh has succeeded yet"));
    };
    let library = app.overview.library(snapshot);
    let titles = &library.titles;
    let providers = overview::providers(snapshot, &library.directory, false, SystemTime::now());
    let failed = snapshot.collectors.iter().filter(|collector| !collector.is_successful()).count();
    Ok(private(&json!({
        "titles": titles.movies.saturating_add(titles.tvshows).saturating_add(titles.other),
        "movies": titles.movies,
        "tvshows": titles.tvshows,
        "episodes": library.episodes,
        "channels": library.categories.total.channels,
        "providers": providers.members,
        "providers_active": providers.active,
        "connections": providers.connections.used,
        "max_connections": providers.connections.max,
        "active_users": library.active_users,
        "failed_collectors": failed,
        "snapshot_age_seconds": taken_at.age().as_secs(),
    })))
}
