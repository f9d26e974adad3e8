//! Styles, scripts and the icon of the pages.

use warp::Reply;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;

use crate::http::reply::error::ApiError;
use crate::web::{self, Asset};

/// `GET /assets/:name`
pub(in crate::http) fn asset(name: String, if_none_match: Option<String>) -> Result<Response, ApiError> {
    let asset = web::asset(&name).ok_or(ApiError::NoSuchRoute)?;
    Ok(answer(asset, if_none_match.as_deref()))
}

/// The asset, or 304 if the browser has it. Browsers ask each time, so all assets of a page are of one version, also
/// right after an update.
fn answer(asset: &Asset, if_none_match: Option<&str>) -> Response {
    let is_known = if_none_match.is_some_and(|tags| tags.split(',').any(|tag| is_same(tag, &asset.etag)));
    let mut response = if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.body.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// Compares tags weakly (RFC 9110, section 13.1.2): proxies that compress mark them as weak.
fn is_same(tag: &str, etag: &str) -> bool {
    tag.trim().trim_start_matches("W/") == etag
}
