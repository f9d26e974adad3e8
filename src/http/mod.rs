//! The HTTP interface. [`routes`] is the table; each resource has its file.

mod observe;
mod reply;
mod request;
mod routes;
mod server;
mod starting;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use warp::{Filter, Reply};

use crate::app::App;

use observe::at;
use reply::error;
use routes::{assets, auth, events, health, metrics, overview, pages, refresh, settings, status, websocket};

pub use reply::error::ApiError;
pub use server::serve;
pub use starting::serve_while_starting;

/// The year 10000, which RFC 3339 does not know.
const END_OF_TIME: Duration = Duration::from_secs(253_402_300_800);

/// Every route of the service, each under its template.
pub fn routes(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let others = at("/-/healthy", health::healthy())
        .or(at("/-/ready", health::ready(app.clone())))
        .or(at(events::TEMPLATE, events::record(app.clone())))
        .or(at(auth::LOGIN, auth::login(app.clone())))
        .or(at(auth::LOGOUT, auth::logout()))
        .or(at(auth::VERIFY, auth::verify(app.clone())))
        .or(at(settings::SHOW, settings::show(app.clone())))
        .or(at(settings::REGENERATE, settings::regenerate(app.clone())))
        .or(at(refresh::TEMPLATE, refresh::refresh(app.clone())))
        .or(at(status::TEMPLATE, status::status(app.clone())))
        .or(at(overview::TEMPLATE, overview::overview(app.clone())))
        .or(at(websocket::TEMPLATE, websocket::websocket(app.clone())))
        .or(at(pages::HOME_TEMPLATE, pages::home()))
        .or(at(pages::LOGIN_TEMPLATE, pages::login(app.clone())))
        .or(pages::pages(app.clone()))
        .or(at(assets::TEMPLATE, assets::asset()))
        .or(at(metrics::TEMPLATE, metrics::other_methods()));
    let others = observe::requests(app.clone(), others.boxed().recover(error::recover));
    // The scrape comes first: it is what there are thousands of.
    metrics::scrape(app).or(others)
}

/// Hands the parts of the service to a handler.
fn with(app: Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone {
    warp::any().map(move || app.clone())
}

/// A moment as answers show it; none before 1970 and after 9999, which cannot be written that way.
fn rfc3339(time: SystemTime) -> Option<String> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since_epoch < END_OF_TIME).then(|| humantime::format_rfc3339_millis(time).to_string())
}
