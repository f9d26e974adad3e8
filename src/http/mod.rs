//! The HTTP interface. [`routes`] is the table; each resource has its file in `routes/`.
//!
//! A line of the table is a method, a template, who may call the route and what its handler takes from the request, and
//! the handler. From the table follow, in `router`, `HEAD` for each `GET`, `405` with `Allow`, the trailing slash and
//! the metrics by template; no handler repeats any of them.

mod reply;
mod request;
mod router;
mod routes;
mod server;
mod starting;

use std::sync::Arc;

use warp::Filter;

use crate::accounts::TokenKind;
use crate::app::App;

use request::access::{admin, admin_of_this_site, anyone, bearer, user};
use request::caller::caller;
use request::headers::header;
use request::parameter::parameter;
use request::query;
use routes::{assets, auth, events, health, metrics, overview, pages, refresh, settings, status, websocket};

pub use reply::error::ApiError;
pub use router::Router;
pub use server::serve;
pub use starting::serve_while_starting;

/// Every route of the service.
#[must_use]
pub fn routes(app: &Arc<App>) -> Router {
    let ingest = TokenKind::Ingest;
    let table = Router::new(app.clone())
        .get("/metrics", metrics::scraper(app).map(metrics::scrape))
        .get("/-/healthy", anyone(app).map(health::healthy))
        .get("/-/ready", anyone(app).map(health::ready))
        .post("/api/metrics/events", bearer(app, ingest).and(events::batch()).then(events::record))
        .post("/api/metrics/refresh", admin_of_this_site(app).and(query()).then(refresh::refresh))
        .get("/api/metrics/status", admin(app).map(status::status))
        .get("/api/metrics/overview", admin(app).and(query()).map(overview::overview))
        .get("/api/settings/metrics", admin(app).and(query()).then(settings::show))
        .post(
            "/api/settings/metrics/regenerate",
            admin_of_this_site(app).and(query()).then(settings::regenerate),
        )
        .post("/api/auth/login", anyone(app).and(caller()).and(auth::login_body()).then(auth::login))
        .post("/api/auth/logout", caller().map(auth::logout))
        .get("/api/auth/verify", user(app).map(auth::verify))
        .get(
            "/api/ws",
            admin_of_this_site(app).and(caller()).and(websocket::upgrade()).map(websocket::accept),
        )
        .get("/assets/:name", parameter("name").and(header("if-none-match")).map(assets::asset))
        .get("/login", anyone(app).and(caller()).and(query()).then(pages::login))
        .get("/", anyone(app).map(pages::home));
    crate::web::pages().fold(table, |table, page| {
        table.get(
            page.path,
            anyone(app)
                .and(caller())
                .and(pages::target())
                .then(move |app, caller, target| pages::show(page, app, caller, target)),
        )
    })
}
