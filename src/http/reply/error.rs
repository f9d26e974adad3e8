//! Errors as answers: `{"error": "..."}` with the right status, decided by type.

use serde_json::json;
use warp::http::StatusCode;
use warp::http::header::{ALLOW, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE};
use warp::reject::{InvalidQuery, Reject};
use warp::reply::Response;
use warp::{Rejection, Reply};

use playarr_jobs::database::Outage;
use playarr_jobs::remembered::RememberError;

use crate::accounts::{AuthError, TokenError, TokenKind, Unknown};
use crate::custom::ChangeError;
use crate::explore::CursorError;
use crate::ingest::BatchError;
use crate::journal::RecordError;
use crate::selector::SelectorError;

use super::extensions::{AuthenticationReason, ErrorText};
use super::json::private;
use super::unauthorized::Unauthorized;
use super::{rfc3339, since};

/// A request that is answered with an error.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum ApiError {
    /// A bearer token that does not open the route.
    #[error(transparent)]
    Unauthorized(#[from] Unauthorized),
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
    /// The instance that refreshes could not be asked to.
    #[error("Another instance refreshes, and could not be asked to: {0}. Refresh there")]
    RefreshNotAsked(String),
    /// A token could not be read, created or replaced.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The body of a login is not a JSON object with the texts `username` and `password`.
    #[error("The body is not a valid login; send a JSON object with the texts \"username\" and \"password\"")]
    InvalidLogin,
    /// The body does not say which live series to forget.
    #[error("The body does not say what to forget: {0}; send {{\"match\": [selectors], \"dry_run\": true or false}}")]
    InvalidForget(String),
    /// A selector of series that is not valid.
    #[error("{0}; selectors are written as in Prometheus")]
    Selector(#[from] SelectorError),
    /// A snapshot of the past cannot be read.
    #[error("A remembered snapshot cannot be read: {0}; try again, or choose another time")]
    Remembered(#[from] RememberError),
    /// A query string with something that the route does not know.
    #[error("The query string is not valid for this route: {0}")]
    Parameter(String),
    /// A page of series that cannot be continued.
    #[error(transparent)]
    Cursor(#[from] CursorError),
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
    /// A connection without the certificate that clients need.
    #[error("A client certificate is needed, from one of those in TLS_CLIENT_CA_FILE")]
    NoCertificate,
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
    /// As many bodies as there is memory for are being read.
    #[error("Too many bodies are being received at once; send the request again")]
    TooManyBodies,
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
    /// A custom metric that cannot be shown or changed.
    #[error(transparent)]
    Custom(#[from] ChangeError),
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
            Self::Unauthorized(_) => StatusCode::UNAUTHORIZED,
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
            | Self::RefreshNotAsked(_)
            | Self::Remembered(_)
            | Self::Stopping
            | Self::TooManyBodies
            | Self::Record(_)
            | Self::Token(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Custom(error) => match error {
                ChangeError::Invalid(_) => StatusCode::BAD_REQUEST,
                ChangeError::Unknown(_) => StatusCode::NOT_FOUND,
                ChangeError::InFile(_)
                | ChangeError::Conflict(_)
                | ChangeError::NothingToUndo(_)
                | ChangeError::Unreadable(_) => StatusCode::CONFLICT,
                ChangeError::Database(_) | ChangeError::Unchecked(_) | ChangeError::NotCounted(_) => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            },
            Self::NoCertificate => StatusCode::FORBIDDEN,
            Self::NoSuchRoute => StatusCode::NOT_FOUND,
            Self::Cursor(CursorError::Gone { .. }) => StatusCode::GONE,
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
            | Self::Parameter(_)
            | Self::Cursor(CursorError::Invalid | CursorError::OtherRequest)
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

    /// The reason under which the failure of a caller to prove who they are is counted.
    fn authentication_failure(&self) -> Option<&'static str> {
        match self {
            Self::Unauthorized(error) => Some(error.reason()),
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
        let mut response = private(&body);
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        // The admin routes take an API key, which has no registered scheme, so their 401 has no challenge.
        if let Self::Unauthorized(error) = self {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(error.challenge()));
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
            response.extensions_mut().insert(AuthenticationReason(reason));
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
