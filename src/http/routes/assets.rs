//! Style, scripts and icon of the pages.

use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::web::{self, Asset};

pub(in crate::http) const TEMPLATE: &str = "/assets/:name";

/// `GET /assets/<name>`
pub(in crate::http) fn asset() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("assets" / String)
        .and_then(|name: String| async move { web::asset(&name).ok_or_else(warp::reject::not_found) })
        .and(warp::get())
        .and(warp::header::optional("if-none-match"))
        .map(|asset, known: Option<String>| answer(asset, known.as_deref()))
}

/// The asset, or only that it is still the one the browser has. Browsers ask each time: what they show is then always
/// of one version, also right after an update.
fn answer(asset: &Asset, known: Option<&str>) -> Response {
    let is_known = known.is_some_and(|known| known.split(',').any(|known| is_same(known, &asset.etag)));
    let mut response =
        if is_known { StatusCode::NOT_MODIFIED.into_response() } else { asset.body.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(ETAG, etag);
    }
    response
}

/// Proxies that compress mark the tag as weak, which does not matter here (RFC 9110, section 13.1.2).
fn is_same(known: &str, etag: &str) -> bool {
    known.trim().trim_start_matches("W/") == etag
}
