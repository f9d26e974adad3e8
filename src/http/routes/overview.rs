//! The numbers of the overview page.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use playarr_jobs::refresh::Snapshot;
use playarr_jobs::remembered::FamilySums;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use warp::reply::Response;

use crate::app::App;
use crate::http::reply::json::private;
use crate::http::reply::rfc3339;
use crate::http::request::access::Admin;
use crate::live::Traffic;
use crate::overview::{self, TimelineView, Window};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
pub(in crate::http) struct OverviewQuery {
    #[serde(default)]
    window: Window,
    /// `all` for every account instead of the first ten.
    accounts: Option<Accounts>,
}

/// `GET /api/metrics/overview`; `?window=life` for the timeline since the process started, `?accounts=all` for every
/// account instead of the first ten
pub(in crate::http) fn overview(app: Arc<App>, _: Admin, query: OverviewQuery) -> Response {
    private(&numbers(&app, &query))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Accounts {
    All,
}

fn numbers(app: &App, query: &OverviewQuery) -> Value {
    let now = SystemTime::now();
    let published = app.snapshots.load();
    let snapshot = &published.snapshot;
    let library = app.overview.library(snapshot);
    let failed = snapshot.collectors.iter().filter(|collector| !collector.is_successful());
    let collected = snapshot.collectors.iter().map(|collector| {
        let time = collector.last_success.and_then(|moment| rfc3339(moment.time()));
        (collector.name.to_string(), time.into())
    });
    json!({
        "now": rfc3339(now),
        "snapshot": {
            "generation": snapshot.generation,
            "taken_at": snapshot.taken_at.map(|taken_at| rfc3339(taken_at.time())),
            "interval_seconds": app.refresh_interval.as_secs(),
            "failed": failed.map(|collector| &*collector.name).collect::<Vec<_>>(),
            "collected": collected.collect::<Map<_, _>>(),
        },
        "changes": since_yesterday(app, snapshot, now),
        "library": &*library,
        "providers": overview::providers(snapshot, &library.directory, query.accounts.is_some(), now),
        "activity": overview::activity(&app.live, &library.directory),
        "history": app.overview.timeline(query.window, &app.live).map(|view| history(&view)),
    })
}

/// How the sums of the tiles have changed since about this time yesterday; `None` if nothing of then is remembered.
fn since_yesterday(app: &App, snapshot: &Snapshot, now: SystemTime) -> Option<Value> {
    let history = app.remembered.history();
    let yesterday = history.closest(now.checked_sub(DAY)?)?;
    let age = now.duration_since(yesterday.taken_at).ok()?;
    if age < DAY / 2 || age > 2 * DAY {
        return None;
    }
    let change = |family| {
        let now = FamilySums::of(snapshot.collector(family)?.family.as_deref()?)?;
        Some(now.total - yesterday.sum(family, None)?)
    };
    Some(json!({
        "since": rfc3339(yesterday.taken_at),
        "titles": change("playarr_main_titles_count"),
        "episodes": change("playarr_episodes_count"),
        "channels": change("playarr_channels_count"),
        "active_users": change("playarr_active_users"),
    }))
}

/// The numbers of each point, a list for each part of a chart.
fn history(view: &TimelineView) -> Value {
    let each = |number: fn(&Traffic) -> u64| view.points.iter().map(number).collect::<Vec<_>>();
    json!({
        "begins": rfc3339(view.begins),
        "step_seconds": view.step.as_secs(),
        "streams": {
            "movies": each(|point| point.streams[0]),
            "tvshows": each(|point| point.streams[1]),
            "live": each(|point| point.streams[2]),
        },
        "cache": { "hits": each(|point| point.cache[0]), "misses": each(|point| point.cache[1]) },
    })
}
