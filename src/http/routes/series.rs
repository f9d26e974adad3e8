//! Families, series and their cardinality.

use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use warp::reply::Response;

use crate::app::App;
use crate::explore::{
    self, Budget, CardinalityTable, DEFAULT_LIMIT, ExportFormat, ExportedTable, MAX_LIMIT, PageRequest, Sort, View,
};
use crate::http::reply::attachment::attachment;
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::http::request::choice::Choice;
use crate::selector::{Chosen, Selector};

use super::changes::MAX_POINTS;
use super::joined;

/// `GET /api/metrics/families?match[]=&search=&history=&format=`
pub(in crate::http) async fn families(app: Arc<App>, choice: Choice) -> Result<Response, ApiError> {
    choice.only(&["search", "history", "format"])?;
    let is_table = wants_table(&choice)?;
    let selectors = choice.selectors()?;
    let search = choice.get("search").unwrap_or_default().to_owned();
    let past = if choice.get("history") == Some("true") { app.remembered.history() } else { Arc::default() };
    let families = search_in(&app, Instant::now(), move |view| {
        explore::families(view, &selectors, &search, &past.points(MAX_POINTS))
    });
    let families = families.await??;
    Ok(if is_table { file(ExportedTable::Families, &families) } else { private(&families) })
}

/// `GET /api/metrics/series?match[]=&sort=&limit=&after=`
pub(in crate::http) async fn series(app: Arc<App>, choice: Choice) -> Result<Response, ApiError> {
    choice.only(&["sort", "limit", "after"])?;
    let request = page_request(&choice)?;
    let page =
        chosen(&app, choice.selectors()?, Instant::now(), move |view, chosen| explore::page(view, &chosen, &request));
    Ok(private(&page.await??))
}

/// `GET /api/metrics/cardinality?match[]=&format=&table=`
pub(in crate::http) async fn cardinality(app: Arc<App>, choice: Choice) -> Result<Response, ApiError> {
    choice.only(&["format", "table"])?;
    let table = choice.get("table").map_or(Ok(CardinalityTable::Families), |table| {
        let unknown =
            |_| ApiError::Parameter(format!("table={table:?} is unknown; accepted: families, labels, values, folded"));
        table.parse().map_err(unknown)
    })?;
    let is_table = wants_table(&choice)?;
    let (selectors, budget) = (choice.selectors()?, Budget { series: app.series_budget });
    let found = search_in(&app, Instant::now(), move |view| explore::cardinality(view, &selectors, budget)).await??;
    Ok(if is_table { file(ExportedTable::Cardinality(table), &found) } else { private(&found) })
}

/// What is made of the series that the selectors choose, as a scrape that began `now` would show them.
pub(super) async fn chosen<T: Send + 'static>(
    app: &App,
    selectors: Vec<Selector>,
    now: Instant,
    make: impl FnOnce(&View, Vec<Chosen>) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let made = search_in(app, now, move |view| view.choose(&selectors).map(|chosen| make(view, chosen)));
    Ok(made.await??)
}

/// Looks through all series. That takes up to some tens of milliseconds, in which the thread can do nothing else.
async fn search_in<T: Send + 'static>(
    app: &App,
    now: Instant,
    search: impl FnOnce(&View) -> T + Send + 'static,
) -> Result<T, ApiError> {
    let permit = app.searching.clone().acquire_owned().await.map_err(|_| ApiError::Stopping)?;
    let (published, families) = app.exposition.parts(now);
    let custom = app.custom.running();
    let searching = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        search(&View::of(&published.snapshot, &custom, families))
    });
    joined(searching.await)
}

/// Whether the answer is to be a table.
fn wants_table(choice: &Choice) -> Result<bool, ApiError> {
    match choice.get("format").unwrap_or("json") {
        "json" => Ok(false),
        "csv" => Ok(true),
        other => Err(ApiError::Parameter(format!("format={other:?} is not supported here; accepted: json, csv"))),
    }
}

/// A table of the explorer as a file.
fn file(table: ExportedTable, answer: &Value) -> Response {
    let csv = Response::new(table.csv(answer).into());
    attachment(csv, ExportFormat::Csv.content_type(), &table.file_name(answer))
}

fn page_request(choice: &Choice) -> Result<PageRequest, ApiError> {
    let invalid = |error: String| ApiError::Parameter(error);
    let sort: Sort = choice.get("sort").unwrap_or("exposition").parse().map_err(|error| invalid(format!("{error}")))?;
    let limit = choice.get("limit").map_or(Ok(DEFAULT_LIMIT), |limit| match limit.parse() {
        Ok(limit @ 1..=MAX_LIMIT) => Ok(limit),
        _ => Err(invalid(format!("limit={limit:?} is not accepted; accepted: 1 to {MAX_LIMIT}"))),
    })?;
    Ok(PageRequest { sort, limit, after: choice.get("after").map(str::to_owned) })
}
