//! The library in pictures: what the overview page draws.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Value, json};
use warp::{Filter, Rejection, Reply};

use super::auth::private;
use crate::app::App;
use crate::http::reply::error::respond;
use crate::http::request::caller::{Caller, caller};
use crate::http::{rfc3339, with};
use crate::live::Traffic;
use crate::overview::{self, Past, Window};

pub(in crate::http) const TEMPLATE: &str = "/api/metrics/overview";

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    window: Window,
}

/// `GET /api/metrics/overview` by an admin; `?window=life` for the history since the process started
pub(in crate::http) fn overview(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "metrics" / "overview")
        .and(warp::get())
        .and(with(app))
        .and(caller())
        .and(warp::query())
        .then(|app: Arc<App>, caller: Caller, query: Query| async move {
            let admin = caller.admin(&app, TEMPLATE).await;
            respond(admin.map(|_| private(&pictures(&app, query.window))))
        })
}

fn pictures(app: &App, window: Window) -> Value {
    let now = SystemTime::now();
    let published = app.snapshots.load();
    let snapshot = &published.snapshot;
    let library = app.overview.library(snapshot);
    let failed = snapshot.collectors.iter().filter(|collector| !collector.is_successful());
    json!({
        "now": rfc3339(now),
        "snapshot": {
            "generation": snapshot.generation,
            "taken_at": snapshot.taken_at.map(|taken_at| rfc3339(taken_at.time())),
            "failed": failed.map(|collector| &*collector.name).collect::<Vec<_>>(),
        },
        "library": &*library,
        "providers": overview::providers(snapshot, &library, now),
        "activity": overview::activity(&app.live),
        "history": app.overview.past(window, &app.live).map(|past| history(&past)),
    })
}

/// Each point's number, one list for each colour of a picture.
fn history(past: &Past) -> Value {
    let each = |number: fn(&Traffic) -> u64| past.points.iter().map(number).collect::<Vec<_>>();
    json!({
        "begins": rfc3339(past.begins),
        "step_seconds": past.step.as_secs(),
        "streams": {
            "movies": each(|point| point.streams[0]),
            "tvshows": each(|point| point.streams[1]),
            "live": each(|point| point.streams[2]),
        },
        "cache": { "hits": each(|point| point.cache[0]), "misses": each(|point| point.cache[1]) },
    })
}
