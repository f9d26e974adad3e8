//! The description of the routes.

use std::sync::Arc;

use warp::reply::Json;

use crate::app::App;
use crate::http::openapi::document;

/// `GET /api/openapi.json`
pub(in crate::http) fn openapi(_: Arc<App>) -> Json {
    warp::reply::json(&document())
}
