//! The scrape.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::bearer::{Bearer, header};
use super::error::ApiError;
use super::negotiate;
use super::observe::{authentication_failed, made_by};
use crate::accounts::TokenKind;
use crate::app::App;
use crate::exposition::Format;
use crate::live::ScrapeFailure;
use crate::scrape::Body;

const TEMPLATE: &str = "/metrics";

/// `GET /metrics`
pub(super) fn scrape(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("metrics")
        .and(warp::get())
        .and(header("authorization"))
        .and(header("accept"))
        .and(header("accept-encoding"))
        .map(move |token: Option<Bearer>, format: Option<Preferred>, gzip: Option<Gzip>| {
            let format = format.map_or(Format::Text, |Preferred(format)| format);
            let answer = admit(&app, token.as_ref()).map(|()| answer(app.clone(), format, gzip.is_some()));
            match answer {
                // Recorded when its last frame is sent.
                Ok(answer) => answer,
                Err(error) => refuse(&app, error),
            }
        })
}

/// Checks the token and takes a place.
fn admit(app: &App, token: Option<&Bearer>) -> Result<(), ApiError> {
    Bearer::check(token, &app.tokens, TokenKind::Metrics)?;
    if app.scrapes.take() { Ok(()) } else { Err(ApiError::TooManyScrapes) }
}

/// The answer to a scrape that has a place, which its last frame gives back.
fn answer(app: Arc<App>, format: Format, gzip: bool) -> Response {
    let started = Instant::now();
    let Body { frames: [snapshot, live], length } = app.exposition.body(format, gzip, started);
    let live = Bytes::from_owner(LastFrame { live, format, started, app });
    let frames = [snapshot, live].map(Ok::<_, Infallible>);
    let mut response = warp::reply::stream(futures_util::stream::iter(frames)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn refuse(app: &App, error: ApiError) -> Response {
    let failure = match error {
        ApiError::WrongToken(_) => ScrapeFailure::WrongToken,
        ApiError::TokenUnknown(_) => ScrapeFailure::TokenUnknown,
        ApiError::TooManyScrapes => ScrapeFailure::TooMany,
        _ => ScrapeFailure::MissingToken,
    };
    app.live.scrape_refused(failure);
    if let ScrapeFailure::WrongToken | ScrapeFailure::MissingToken = failure {
        authentication_failed(app, TEMPLATE, failure.as_str());
    }
    made_by(TEMPLATE, error)
}

/// The format a client prefers.
struct Preferred(Format);

impl FromStr for Preferred {
    type Err = Infallible;

    fn from_str(accept: &str) -> Result<Self, Infallible> {
        Ok(Self(negotiate::format(accept)))
    }
}

/// The client takes gzip.
struct Gzip;

impl FromStr for Gzip {
    type Err = ();

    fn from_str(accept_encoding: &str) -> Result<Self, ()> {
        if negotiate::accepts_gzip(accept_encoding) { Ok(Self) } else { Err(()) }
    }
}

/// The frame that ends an answer. It keeps the scrape's place until the connection has sent it or given up.
struct LastFrame {
    live: Bytes,
    format: Format,
    started: Instant,
    app: Arc<App>,
}

impl AsRef<[u8]> for LastFrame {
    fn as_ref(&self) -> &[u8] {
        &self.live
    }
}

impl Drop for LastFrame {
    fn drop(&mut self) {
        self.app.scrapes.give_back();
        self.app.live.service().scraped(self.format, self.started.elapsed());
    }
}
