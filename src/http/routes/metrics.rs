//! The scrape.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use warp::http::HeaderMap;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::accounts::{Client, TokenKind};
use crate::app::App;
use crate::exposition::Format;
use crate::http::observe::{answered, authentication_failed};
use crate::http::reply::error::ApiError;
use crate::http::request::bearer::Bearer;
use crate::http::request::negotiate;
use crate::http::server;
use crate::scrape::Body;
use crate::telemetry::ScrapeFailure;
use crate::telemetry::{Answered, Cause, Failed, UserAgent};

pub(in crate::http) const TEMPLATE: &str = "/metrics";

/// `GET /metrics`
pub(in crate::http) fn scrape(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("metrics").and(warp::get()).and(Request::filter()).map(move |request: Request| {
        let at = Instant::now();
        let Request { token, format, gzip, user_agent, client } = request;
        if let Err(error) = admit(&app, token.as_ref()) {
            let cause = cause(&app, token.as_ref(), &error);
            return refuse(&app, error, Failed { client, at, cause, user_agent });
        }
        // Recorded when its last frame is sent.
        answer(Scrape { app: app.clone(), at, client, format, gzip, user_agent })
    })
}

/// Any other method on `/metrics`
pub(in crate::http) fn other_methods() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Copy {
    warp::path!("metrics").map(|| ApiError::MethodNotAllowed)
}

/// What counts of a request's headers.
struct Request {
    token: Option<Bearer>,
    format: Format,
    gzip: bool,
    user_agent: Option<UserAgent>,
    client: IpAddr,
}

impl Request {
    /// Headers as a scraper sends them are read one by one. Those with `X-Forwarded-For` or with other characters than
    /// ASCII are copied first, which takes a little longer.
    fn filter() -> impl Filter<Extract = (Self,), Error = Infallible> + Copy {
        let usual = warp::header::optional("authorization")
            .and(warp::header::optional("accept"))
            .and(warp::header::optional("accept-encoding"))
            .and(warp::header::optional("user-agent"))
            .and(warp::header::optional("x-forwarded-for"))
            .map(|token, format: Option<Preferred>, gzip: Option<Gzip>, user_agent, _: Option<Absent>| {
                Self {
                    token,
                    format: format.map_or(Format::Text, |Preferred(format)| format),
                    gzip: gzip.is_some_and(|Gzip(gzip)| gzip),
                    user_agent,
                    client: Client::of(server::peer(), None).address,
                }
            });
        usual.or(warp::header::headers_cloned().map(|headers| Self::of(&headers))).unify()
    }

    fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            token: text("authorization").and_then(|text| text.parse().ok()),
            format: text("accept").map_or(Format::Text, negotiate::format),
            gzip: text("accept-encoding").is_some_and(negotiate::accepts_gzip),
            user_agent: text("user-agent").and_then(|text| text.parse().ok()),
            client: Client::of(server::peer(), text("x-forwarded-for")).address,
        }
    }
}

/// Checks the token and takes a place.
fn admit(app: &App, token: Option<&Bearer>) -> Result<(), ApiError> {
    Bearer::check(token, &app.tokens, TokenKind::Metrics)?;
    if app.scrapes.take() { Ok(()) } else { Err(ApiError::TooManyScrapes) }
}

/// Why the scrape is refused, to the last detail that helps.
fn cause(app: &App, token: Option<&Bearer>, error: &ApiError) -> Cause {
    match error {
        ApiError::WrongToken(_) if Bearer::check(token, &app.tokens, TokenKind::Ingest).is_ok() => {
            Cause::IngestToken
        }
        ApiError::WrongToken(_) => Cause::OtherToken,
        ApiError::TokenUnknown(..) => Cause::TokenUnknown,
        ApiError::TooManyScrapes => Cause::TooMany,
        _ if token.is_some() => Cause::NotBearer,
        _ => Cause::NoHeader,
    }
}

fn refuse(app: &App, error: ApiError, refused: Failed) -> Response {
    let failure = refused.cause.failure();
    app.telemetry.scrape_refused(failure);
    let at = refused.at;
    app.scrape_log.failed(refused);
    if let ScrapeFailure::WrongToken | ScrapeFailure::MissingToken = failure {
        authentication_failed(app, TEMPLATE, failure.as_str());
    }
    let response = error.into_response();
    answered(app, TEMPLATE, &response, at);
    response
}

/// A scrape that has a place, and what is remembered of it.
struct Scrape {
    app: Arc<App>,
    at: Instant,
    client: IpAddr,
    format: Format,
    gzip: bool,
    user_agent: Option<UserAgent>,
}

/// The answer to a scrape that has a place, which its last frame gives back.
fn answer(scrape: Scrape) -> Response {
    let Scrape { format, gzip, .. } = scrape;
    let Body { frames: [snapshot, live], length } = scrape.app.exposition.body(format, gzip, scrape.at);
    let live = Bytes::from_owner(LastFrame { live, length, scrape });
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

/// The format a client prefers.
struct Preferred(Format);

impl FromStr for Preferred {
    type Err = Infallible;

    fn from_str(accept: &str) -> Result<Self, Infallible> {
        Ok(Self(negotiate::format(accept)))
    }
}

/// Whether the client takes gzip.
struct Gzip(bool);

impl FromStr for Gzip {
    type Err = Infallible;

    fn from_str(accept_encoding: &str) -> Result<Self, Infallible> {
        Ok(Self(negotiate::accepts_gzip(accept_encoding)))
    }
}

/// A header that is not there.
struct Absent;

impl FromStr for Absent {
    type Err = ();

    fn from_str(_: &str) -> Result<Self, ()> {
        Err(())
    }
}

/// The frame that ends an answer. It keeps the scrape's place until the connection has sent it or given up.
struct LastFrame {
    live: Bytes,
    length: usize,
    scrape: Scrape,
}

impl AsRef<[u8]> for LastFrame {
    fn as_ref(&self) -> &[u8] {
        &self.live
    }
}

impl Drop for LastFrame {
    fn drop(&mut self) {
        let Scrape { app, at, client, format, gzip, user_agent } = &self.scrape;
        let duration = at.elapsed();
        app.scrapes.give_back(*format);
        app.telemetry.service().scraped(*format, duration);
        app.scrape_log.answered(Answered {
            client: *client,
            format: *format,
            gzip: *gzip,
            bytes: self.length,
            at: *at,
            duration,
            user_agent: *user_agent,
        });
    }
}
