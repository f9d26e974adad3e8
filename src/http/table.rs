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

use super::request::access::{admin, admin_of_this_site, admin_or_bearer, anyone, bearer, user};
use super::request::body;
use super::request::caller::caller;
use super::request::choice::choice;
use super::request::headers::header;
use super::request::parameter::parameter;
use super::request::query;
use super::router::Router;
use super::routes::{
    assets, auth, changes, custom, events, export, health, live, metrics, openapi, overview, pages, refresh, series,
    settings, setup, status, summary, websocket,
};

/// Every route of the service.
#[must_use]
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let ingest = TokenKind::Ingest;
    let name = || parameter("name");
    let table = Router::new(app.clone())
        .get_by_head("/metrics", metrics::scrape)
        .get("/-/healthy", anyone(app).map(health::healthy))
        .get("/-/ready", anyone(app).map(health::ready))
        .post("/api/metrics/events", bearer(app, ingest).and(events::batch()).then(events::record))
        .post("/api/metrics/live/forget", admin_of_this_site(app).and(body::json()).then(live::forget))
        .post("/api/metrics/refresh", admin_of_this_site(app).and(query()).then(refresh::refresh))
        .get("/api/metrics/status", admin(app).map(status::status))
        .get("/api/metrics/families", admin_or_bearer(app, TokenKind::Metrics).and(choice()).then(series::families))
        .get("/api/metrics/series", admin_or_bearer(app, TokenKind::Metrics).and(choice()).then(series::series))
        .get(
            "/api/metrics/cardinality",
            admin_or_bearer(app, TokenKind::Metrics).and(choice()).then(series::cardinality),
        )
        .get(
            "/api/metrics/export",
            admin_or_bearer(app, TokenKind::Metrics).and(choice()).and(export::wish()).then(export::export),
        )
        .get("/api/metrics/changes", admin(app).and(query()).then(changes::changes))
        .get("/api/metrics/changes/series", admin(app).and(query()).then(changes::series))
        .get("/api/metrics/changes/export", admin(app).and(query()).then(changes::export))
        .get("/api/metrics/overview", admin(app).and(query()).map(overview::overview))
        .get("/api/metrics/summary", admin_or_bearer(app, TokenKind::Summary).map(summary::summary))
        .get("/api/metrics/custom", admin(app).and(query()).then(custom::list))
        .post("/api/metrics/custom/preview", admin_of_this_site(app).and(body::large_json()).then(custom::preview))
        .get("/api/metrics/custom/:name", admin(app).and(name()).then(custom::show))
        .put(
            "/api/metrics/custom/:name",
            admin_of_this_site(app).and(name()).and(query()).and(body::large_json()).then(custom::put),
        )
        .delete("/api/metrics/custom/:name", admin_of_this_site(app).and(name()).and(query()).then(custom::delete))
        .post("/api/metrics/custom/:name/undo", admin_of_this_site(app).and(name()).then(custom::undo))
        .post("/api/metrics/custom/:name/retry", admin_of_this_site(app).and(name()).then(custom::retry))
        .get("/api/settings/metrics", admin(app).and(query()).then(settings::show))
        .post("/api/settings/metrics/regenerate", admin_of_this_site(app).and(query()).then(settings::regenerate))
        .get("/api/settings/metrics/prometheus", admin(app).and(caller()).and(query()).map(setup::prometheus))
        .get("/api/settings/metrics/rules", admin(app).map(setup::rules))
        .get("/api/settings/metrics/dashboard", admin(app).map(setup::dashboard))
        .post("/api/auth/login", anyone(app).and(caller()).and(body::json()).then(auth::login))
        .post("/api/auth/logout", anyone(app).and(caller()).map(auth::logout))
        .get("/api/auth/verify", user(app).map(auth::verify))
        .get("/api/ws", admin_of_this_site(app).and(caller()).and(websocket::upgrade()).map(websocket::accept))
        .get("/api/openapi.json", anyone(app).map(openapi::openapi))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Config;
    use crate::database;
    use crate::http::openapi;

    #[tokio::test]
    async fn every_route_is_described_and_nothing_else_is() {
        let uri = "mongodb://127.0.0.1:1";
        let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
        let app = App::new(&config, &database::connect(&config).await.unwrap()).unwrap();
        let routed: BTreeSet<_> = routes(&app).list().map(|(method, path)| format!("{method} {path}")).collect();
        let described = openapi::described();
        let set: BTreeSet<_> = described.iter().cloned().collect();
        assert_eq!(described.len(), set.len(), "each once");
        let missing: Vec<_> = routed.difference(&set).collect();
        assert!(missing.is_empty(), "describe in src/http/openapi/operations.rs: {missing:?}");
        let gone: Vec<_> = set.difference(&routed).collect();
        assert!(gone.is_empty(), "no such route: {gone:?}");
    }
}
