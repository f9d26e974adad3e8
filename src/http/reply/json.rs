//! Answers in JSON.

use serde::Serialize;
use warp::Reply;
use warp::http::HeaderMap;
use warp::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;

/// An answer that no cache keeps and that no browser takes for a page.
pub(in crate::http) fn private(body: &impl Serialize) -> Response {
    let mut response = warp::reply::json(body).into_response();
    keep_private(response.headers_mut());
    response
}

/// Keeps an answer out of caches, and browsers from taking it for something else than it says.
pub(super) fn keep_private(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}
