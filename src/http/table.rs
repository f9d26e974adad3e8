//! The table of routes. Each line is a method, a template, who may call the route and what its handler takes from the
//! request, and the handler.
//!
//! From the table follow, in `router`, `HEAD` for each `GET`, `405` with `Allow`, the trailing slash and the metrics by
//! template; no handler repeats any of them.

use std::sync::Arc;

use warp::Filter;

use crate::accounts::TokenKind;
use crate::app::App;
use crate::web;

use super::request::access::{admin, admin_of_this_site, anyone, bearer, user};
use super::request::body;
use super::request::caller::caller;
use super::request::headers::header;
use super::request::parameter::parameter;
use super::request::query;
use super::router::Router;
use super::routes::{
    assets, auth, events, health, live, metrics, overview, pages, refresh, settings, status, websocket,
};

/// Every route of the service.
#[must_use]
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let ingest = TokenKind::Ingest;
    let table = Router::new(app.clone())
        .get("/metrics", metrics::scraper(app).map(metrics::scrape))
        .get("/-/healthy", anyone(app).map(health::healthy))
        .get("/-/ready", anyone(app).map(health::ready))
        .post("/api/metrics/events", bearer(app, ingest).and(events::batch()).then(events::record))
        .post("/api/metrics/live/forget", admin_of_this_site(app).and(body::json()).then(live::forget))
        .post("/api/metrics/refresh", admin_of_this_site(app).and(query()).then(refresh::refresh))
        .get("/api/metrics/status", admin(app).map(status::status))
        .get("/api/metrics/overview", admin(app).and(query()).map(overview::overview))
        .get("/api/settings/metrics", admin(app).and(query()).then(settings::show))
        .post("/api/settings/metrics/regenerate", admin_of_this_site(app).and(query()).then(settings::regenerate))
        .post("/api/auth/login", anyone(app).and(caller()).and(body::json()).then(auth::login))
        .post("/api/auth/logout", caller().map(auth::logout))
        .get("/api/auth/verify", user(app).map(auth::verify))
        .get("/api/ws", admin_of_this_site(app).and(caller()).and(websocket::upgrade()).map(websocket::accept))
        .get("/assets/:name", parameter("name").and(header("if-none-match")).map(assets::asset))
        .get("/login", anyone(app).and(caller()).and(query()).then(pages::login))
        .get("/", anyone(app).map(pages::home));
    web::pages().fold(table, |table, page| {
        table.get(
            page.path,
            anyone(app)
                .and(caller())
                .and(pages::target())
                .then(move |app, caller, target| pages::show(page, app, caller, target)),
        )
    })
}
