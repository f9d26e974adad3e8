//! Errors as answers: `{"error": "..."}` with the right status, decided by type.

use std::convert::Infallible;

use serde_json::{Value, json};
use warp::http::StatusCode;
use warp::http::header::{
    CACHE_CONTROL, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use warp::reject::{InvalidHeader, InvalidQuery, MethodNotAllowed, PayloadTooLarge};
use warp::reply::Response;
use warp::{Rejection, Reply};

use crate::accounts::{AuthError, TokenError, TokenKind, Unknown};
use crate::http::observe::made_by;
use crate::ingest::BatchError;
use crate::live::RecordError;

/// A request that is answered with an error.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No bearer token, or none that can be read.
    #[error("Missing or invalid Authorization header")]
    MissingToken,
    /// Another token than the one that counts.
    #[error("Invalid {0} token")]
    WrongToken(TokenKind),
    /// No token to compare with.
    #[error("The {0} token is not known: {1}")]
    TokenUnknown(TokenKind, Unknown),
    /// More scrapes at once than allowed.
    #[error("Too many scrapes at once; raise MAX_CONCURRENT_SCRAPES if this many are meant")]
    TooManyScrapes,
    /// Not an admin.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Not everything is in place yet.
    #[error("Not ready: {0}")]
    NotReady(&'static str),
    /// The refresh ended without a report.
    #[error("The refresh was broken off; the log says why")]
    RefreshFailed,
    /// A token could not be read, created or replaced.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A login that is none.
    #[error("A login is a JSON object with the texts \"username\" and \"password\"")]
    NoLogin,
    /// A login of another type.
    #[error("The Content-Type must be application/json")]
    NotJson,
    /// A method that the route does not take.
    #[error("This route does not take this method")]
    MethodNotAllowed,
    /// A body that does not come.
    #[error("The body did not come in time")]
    BodyTooSlow,
    /// A request without the headers of a WebSocket handshake.
    #[error("This route is a WebSocket; behind a reverse proxy, let it pass on Upgrade and Connection")]
    NotAWebSocket,
    /// More WebSockets at once than anybody needs.
    #[error("Too many WebSockets are open; close some pages")]
    TooManyWebSockets,
    /// A body in a form that is not understood.
    #[error("Content-Type {0:?} is not understood; send application/json or application/x-ndjson")]
    ContentType(String),
    /// A body packed in a way that is not understood.
    #[error("Content-Encoding {0:?} is not understood; send gzip, or leave it away")]
    ContentEncoding(String),
    /// A body that is no gzip.
    #[error("The body says it is gzip and cannot be unpacked: {0}")]
    BrokenGzip(String),
    /// A body larger than allowed.
    #[error("The body has more than {0} bytes (unpacked, if it is packed), which is the most that is read")]
    BodyTooLarge(usize),
    /// The connection ended within the body.
    #[error("The body ended early")]
    BodyCutShort,
    /// A body that is no batch of events.
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// A batch that is not counted now.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Something that should not happen.
    #[error("Internal server error")]
    Internal,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::MissingToken | Self::WrongToken(_) => StatusCode::UNAUTHORIZED,
            Self::Auth(error) => match error {
                AuthError::Unauthenticated(_) | AuthError::WrongLogin(_) => StatusCode::UNAUTHORIZED,
                AuthError::Forbidden | AuthError::OtherSite => StatusCode::FORBIDDEN,
                AuthError::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
                AuthError::Busy | AuthError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::TokenUnknown(..)
            | Self::TooManyScrapes
            | Self::TooManyWebSockets
            | Self::NotReady(_)
            | Self::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::RefreshFailed | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ContentType(_) | Self::ContentEncoding(_) | Self::NotJson => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Self::BodyTooLarge(_) | Self::Batch(BatchError::TooMany) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BrokenGzip(_) | Self::BodyCutShort | Self::NoLogin | Self::Batch(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Record(RecordError::TooManyBatches) => StatusCode::TOO_MANY_REQUESTS,
            Self::Record(RecordError::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAWebSocket => StatusCode::UPGRADE_REQUIRED,
        }
    }

    /// After how many seconds it is worth asking again.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Auth(AuthError::TooManyFailures { retry_after }) => Some(retry_after.as_secs()),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(5),
            Self::Record(_) => Some(5),
            _ => None,
        }
    }

    /// The challenge of RFC 6750, section 3; the admin routes take an API key, which has no registered scheme.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::MissingToken => Some("Bearer realm=\"playarr-metrics\""),
            Self::WrongToken(_) => Some("Bearer realm=\"playarr-metrics\", error=\"invalid_token\""),
            _ => None,
        }
    }
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        if let Self::Token(error) = &self {
            tracing::warn!(%error, "an admin could not be answered");
        }
        let mut body = json!({ "error": self.to_string() });
        if let Self::Batch(BatchError::Events { bad, .. }) = &self {
            let bad = bad.iter().map(|(index, error)| json!({ "index": index, "error": error.to_string() }));
            body["events"] = bad.collect();
        }
        let mut response = error(self.status(), &body);
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if matches!(self, Self::NotAWebSocket) {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
        response
    }
}

/// Makes one answer of a handler's outcome.
pub(in crate::http) fn respond(outcome: Result<impl Reply, ApiError>) -> Response {
    match outcome {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    }
}

/// The template under which requests are recorded that no route took.
const UNMATCHED: &str = "unmatched";

/// Answers what no route took.
pub(in crate::http) async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
    let (status, message) = if rejection.is_not_found() {
        (StatusCode::NOT_FOUND, "No such route")
    } else if rejection.find::<InvalidQuery>().is_some() {
        (StatusCode::BAD_REQUEST, "The query string is not what this route takes")
    } else if rejection.find::<InvalidHeader>().is_some() {
        (StatusCode::BAD_REQUEST, "A header is not what this route takes")
    } else if rejection.find::<PayloadTooLarge>().is_some() {
        (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large")
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        (StatusCode::METHOD_NOT_ALLOWED, "This route does not take this method")
    } else {
        tracing::error!(?rejection, "a request was rejected for a reason no answer is known for");
        (StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
    };
    Ok(made_by(UNMATCHED, error(status, &json!({ "error": message }))))
}

fn error(status: StatusCode, body: &Value) -> Response {
    let mut response = warp::reply::with_status(warp::reply::json(body), status).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
