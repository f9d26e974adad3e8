//! Errors as answers: `{"error": "..."}` with the right status, decided by type.

use serde_json::json;
use warp::http::StatusCode;
use warp::http::header::{
    ALLOW, CACHE_CONTROL, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use warp::reject::{InvalidQuery, Reject};
use warp::reply::Response;
use warp::{Rejection, Reply};

use playarr_jobs::database::Outage;

use crate::accounts::{AuthError, TokenError, TokenKind, Unknown};
use crate::ingest::BatchError;
use crate::journal::RecordError;
use crate::selector::SelectorError;

use super::extensions::{AuthenticationFailure, ErrorText};
use super::{rfc3339, since};

/// A request that is answered with an error.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum ApiError {
    /// No bearer token, or an `Authorization` header that is not `Bearer` and one token.
    #[error("Missing or invalid Authorization header")]
    MissingToken,
    /// Another token than the current one.
    #[error("Invalid {0} token")]
    WrongToken(TokenKind),
    /// No token to compare with.
    #[error("The {0} token is not known: {1}")]
    TokenUnknown(TokenKind, Unknown),
    /// More scrapes at once than allowed.
    #[error("Too many scrapes at once; raise MAX_CONCURRENT_SCRAPES if this many are intended")]
    TooManyScrapes,
    /// The caller may not do this.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The caller could not be looked up, since MongoDB is away.
    #[error("The user could not be looked up: MongoDB has not answered {}", since(.0))]
    DatabaseAway(Outage),
    /// The service cannot answer scrapes yet.
    #[error("Not ready: {0}")]
    NotReady(&'static str),
    /// The refresh ended without a report.
    #[error("The refresh did not finish; the log says why. The metrics of the one before it stay")]
    RefreshFailed,
    /// A token could not be read, created or replaced.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The body of a login is no JSON object with the two texts.
    #[error("The body is not a valid login; send a JSON object with the texts \"username\" and \"password\"")]
    InvalidLogin,
    /// The body does not say which live series to forget.
    #[error("The body does not say what to forget: {0}; send {{\"match\": [selectors], \"dry_run\": true or false}}")]
    InvalidForget(String),
    /// A selector of series that is none.
    #[error("{0}; selectors are written as in Prometheus")]
    Selector(#[from] SelectorError),
    /// A login with another content type.
    #[error("The Content-Type must be application/json")]
    NotJson,
    /// No route has this path.
    #[error("No such route")]
    NoSuchRoute,
    /// The route does not take this method.
    #[error("This route takes {allow} only")]
    MethodNotAllowed {
        /// The methods that it takes, separated by commas.
        allow: String,
    },
    /// The request asks for an authority or for `*`.
    #[error("The request target must be a path, such as /metrics")]
    NotAPath,
    /// An HTTP/1.1 request that does not name one host.
    #[error("The Host header {0}")]
    BadHost(&'static str),
    /// A query string that the route does not take.
    #[error("The query string is not valid for this route")]
    InvalidQuery,
    /// Something else in the request that the route does not take.
    #[error("The request is not valid for this route")]
    InvalidRequest,
    /// The body took too long.
    #[error("The body did not arrive in time")]
    BodyTooSlow,
    /// A request without the headers of a WebSocket handshake.
    #[error(
        "This route is a WebSocket and needs a handshake; a reverse proxy must pass on the Upgrade and Connection \
         headers"
    )]
    NotAWebSocket,
    /// The limit of open WebSockets is reached.
    #[error("Too many WebSockets are open; close some pages")]
    TooManyWebSockets,
    /// A content type that no events have.
    #[error("Content-Type {0:?} is not supported; send application/json or application/x-ndjson")]
    ContentType(String),
    /// A content encoding that is not supported.
    #[error("Content-Encoding {0:?} is not supported; send gzip, or no Content-Encoding")]
    ContentEncoding(String),
    /// A body that is not valid gzip.
    #[error("The body cannot be unpacked as gzip: {0}")]
    BrokenGzip(String),
    /// A body larger than allowed, before or after unpacking.
    #[error("The body has more than {0} bytes, before or after unpacking; send less at once")]
    BodyTooLarge(usize),
    /// The connection ended within the body.
    #[error("The body ended early")]
    BodyCutShort,
    /// A body that is not a valid batch of events.
    #[error("{0}")]
    Batch(#[from] BatchError),
    /// A valid batch that cannot be recorded now.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The process ends.
    #[error("The service is stopping; send the request again")]
    Stopping,
    /// The handler panicked.
    #[error("Internal server error; the log says more")]
    Panicked,
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
            | Self::DatabaseAway(_)
            | Self::RefreshFailed
            | Self::Stopping
            | Self::Record(_)
            | Self::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType(_) | Self::ContentEncoding(_) | Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge(_) | Self::Batch(BatchError::TooMany) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotAPath
            | Self::BadHost(_)
            | Self::InvalidQuery
            | Self::InvalidRequest
            | Self::BrokenGzip(_)
            | Self::BodyCutShort
            | Self::InvalidLogin
            | Self::InvalidForget(_)
            | Self::Selector(_)
            | Self::Batch(_) => StatusCode::BAD_REQUEST,
            Self::BodyTooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::NotAWebSocket => StatusCode::UPGRADE_REQUIRED,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Seconds after which the request may succeed.
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
            Self::WrongToken(_) => Some("Bearer realm=\"playarr-metrics\", error=\"invalid_token\""),
            _ => None,
        }
    }

    /// The reason under which the failure of a caller to prove who they are is counted.
    fn authentication_failure(&self) -> Option<&'static str> {
        match self {
            Self::MissingToken => Some("missing_token"),
            Self::WrongToken(_) => Some("wrong_token"),
            Self::Auth(AuthError::Unauthenticated(reason) | AuthError::WrongLogin(reason)) => Some(reason.as_str()),
            Self::Auth(AuthError::TooManyFailures { .. }) => Some("too_many_failures"),
            _ => None,
        }
    }

    /// The answer.
    pub(in crate::http) fn response(&self) -> Response {
        if let Self::Token(error) = self {
            // The admin reads the reason in the answer, and what needs attention is logged where it is found.
            tracing::debug!(%error, "a token could not be shown or replaced for an admin");
        }
        let text = self.to_string();
        let mut body = json!({ "error": text });
        match self {
            Self::Batch(BatchError::Events { bad, .. }) => {
                let bad = bad.iter();
                body["events"] =
                    bad.map(|(index, error)| json!({ "index": index, "error": error.to_string() })).collect();
            }
            // Whoever asks may be anybody, so the address of the server is left out.
            Self::DatabaseAway(outage) => {
                let seconds = outage.began.elapsed().as_secs_f64();
                body["database"] = json!({ "since": rfc3339(outage.since), "seconds": seconds });
            }
            _ => {}
        }
        let mut response = warp::reply::with_status(warp::reply::json(&body), self.status()).into_response();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(challenge) = self.challenge() {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        match self {
            Self::NotAWebSocket => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            }
            Self::MethodNotAllowed { allow } => {
                headers.extend(HeaderValue::from_str(allow).ok().map(|allow| (ALLOW, allow)));
            }
            _ => {}
        }
        response.extensions_mut().insert(ErrorText(text));
        if let Some(reason) = self.authentication_failure() {
            response.extensions_mut().insert(AuthenticationFailure(reason));
        }
        response
    }
}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        self.response()
    }
}

impl Reject for ApiError {}

/// The answer to a request that a route's filters did not take.
pub(in crate::http) fn rejected(rejection: &Rejection) -> Response {
    match rejection.find::<ApiError>() {
        Some(error) => error.response(),
        None if rejection.find::<InvalidQuery>().is_some() => ApiError::InvalidQuery.response(),
        None => ApiError::InvalidRequest.response(),
    }
}
