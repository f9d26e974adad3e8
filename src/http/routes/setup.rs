//! The files that Prometheus and Grafana are set up with.

use std::sync::Arc;

use serde::Deserialize;
use warp::reply::Response;

use crate::app::App;
use crate::catalog::{Catalog, DOCS, Output};
use crate::http::reply::attachment::attachment;
use crate::http::request::access::Admin;
use crate::http::request::caller::Caller;
use crate::web::{Encryption, Setup, Target, prometheus_yml};

const YAML: &str = "application/yaml";

#[derive(Deserialize)]
pub(in crate::http) struct SetupQuery {
    #[serde(default)]
    setup: Setup,
}

/// `GET /api/settings/metrics/prometheus?setup=`
pub(in crate::http) fn prometheus(app: Arc<App>, _: Admin, caller: Caller, query: SetupQuery) -> Response {
    let file = prometheus_yml(&target(&app, &caller), query.setup);
    attachment(Response::new(file.into()), YAML, "prometheus.yml")
}

/// `GET /api/settings/metrics/rules`
pub(in crate::http) fn rules(_: Arc<App>, _: Admin) -> Response {
    generated(Output::Rules, YAML, "playarr.rules.yml")
}

/// `GET /api/settings/metrics/dashboard`
pub(in crate::http) fn dashboard(_: Arc<App>, _: Admin) -> Response {
    generated(Output::Dashboard, "application/json", "playarr.json")
}

/// A file that is made from the catalog: the same that packages have.
fn generated(output: Output, media_type: &'static str, name: &str) -> Response {
    attachment(Response::new(output.of(&Catalog::default(), DOCS).into()), media_type, name)
}

/// Where who sends a request found the service.
pub(super) fn target(app: &App, caller: &Caller) -> Target {
    let own = app.tls.get().map(|tls| Encryption::Service { asks_clients: tls.asks_clients() });
    let seen = match own {
        _ if !caller.is_https() => Encryption::None,
        Some(own) if caller.client().proxy.is_none() => own,
        _ => Encryption::Proxy,
    };
    Target::of(caller.host(), seen, own.unwrap_or(Encryption::None)).below(&app.base_path)
}
