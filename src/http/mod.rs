//! The HTTP interface. [`routes`] is the table; each resource has its file.

mod assets;
mod auth;
mod body;
mod caller;
mod error;
mod health;
mod metrics;
mod negotiate;
mod pages;
mod refresh;
mod server;
mod settings;
mod status;
mod websocket;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::SystemTime;

use warp::{Filter, Reply};

use crate::app::App;

pub use error::ApiError;
pub use server::serve;

/// Every route of the service.
pub fn routes(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    // The scrape comes first: it is what there are thousands of.
    let others = health::healthy()
        .or(health::ready(app.clone()))
        .or(auth::login(app.clone()))
        .or(auth::logout())
        .or(auth::verify(app.clone()))
        .or(settings::show(app.clone()))
        .or(settings::regenerate(app.clone()))
        .or(refresh::refresh(app.clone()))
        .or(status::status(app.clone()))
        .or(websocket::websocket(app.clone()))
        .or(pages::home())
        .or(pages::login(app.clone()))
        .or(pages::pages(app.clone()))
        .or(assets::asset());
    metrics::scrape(app).or(others.boxed()).recover(error::recover)
}

/// Hands the parts of the service to a handler.
fn with(app: Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone {
    warp::any().map(move || app.clone())
}

/// A moment as answers show it.
fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time).to_string()
}
