//! The scrape.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, ready};
use warp::Reply;
use warp::http::Method;
use warp::http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT,
    VARY,
};
use warp::http::request::Parts;
use warp::reply::Response;

use crate::accounts::TokenKind;
use crate::app::App;
use crate::connections;
use crate::explore::{Export, ExportFormat, compressed};
use crate::exposition::Format;
use crate::http::reply::counted_by::{CountedBy, HeadAnswer};
use crate::http::reply::error::ApiError;
use crate::http::reply::stream::streamed;
use crate::http::reply::unauthorized::Unauthorized;
use crate::http::request::bearer::Bearer;
use crate::http::request::caller::Caller;
use crate::http::request::choice::Choice;
use crate::http::request::negotiate;
use crate::scrape::{Body, ScrapePermit};
use crate::selector::Selector;
use crate::telemetry::{Cause, Outcome, Scrape, UserAgent};

use super::series::chosen;

/// A scrape that may be answered.
struct Admitted {
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
    choice: Choice,
}

/// `GET /metrics?match[]=SELECTOR`, for the bearer of the metrics token, if there are not too many scrapes at once.
pub(in crate::http) fn scrape(app: &Arc<App>, head: Parts, started: Instant) -> HeadAnswer {
    let caller = Caller::new(head.headers);
    let choice = Choice::of(head.uri.query().unwrap_or_default());
    let request = Request::of(&head.method, &caller, choice, started);
    // An answer to `GET` is recorded with its last byte.
    let counted_by = if request.is_head { CountedBy::Router } else { CountedBy::Handler };
    let admitted = match admit(app, caller.bearer(), request) {
        Ok(admitted) => admitted,
        Err(error) => return Either::Left(ready((error.response(), CountedBy::Router))),
    };
    match admitted.request.choice.selectors() {
        Ok(selectors) if selectors.is_empty() => Either::Left(ready((whole(admitted), counted_by))),
        Ok(selectors) => {
            let answer = async move {
                match part(&admitted, selectors).await {
                    Ok(export) => (filtered(admitted, export), counted_by),
                    Err(error) => (admitted.refuse(&error), CountedBy::Router),
                }
            };
            Either::Right(answer.boxed())
        }
        Err(error) => Either::Left(ready((admitted.refuse(&error), CountedBy::Router))),
    }
}

