//! The HTTP interface. [`routes`] is the table; each resource has its file.

mod error;
mod health;
mod metrics;
mod negotiate;
mod refresh;
mod server;

use std::convert::Infallible;
use std::sync::Arc;

use warp::{Filter, Reply};

use crate::app::App;

pub use error::ApiError;
pub use server::serve;

/// Every route of the service.
pub fn routes(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    // The scrape comes first: it is what there are thousands of.
    let others = health::healthy().or(health::ready(app.clone())).or(refresh::refresh(app.clone()));
    metrics::scrape(app).or(others.boxed()).recover(error::recover)
}

/// Hands the parts of the service to a handler.
fn with(app: Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Infallible> + Clone {
    warp::any().map(move || app.clone())
}
