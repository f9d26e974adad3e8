//! Answers in HTML.

use warp::Reply;
use warp::http::StatusCode;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use warp::reply::Response;

use askama::Template;

use crate::config::BasePath;
use crate::web::NoticePage;

use super::extensions::ErrorText;

/// Scripts, styles, images and connections of this service only, and no frames around it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'self'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A page of the service.
pub(in crate::http) fn page(status: StatusCode, template: &impl Template) -> Response {
    html(status, template.render())
}

/// The page of a template that was rendered.
pub(in crate::http) fn html(status: StatusCode, rendered: askama::Result<String>) -> Response {
    // Rendering writes to memory and cannot fail.
    let html = rendered.unwrap_or_default();
    guarded(warp::reply::with_status(warp::reply::html(html), status).into_response())
}

/// A redirect to a path of this service.
pub(in crate::http) fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    guarded(response)
}

/// An error as a page, for somebody who looks at this path in a browser.
pub(in crate::http) fn of_error(
    response: &Response,
    ErrorText(text): &ErrorText,
    base: &BasePath,
    path: &str,
) -> Response {
    let status = response.status();
    let notice = match status {
        StatusCode::SERVICE_UNAVAILABLE => NoticePage::unavailable(base, text),
        StatusCode::NOT_FOUND => NoticePage::not_found(base, path),
        _ => NoticePage::failed(base, text),
    };
    let mut page = page(status, &notice);
    // What the error says in its headers, such as Allow or Retry-After, the page says as well.
    for (name, value) in response.headers() {
        if ![CONTENT_TYPE, CONTENT_LENGTH].contains(name) && !page.headers().contains_key(name) {
            page.headers_mut().insert(name, value.clone());
        }
    }
    page
}

fn guarded(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS);
    response
}
