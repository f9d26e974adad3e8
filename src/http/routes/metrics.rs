//! The scrape.

use std::convert::Infallible;
use std::future::ready;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use warp::http::Method;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::accounts::{Client, TokenKind};
use crate::app::App;
use crate::exposition::Format;
use crate::http::reply::error::ApiError;
use crate::http::reply::extensions::Recorded;
use crate::http::request::access::anyone;
use crate::http::request::bearer::Bearer;
use crate::http::request::headers::header;
use crate::http::request::negotiate;
use crate::http::request::peer::peer;
use crate::scrape::{Body, ScrapePermit};
use crate::telemetry::{Cause, Outcome, Scrape, UserAgent};

/// A scrape that may be answered.
pub(in crate::http) struct Admitted {
    app: Arc<App>,
    _permit: ScrapePermit,
    request: Request,
}

/// What a scrape asks for, and who sends it.
struct Request {
    at: Instant,
    is_head: bool,
    format: Format,
    gzip: bool,
    user_agent: Option<UserAgent>,
    client: IpAddr,
}

/// The bearer of the metrics token, if there are not too many scrapes at once.
pub(in crate::http) fn scraper(
    app: &Arc<App>,
) -> impl Filter<Extract = (Admitted,), Error = Rejection> + Clone + use<> {
    anyone(app).and(header("authorization")).and(request()).and_then(|app, token: Option<Bearer>, request| {
        ready(admit(app, token.as_ref(), request).map_err(Rejection::from))
    })
}

/// `GET /metrics`
pub(in crate::http) fn scrape(admitted: Admitted) -> Response {
    let Request { at, format, gzip, is_head, .. } = admitted.request;
    let Body { frames: [snapshot, live], length } = admitted.app.exposition.body(format, gzip, at);
    let live = if is_head { live } else { Bytes::from_owner(LastFrame { live, length, admitted }) };
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
    if !is_head {
        response.extensions_mut().insert(Recorded);
    }
    response
}

fn request() -> impl Filter<Extract = (Request,), Error = Rejection> + Copy {
    warp::method()
        .and(header("accept"))
        .and(header("accept-encoding"))
        .and(header("user-agent"))
        .and(header("x-forwarded-for"))
        .map(|method, format: Option<Preferred>, gzip: Option<Gzip>, user_agent, proxied: Option<String>| Request {
            at: Instant::now(),
            is_head: method == Method::HEAD,
            format: format.map_or(Format::Text, |Preferred(format)| format),
            gzip: gzip.is_some_and(|Gzip(gzip)| gzip),
            user_agent,
            client: Client::of(peer(), proxied.as_deref()).address,
        })
}

/// Checks the token and takes a permit. A scrape that is refused ends here.
fn admit(app: Arc<App>, token: Option<&Bearer>, request: Request) -> Result<Admitted, ApiError> {
    let permit = Bearer::check(token, &app.tokens, TokenKind::Metrics)
        .and_then(|()| app.scrape_permits.acquire().ok_or(ApiError::TooManyScrapes));
    match permit {
        Ok(permit) => Ok(Admitted { app, _permit: permit, request }),
        Err(error) => {
            let outcome = Outcome::Refused(cause(&app, token, &error));
            let Request { at, user_agent, client, .. } = request;
            app.telemetry.record_scrape(Scrape { client, user_agent, at, outcome });
            Err(error)
        }
    }
}

/// Why a scrape is refused, as exactly as it takes to say what to do.
fn cause(app: &App, token: Option<&Bearer>, error: &ApiError) -> Cause {
    match error {
        ApiError::WrongToken(_) if Bearer::check(token, &app.tokens, TokenKind::Ingest).is_ok() => Cause::IngestToken,
        ApiError::WrongToken(_) => Cause::OtherToken,
        ApiError::TokenUnknown(..) => Cause::TokenUnknown,
        ApiError::TooManyScrapes => Cause::TooMany,
        _ if token.is_some() => Cause::NotBearer,
        _ => Cause::NoHeader,
    }
}

/// The format that a client prefers.
struct Preferred(Format);

impl FromStr for Preferred {
    type Err = Infallible;

    fn from_str(accept: &str) -> Result<Self, Infallible> {
        Ok(Self(negotiate::format(accept)))
    }
}

/// Whether a client accepts gzip.
struct Gzip(bool);

impl FromStr for Gzip {
    type Err = Infallible;

    fn from_str(accept_encoding: &str) -> Result<Self, Infallible> {
        Ok(Self(negotiate::accepts_gzip(accept_encoding)))
    }
}

/// The last frame of an answer. The connection drops it once it is sent, or cannot be: then the scrape has ended, and
/// its permit is free.
struct LastFrame {
    live: Bytes,
    length: usize,
    admitted: Admitted,
}

impl AsRef<[u8]> for LastFrame {
    fn as_ref(&self) -> &[u8] {
        &self.live
    }
}

impl Drop for LastFrame {
    fn drop(&mut self) {
        let Admitted { app, request, .. } = &mut self.admitted;
        let &mut Request { at, format, gzip, client, .. } = request;
        let outcome = Outcome::Answered { format, gzip, bytes: self.length, duration: at.elapsed() };
        let user_agent = request.user_agent.take();
        app.telemetry.record_scrape(Scrape { client, user_agent, at, outcome });
    }
}
