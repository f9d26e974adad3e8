//! The scrape.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::ApiError;
use super::{negotiate, server};
use crate::accounts::{Client, TokenKind};
use crate::app::App;
use crate::exposition::Format;
use crate::recent::{Answered, Cause, Failed, UserAgent};
use crate::scrape::Body;

/// `GET /metrics`
pub(super) fn scrape(app: Arc<App>) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("metrics")
        .and(warp::get())
        .and(header("authorization"))
        .and(header("accept"))
        .and(header("accept-encoding"))
        .and(header("x-forwarded-for"))
        .and(header("user-agent"))
        .map(move |authorization, format, gzip, forwarded, user_agent| {
            scraped(&app, authorization, format, gzip, forwarded, user_agent)
        })
}

fn scraped(
    app: &Arc<App>,
    authorization: Option<Authorization>,
    format: Option<Preferred>,
    gzip: Option<Gzip>,
    forwarded: Option<Forwarded>,
    user_agent: Option<UserAgent>,
) -> Response {
    let at = Instant::now();
    let client = Client::of(server::peer(), forwarded.as_ref().map(|Forwarded(by)| &**by)).address;
    if let Err(cause) = admit(app, authorization.as_ref()) {
        app.live.service().scrape_refused(cause.failure());
        app.recent.failed(Failed { client, at, cause, user_agent });
        return refusal(cause).into_response();
    }
    let format = format.map_or(Format::Text, |Preferred(format)| format);
    answer(Scrape { app: app.clone(), at, client, format, gzip: gzip.is_some(), user_agent })
}

/// A header read straight from the request, or none where it is absent or cannot be read.
fn header<T: FromStr + Send + 'static>(
    name: &'static str,
) -> impl Filter<Extract = (Option<T>,), Error = Infallible> + Copy {
    warp::header::optional::<T>(name).or_else(|_| std::future::ready(Ok::<_, Infallible>((None,))))
}

/// Checks the token and takes a place.
fn admit(app: &App, authorization: Option<&Authorization>) -> Result<(), Cause> {
    let token = match authorization {
        Some(Authorization::Bearer(token)) => token,
        Some(Authorization::Other) => return Err(Cause::NotBearer),
        None => return Err(Cause::NoHeader),
    };
    match app.tokens.accepts(TokenKind::Metrics, token) {
        None => Err(Cause::TokenUnknown),
        Some(false) if app.tokens.accepts(TokenKind::Ingest, token) == Some(true) => Err(Cause::IngestToken),
        Some(false) => Err(Cause::OtherToken),
        Some(true) if app.scrapes.take() => Ok(()),
        Some(true) => Err(Cause::TooMany),
    }
}

fn refusal(cause: Cause) -> ApiError {
    match cause {
        Cause::NoHeader | Cause::NotBearer => ApiError::MissingToken,
        Cause::IngestToken | Cause::OtherToken => ApiError::WrongToken,
        Cause::TokenUnknown => ApiError::TokenUnknown,
        Cause::TooMany => ApiError::TooManyScrapes,
    }
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

/// The client takes gzip.
struct Gzip;

impl FromStr for Gzip {
    type Err = ();

    fn from_str(accept_encoding: &str) -> Result<Self, ()> {
        if negotiate::accepts_gzip(accept_encoding) { Ok(Self) } else { Err(()) }
    }
}

/// An `Authorization` header.
enum Authorization {
    /// With a bearer token.
    Bearer(String),
    /// With anything else.
    Other,
}

impl FromStr for Authorization {
    type Err = Infallible;

    fn from_str(authorization: &str) -> Result<Self, Infallible> {
        Ok(bearer(authorization).map_or(Self::Other, |token| Self::Bearer(token.to_owned())))
    }
}

/// An `X-Forwarded-For` header.
struct Forwarded(Box<str>);

impl FromStr for Forwarded {
    type Err = Infallible;

    fn from_str(forwarded_for: &str) -> Result<Self, Infallible> {
        Ok(Self(forwarded_for.into()))
    }
}

/// The token of an `Authorization: Bearer <token>` header (RFC 6750, section 2.1; the scheme is case-insensitive).
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(char::is_whitespace))
        .then_some(token)
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
        app.live.service().scraped(*format, duration);
        app.recent.answered(Answered {
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

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn the_scheme_is_case_insensitive_and_the_token_is_one_word() {
        for header in ["Bearer abc", "bearer abc", "BEARER   abc "] {
            assert_eq!(bearer(header), Some("abc"), "{header}");
        }
        for header in ["", "abc", "Bearer", "Bearer ", "Basic abc", "Bearer a b", "Bearerabc", " Bearer abc"]
        {
            assert_eq!(bearer(header), None, "{header}");
        }
    }
}