/// All series: the page that was prepared, and the live part.
fn whole(admitted: Admitted) -> Response {
    let Request { at, format, gzip, is_head, .. } = admitted.request;
    let Body { first, last, length } = admitted.app.exposition.body(format, gzip, at);
    let last = if is_head { last } else { Bytes::from_owner(LastFrame { last, ended: Ended { admitted, length } }) };
    let response = match first {
        None => Response::new(last.into()),
        Some(first) => {
            let frames = [first, last].map(Ok::<_, Infallible>);
            warp::reply::stream(futures_util::stream::iter(frames)).into_response()
        }
    };
    let mut response = described(response, format, gzip);
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// The series that selectors choose.
async fn part(admitted: &Admitted, selectors: Vec<Selector>) -> Result<Export, ApiError> {
    let Request { at, format, .. } = admitted.request;
    let form = match format {
        Format::Text => ExportFormat::Text,
        Format::OpenMetrics => ExportFormat::OpenMetrics,
    };
    chosen(&admitted.app, selectors, at, move |view, chosen| Export::new(view, chosen, form)).await
}

/// Chosen series, made while they are sent.
fn filtered(admitted: Admitted, export: Export) -> Response {
    let Request { format, gzip, is_head, .. } = admitted.request;
    let parts: Box<dyn Iterator<Item = _> + Send> = match (is_head, gzip) {
        (true, _) => Box::new(std::iter::empty()),
        (false, true) => Box::new(compressed(export)),
        (false, false) => Box::new(export),
    };
    let ended = (!is_head).then_some(Ended { admitted, length: 0 });
    let response = streamed(parts, move |bytes| {
        if let Some(mut ended) = ended {
            ended.length = bytes;
        }
    });
    described(response, format, gzip)
}

fn described(mut response: Response, format: Format, gzip: bool) -> Response {
    let headers = response.headers_mut();
    // These and those of the transport.
    headers.reserve(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding, Authorization"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

impl Admitted {
    /// The answer to a scrape that had the right token and cannot be answered.
    fn refuse(self, error: &ApiError) -> Response {
        if matches!(error, ApiError::Selector(_) | ApiError::Parameter(_)) {
            let Request { at, user_agent, client, .. } = self.request;
            self.app.telemetry.record_scrape(Scrape {
                client,
                user_agent,
                at,
                outcome: Outcome::Refused(Cause::BadSelector),
            });
        }
        error.response()
    }
}

impl Request {
    fn of(method: &Method, caller: &Caller, choice: Choice, at: Instant) -> Self {
        Self {
            at,
            is_head: method == Method::HEAD,
            format: negotiate::format(caller.header(ACCEPT).unwrap_or_default()),
            gzip: negotiate::accepts_gzip(caller.header(ACCEPT_ENCODING).unwrap_or_default()),
            user_agent: caller.header(USER_AGENT).map(UserAgent::of),
            client: caller.client().address,
            choice,
        }
    }
}

/// Checks the token and takes a permit. A scrape that is refused ends here.
fn admit(app: &Arc<App>, bearer: Option<Bearer<'_>>, request: Request) -> Result<Admitted, ApiError> {
    let permit = Bearer::check(bearer, &app.tokens, TokenKind::Metrics)
        .and_then(|()| app.scrape_permits.acquire(connections::current()).ok_or(ApiError::TooManyScrapes));
    match permit {
        Ok(permit) => Ok(Admitted { app: app.clone(), _permit: permit, request }),
        Err(error) => {
            let outcome = Outcome::Refused(cause(app, bearer, &error));
            let Request { at, user_agent, client, .. } = request;
            app.telemetry.record_scrape(Scrape { client, user_agent, at, outcome });
            Err(error)
        }
    }
}

/// Why a scrape is refused, as exactly as it takes to say what to do.
fn cause(app: &App, bearer: Option<Bearer<'_>>, error: &ApiError) -> Cause {
    match error {
        ApiError::Unauthorized(Unauthorized::WrongToken(_)) => {
            let is = |kind| Bearer::check(bearer, &app.tokens, kind).is_ok();
            if is(TokenKind::Ingest) {
                Cause::IngestToken
            } else if is(TokenKind::Summary) {
                Cause::SummaryToken
            } else {
                Cause::OtherToken
            }
        }
        ApiError::TokenUnknown(..) => Cause::TokenUnknown,
        ApiError::TooManyScrapes => Cause::TooMany,
        _ if bearer.is_some() => Cause::NotBearer,
        _ => Cause::NoHeader,
    }
}

/// The last frame of an answer. The connection drops it once it is sent, or cannot be.
struct LastFrame {
    last: Bytes,
    #[expect(dead_code, reason = "its drop is what counts")]
    ended: Ended,
}

impl AsRef<[u8]> for LastFrame {
    fn as_ref(&self) -> &[u8] {
        &self.last
    }
}

/// Dropped when a scrape has ended: then it is recorded, and its permit is free.
struct Ended {
    admitted: Admitted,
    length: usize,
}

impl Drop for Ended {
    fn drop(&mut self) {
        let Admitted { app, request, .. } = &mut self.admitted;
        let &mut Request { at, format, gzip, client, .. } = request;
        let outcome = Outcome::Answered { format, gzip, bytes: self.length, duration: at.elapsed() };
        let user_agent = request.user_agent.take();
        app.telemetry.record_scrape(Scrape { client, user_agent, at, outcome });
    }
}
