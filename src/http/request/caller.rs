//! Who sends a request: its address, its credentials, and the site of the page that made it.

use std::future::ready;

use cookie::Cookie;
use warp::http::header::{AUTHORIZATION, AsHeaderName, COOKIE, HOST, ORIGIN, REFERER};
use warp::http::{HeaderMap, HeaderName};
use warp::{Filter, Rejection};

use crate::accounts::{Client, Credentials};
use crate::config::Secret;
use crate::connections::is_encrypted;

use super::bearer::Bearer;
use super::peer::peer;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The cookie of Playarr's sessions.
pub(in crate::http) const COOKIE_NAME: &str = "access_token";
/// How many cookies of that name are tried. A browser may hold several, for different paths.
const MAX_SESSIONS: usize = 4;

/// A request's connection and headers.
pub(in crate::http) struct Caller {
    client: Client,
    headers: HeaderMap,
}

/// Who sends the request.
pub(in crate::http) fn caller() -> impl Filter<Extract = (Caller,), Error = Rejection> + Copy {
    warp::header::headers_cloned().and_then(|headers| ready(Ok::<_, Rejection>(Caller::new(headers))))
}

impl Caller {
    /// Who sends a request with these headers over the connection under way.
    pub(in crate::http) fn new(headers: HeaderMap) -> Self {
        let forwarded_for = headers.get(X_FORWARDED_FOR).and_then(|value| value.to_str().ok());
        Self { client: Client::of(peer(), forwarded_for), headers }
    }

    /// The address that the request comes from.
    pub(in crate::http) fn client(&self) -> Client {
        self.client
    }

    /// What the request has in its `Authorization` header.
    pub(in crate::http) fn bearer(&self) -> Option<Bearer<'_>> {
        self.header(AUTHORIZATION).map(Bearer::of)
    }

    /// The API key and the sessions that the request sends.
    pub(in crate::http) fn credentials(&self) -> Credentials {
        let api_key = self.header("x-api-key").filter(|key| !key.is_empty());
        Credentials {
            client: self.client,
            api_key: api_key.map(|key| key.to_owned().into()),
            sessions: self.sessions(),
        }
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

    /// Whether a link on another site led here.
    pub(in crate::http) fn comes_from_other_site(&self) -> bool {
        self.header("sec-fetch-site") == Some("cross-site")
    }

    /// Whether the browser uses https. A proxy knows and says so, or the browser does by its `Origin`; without a proxy
    /// the connection is the one of the browser.
    pub(in crate::http) fn is_https(&self) -> bool {
        let is_https = |protocol: &str| protocol.trim().eq_ignore_ascii_case("https");
        let forwarded = self.header("x-forwarded-proto").and_then(|list| list.rsplit(',').next());
        let page = self.header(ORIGIN).filter(|origin| self.is_own(origin));
        forwarded.map_or_else(is_encrypted, is_https) || page.is_some_and(|page| page.starts_with("https://"))
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

    /// The host in the browser's address bar, as far as it is known.
    pub(in crate::http) fn host(&self) -> Option<&str> {
        self.forwarded_host().or_else(|| self.header(HOST))
    }

    /// The host that the browser asked a proxy for. A page cannot make a browser send this header.
    fn forwarded_host(&self) -> Option<&str> {
        self.header("x-forwarded-host").filter(|host| !host.is_empty() && self.client.proxy.is_some())
    }

    fn sessions(&self) -> Vec<Secret> {
        // Cookies of other services may hold anything, also bytes that are not UTF-8.
        let cookies = self.headers.get(COOKIE).map(|cookies| String::from_utf8_lossy(cookies.as_bytes()));
        Cookie::split_parse(cookies.as_deref().unwrap_or_default())
            .flatten()
            .filter(|cookie| cookie.name() == COOKIE_NAME && !cookie.value_trimmed().is_empty())
            .take(MAX_SESSIONS)
            .map(|cookie| cookie.value_trimmed().to_owned().into())
            .collect()
    }

    /// A header; `None` where it is absent or not ASCII.
    pub(in crate::http) fn header(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
