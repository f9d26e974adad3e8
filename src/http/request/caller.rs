//! Who makes a request: from where, with which proof, and from a page of which site.

use std::convert::Infallible;

use warp::Filter;
use warp::http::header::{AsHeaderName, COOKIE, HOST, ORIGIN, REFERER};
use warp::http::{HeaderMap, HeaderValue};

use crate::accounts::{AuthError, Client, Credentials, Reason, User};
use crate::app::App;
use crate::http::observe::authentication_failed;
use crate::http::reply::error::ApiError;
use crate::http::server;

/// The cookie of Playarr's sessions.
pub(in crate::http) const COOKIE_NAME: &str = "access_token";
/// How many cookies of that name are looked at.
const MOST_COOKIES: usize = 4;

/// A request's connection and headers.
pub(in crate::http) struct Caller {
    client: Client,
    headers: HeaderMap,
}

/// Who makes the request.
pub(in crate::http) fn caller() -> impl Filter<Extract = (Caller,), Error = Infallible> + Copy {
    warp::header::headers_cloned().map(Caller::new)
}

impl Caller {
    fn new(headers: HeaderMap) -> Self {
        let forwarded_for = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        Self { client: Client::of(server::peer(), forwarded_for), headers }
    }

    /// From where the request comes.
    pub(in crate::http) fn client(&self) -> Client {
        self.client
    }

    /// What the request sends as proof.
    pub(in crate::http) fn credentials(&self) -> Credentials {
        let api_key = self.header("x-api-key").filter(|key| !key.is_empty());
        Credentials {
            client: self.client,
            api_key: api_key.map(|key| key.to_owned().into()),
            sessions: self.sessions().take(MOST_COOKIES).map(|session| session.to_owned().into()).collect(),
        }
    }

    /// The active admin who asks to see something.
    pub(in crate::http) async fn admin(&self, app: &App, endpoint: &'static str) -> Result<User, ApiError> {
        noted(app, endpoint, app.admins.admin(&self.credentials()).await)
    }

    /// The active admin who asks to change something. With a session, which a browser sends by itself, only a page of
    /// this site may ask for it.
    pub(in crate::http) async fn admin_of_this_site(
        &self,
        app: &App,
        endpoint: &'static str,
    ) -> Result<User, ApiError> {
        let credentials = self.credentials();
        let by_session = credentials.api_key.is_none() && !credentials.sessions.is_empty();
        if by_session && !self.is_of_this_site() {
            return Err(AuthError::OtherSite.into());
        }
        noted(app, endpoint, app.admins.admin(&credentials).await)
    }

    /// Whether the browser says that a page of this site sent the request.
    pub(in crate::http) fn is_of_this_site(&self) -> bool {
        if let Some(origin) = self.header(ORIGIN) {
            return self.is_own(origin);
        }
        if let Some(site) = self.header("sec-fetch-site") {
            return site == "same-origin";
        }
        self.header(REFERER).is_some_and(|referer| self.is_own(referer))
    }

    /// Whether the browser says that a page of another site sent the request. Programs say nothing.
    pub(in crate::http) fn is_of_other_site(&self) -> bool {
        let says = self.header(ORIGIN).is_some() || self.header("sec-fetch-site").is_some();
        says && !self.is_of_this_site()
    }

    /// Whether the browser reached us over https, of which we only hear from the proxy that speaks it, or from the
    /// browser itself.
    pub(in crate::http) fn is_https(&self) -> bool {
        let is_https = |protocol: &str| protocol.trim().eq_ignore_ascii_case("https");
        let forwarded = self.header("x-forwarded-proto").and_then(|list| list.rsplit(',').next());
        let page = self.header(ORIGIN).filter(|origin| self.is_own(origin));
        forwarded.is_some_and(is_https) || page.is_some_and(|page| page.starts_with("https://"))
    }

    /// Whether a URL is of the host that this request was sent to.
    fn is_own(&self, url: &str) -> bool {
        let Some((scheme, rest)) = url.split_once("://") else { return false };
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => return false,
        };
        let authority = |text: &str| {
            let host = text.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase();
            host.strip_suffix(default_port).map(str::to_owned).unwrap_or(host)
        };
        let hosts = [self.header(HOST), self.forwarded_host()];
        hosts.into_iter().flatten().any(|host| !host.is_empty() && authority(host) == authority(rest))
    }

    /// The host that the browser was led to, as far as can be told.
    pub(in crate::http) fn host(&self) -> Option<&str> {
        self.forwarded_host().or_else(|| self.header(HOST))
    }

    /// The host that a proxy was asked for which passes on another. A page cannot make a browser send it.
    fn forwarded_host(&self) -> Option<&str> {
        self.header("x-forwarded-host").filter(|host| !host.is_empty() && self.client.proxy.is_some())
    }

    fn sessions(&self) -> impl Iterator<Item = &str> {
        // As bytes: cookies of others may hold anything.
        let cookies = self.headers.get_all(COOKIE).into_iter().map(HeaderValue::as_bytes);
        let pairs = cookies.flat_map(|cookies| cookies.split(|byte| *byte == b';'));
        pairs
            .filter_map(|pair| std::str::from_utf8(pair.trim_ascii()).ok()?.split_once('='))
            .filter(|(name, _)| name.trim() == COOKIE_NAME)
            .map(|(_, value)| value.trim().trim_matches('"'))
            .filter(|value| !value.is_empty())
    }

    fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Passes an outcome on and counts it if it is a failure to prove anything.
pub(in crate::http) fn noted<T>(
    app: &App,
    endpoint: &'static str,
    outcome: Result<T, AuthError>,
) -> Result<T, ApiError> {
    note(app, endpoint, &outcome);
    Ok(outcome?)
}

/// Counts an outcome if it is a failure to prove anything.
pub(in crate::http) fn note<T>(app: &App, endpoint: &'static str, outcome: &Result<T, AuthError>) {
    match outcome {
        Err(AuthError::Unauthenticated(reason) | AuthError::WrongLogin(reason)) => {
            authentication_failed(app, endpoint, reason.as_str());
        }
        Err(AuthError::TooManyFailures { .. }) => authentication_failed(app, endpoint, "too_many_failures"),
        _ => {}
    }
}

/// What is said to somebody who is known, but whose account is not in use.
pub(in crate::http) fn inactive() -> AuthError {
    AuthError::Unauthenticated(Reason::InactiveUser)
}
