//! The scrape.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::OwnedSemaphorePermit;
use warp::http::HeaderMap;
use warp::http::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    HeaderName, HeaderValue, VARY,
};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::{ApiError, respond};
use super::{negotiate, with};
use crate::accounts::TokenKind;
use crate::app::App;
use crate::exposition::Format;
use crate::live::{Live, ScrapeFailure};

/// `GET /metrics`
pub(super) fn scrape(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("metrics").and(warp::get()).and(with(app)).and(warp::header::headers_cloned()).map(
        |app: Arc<App>, headers: HeaderMap| {
            let answer = answer(&app, &headers);
            if let Err(failure) = &answer {
                app.live.service().scrape_refused(reason(failure));
            }
            respond(answer)
        },
    )
}

fn answer(app: &App, headers: &HeaderMap) -> Result<Response, ApiError> {
    let started = Instant::now();
    let token = bearer(text(headers, &AUTHORIZATION)).ok_or(ApiError::MissingToken)?;
    match app.tokens.accepts(TokenKind::Metrics, token) {
        None => return Err(ApiError::TokenUnknown),
        Some(false) => return Err(ApiError::WrongToken),
        Some(true) => {}
    }
    let permit = app.scrapes.clone().try_acquire_owned().map_err(|_| ApiError::TooManyScrapes)?;
    let format = negotiate::format(text(headers, &ACCEPT));
    let gzip = negotiate::accepts_gzip(text(headers, &ACCEPT_ENCODING));

    let body = app.exposition.body(format, gzip);
    let length = body.length;
    let frames =
        Frames { frames: body.frames, next: 0, format, started, live: app.live.clone(), _permit: permit };
    let mut response = warp::reply::stream(frames).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn reason(failure: &ApiError) -> ScrapeFailure {
    match failure {
        ApiError::WrongToken => ScrapeFailure::WrongToken,
        ApiError::TokenUnknown => ScrapeFailure::TokenUnknown,
        ApiError::TooManyScrapes => ScrapeFailure::TooMany,
        _ => ScrapeFailure::MissingToken,
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The token of an `Authorization: Bearer <token>` header (RFC 6750, section 2.1; the scheme is case-insensitive).
fn bearer(authorization: Option<&str>) -> Option<&str> {
    let (scheme, token) = authorization?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(char::is_whitespace))
        .then_some(token)
}

/// A body on its way. It holds the scrape's place among those allowed at once until it is sent or given up.
struct Frames {
    frames: [Bytes; 3],
    next: usize,
    format: Format,
    started: Instant,
    live: Live,
    _permit: OwnedSemaphorePermit,
}

impl Stream for Frames {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while let Some(frame) = self.frames.get(self.next).cloned() {
            self.next += 1;
            if !frame.is_empty() {
                return Poll::Ready(Some(Ok(frame)));
            }
        }
        Poll::Ready(None)
    }
}

impl Drop for Frames {
    fn drop(&mut self) {
        self.live.service().scraped(self.format, self.started.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_one_word() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer(Some(header)), Some("abc"), "{header}");
        }
        for header in ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearerabc", " Bearer abc"]
        {
            assert_eq!(bearer(Some(header)), None, "{header}");
        }
        assert_eq!(bearer(None), None);
    }
}
