//! The scrape.

use std::convert::Infallible;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, VARY};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::error::{ApiError, respond};
use super::negotiate;
use crate::accounts::TokenKind;
use crate::app::App;
use crate::exposition::Format;
use crate::live::ScrapeFailure;
use crate::scrape::Body;

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
            if let Err(failure) = &answer {
                app.live.service().scrape_refused(reason(failure));
            }
            respond(answer)
        })
}

/// A header read straight from the request, or none where it is absent or cannot be read.
fn header<T: FromStr + Send + 'static>(
    name: &'static str,
) -> impl Filter<Extract = (Option<T>,), Error = Infallible> + Copy {
    warp::header::optional::<T>(name).or_else(|_| std::future::ready(Ok::<_, Infallible>((None,))))
}

/// Checks the token and takes a place.
fn admit(app: &App, token: Option<&Bearer>) -> Result<(), ApiError> {
    let Bearer(token) = token.ok_or(ApiError::MissingToken)?;
    match app.tokens.accepts(TokenKind::Metrics, token) {
        None => Err(ApiError::TokenUnknown),
        Some(false) => Err(ApiError::WrongToken),
        Some(true) if app.scrapes.take() => Ok(()),
        Some(true) => Err(ApiError::TooManyScrapes),
    }
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

fn reason(failure: &ApiError) -> ScrapeFailure {
    match failure {
        ApiError::WrongToken => ScrapeFailure::WrongToken,
        ApiError::TokenUnknown => ScrapeFailure::TokenUnknown,
        ApiError::TooManyScrapes => ScrapeFailure::TooMany,
        _ => ScrapeFailure::MissingToken,
    }
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

/// A bearer token as somebody sent it.
struct Bearer(String);

impl FromStr for Bearer {
    type Err = ();

    fn from_str(authorization: &str) -> Result<Self, ()> {
        bearer(authorization).map(|token| Self(token.to_owned())).ok_or(())
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
