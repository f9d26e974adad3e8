//! Answers in JSON.

use serde_json::Value;
use warp::Reply;
use warp::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;

/// An answer that no cache keeps and that no browser takes for a page.
pub(in crate::http) fn private(body: &Value) -> Response {
    let mut response = warp::reply::json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
