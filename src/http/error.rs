//! Errors as answers: `{"error": "..."}` with the right status, decided by type.

use std::convert::Infallible;

use serde_json::json;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use warp::reject::{InvalidHeader, InvalidQuery, MethodNotAllowed, PayloadTooLarge};
use warp::reply::Response;
use warp::{Rejection, Reply};

use crate::accounts::{AuthError, TokenError};

/// A request that is answered with an error.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// No bearer token, or none that can be read.
    #[error("Missing or invalid Authorization header")]
    MissingToken,
    /// Another token than the one that counts.
    #[error("Invalid metrics token")]
    WrongToken,
    /// The token was never read from the database.
    #[error("The metrics token is not known yet: the database has not been reached since the start")]
    TokenUnknown,
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
    /// The settings could not be read or written.
    #[error("The token could not be read or written: MongoDB does not answer; the log says more")]
    Token(#[from] TokenError),
    /// A body that is not what the route takes.
    #[error("The body cannot be used: {0}")]
    BadBody(&'static str),
    /// A body of another type.
    #[error("The body must have the Content-Type {0}")]
    UnsupportedMediaType(&'static str),
    /// A body longer than the route takes.
    #[error("The body is too large")]
    BodyTooLarge,
    /// A body that does not come.
    #[error("The body did not come in time")]
    BodyTooSlow,
    /// A request without the headers of a WebSocket handshake.
    #[error("This route is a WebSocket; behind a reverse proxy, let it pass on Upgrade and Connection")]
    NotAWebSocket,
    /// More WebSockets at once than anybody needs.
    #[error("Too many WebSockets are open; close some pages")]
    TooManyWebSockets,
    /// A part of the service failed.
    #[error("Internal server error")]
    Broken,
}

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::MissingToken | Self::WrongToken => StatusCode::UNAUTHORIZED,
            Self::Auth(error) => match error {
                AuthError::Unauthenticated(_) | AuthError::WrongLogin(_) => StatusCode::UNAUTHORIZED,
                AuthError::Forbidden | AuthError::OtherSite => StatusCode::FORBIDDEN,
                AuthError::TooManyFailures { .. } => StatusCode::TOO_MANY_REQUESTS,
                AuthError::Busy | AuthError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            },
            Self::TokenUnknown
            | Self::TooManyScrapes
            | Self::TooManyWebSockets
            | Self::NotReady(_)
            | Self::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::BadBody(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotAWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::RefreshFailed | Self::Broken => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// After how many seconds it is worth asking again.
    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::Auth(AuthError::TooManyFailures { retry_after }) => Some(retry_after.as_secs()),
            _ if self.status() == StatusCode::SERVICE_UNAVAILABLE => Some(5),
            _ => None,
        }
    }

    /// The challenge of RFC 6750, section 3; the admin routes take an API key, which has no registered scheme.
    fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::MissingToken => Some("Bearer realm=\"playarr-metrics\""),
            Self::WrongToken => Some("Bearer realm=\"playarr-metrics\", error=\"invalid_token\""),
            _ => None,
        }
    }
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        if let Self::Token(error) = &self {
            tracing::warn!(%error, "an admin could not be answered");
        }
        let mut response = error(self.status(), &self.to_string());
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
pub(super) fn respond(outcome: Result<impl Reply, ApiError>) -> Response {
    match outcome {
        Ok(reply) => reply.into_response(),
        Err(error) => error.into_response(),
    }
}

/// Answers what no route took.
pub(super) async fn recover(rejection: Rejection) -> Result<Response, Infallible> {
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
    Ok(error(status, message))
}

fn error(status: StatusCode, message: &str) -> Response {
    let mut response =
        warp::reply::with_status(warp::reply::json(&json!({ "error": message })), status).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
