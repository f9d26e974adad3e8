//! What every request must have, and reading single headers.

use std::str::FromStr;

use warp::Filter;
use warp::http::header::{COOKIE, HOST};
use warp::http::uri::Authority;
use warp::http::{HeaderMap, HeaderName, HeaderValue, Request, Version};

use crate::http::reply::error::ApiError;

/// A header, parsed; `None` where it is absent or not ASCII.
pub(in crate::http) fn header<T: FromStr + Send + 'static>(
    name: &'static str,
) -> impl Filter<Extract = (Option<T>,), Error = warp::Rejection> + Copy {
    warp::header::optional::<T>(name).or_else(|_| std::future::ready(Ok::<_, warp::Rejection>((None,))))
}

/// Succeeds if the request asks for a path, and over HTTP/1.1 names one host (RFC 9112, section 3.2).
///
/// `CONNECT` and the like ask for an authority or for `*`, which no route of this service is.
pub(in crate::http) fn check_target<B>(request: &Request<B>) -> Result<(), ApiError> {
    if !request.uri().path().starts_with('/') || request.uri().path_and_query().is_none() {
        return Err(ApiError::NotAPath);
    }
    let mut hosts = request.headers().get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, None) if request.version() < Version::HTTP_11 => Ok(()),
        (None, None) => Err(ApiError::BadHost("is missing")),
        (_, Some(_)) => Err(ApiError::BadHost("is there more than once")),
        _ => Err(ApiError::BadHost("is not a host name or address with an optional port")),
    }
}

/// An empty `Host` is what clients send for a target that has no authority.
fn is_host(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let Some(authority) = host.parse::<Authority>().ok().filter(|_| !host.contains('@')) else {
        return host.is_empty();
    };
    // What follows the name or address: nothing, or a colon and a port, which may be empty (RFC 3986, section 3.2.3).
    match host[authority.host().len()..].strip_prefix(':') {
        None => host.len() == authority.host().len(),
        Some(port) => port.is_empty() || port.parse::<u16>().is_ok(),
    }
}

/// Joins the lines of each header that has several into one, so that whoever reads the header reads all of it
/// (RFC 9110, section 5.3). Of a header that is no list, such as `Authorization`, that makes a value that no one takes.
pub(in crate::http) fn join_lines(headers: &mut HeaderMap) {
    if headers.len() == headers.keys_len() {
        return;
    }
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names {
        let lines: Vec<_> = headers.get_all(&name).into_iter().map(HeaderValue::as_bytes).collect();
        if lines.len() < 2 {
            continue;
        }
        let separator: &[u8] = if name == COOKIE { b"; " } else { b", " };
        if let Ok(joined) = HeaderValue::from_bytes(&lines.join(separator)) {
            headers.insert(name, joined);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(version: Version, target: &str, hosts: &[&'static str]) -> Result<(), ApiError> {
        let mut request = Request::builder().version(version).uri(target);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        check_target(&request.body(()).unwrap())
    }

    #[test]
    fn a_request_needs_a_path_and_one_host() {
        for host in ["localhost", "localhost:3000", "[::1]:3000", "10.0.0.1", ""] {
            assert!(request(Version::HTTP_11, "/metrics", &[host]).is_ok(), "{host}");
        }
        assert!(request(Version::HTTP_10, "/metrics", &[]).is_ok());
        assert!(request(Version::HTTP_11, "http://other/metrics", &["localhost"]).is_ok());
        for target in ["x:1", "*", "localhost"] {
            assert!(matches!(request(Version::HTTP_11, target, &["a"]), Err(ApiError::NotAPath)), "{target}");
        }
        for hosts in [&[][..], &["a", "a"], &["a", "b"], &["a b"], &["user@host"], &["a,b/"], &["a:x"]] {
            let outcome = request(Version::HTTP_11, "/metrics", hosts);
            assert!(matches!(outcome, Err(ApiError::BadHost(_))), "{hosts:?}");
        }
        assert!(request(Version::HTTP_10, "/metrics", &["a", "b"]).is_err());
    }

    #[test]
    fn several_lines_of_a_header_become_one() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("accept", "text/plain"),
            ("authorization", "Bearer a"),
            ("accept", "application/json"),
            ("cookie", "a=1"),
            ("authorization", "Bearer b"),
            ("cookie", "b=2"),
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2"),
            ("x-forwarded-for", "3.3.3.3"),
            ("user-agent", "curl"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        join_lines(&mut headers);
        assert_eq!(headers.len(), headers.keys_len());
        for (name, value) in [
            ("accept", "text/plain, application/json"),
            ("authorization", "Bearer a, Bearer b"),
            ("cookie", "a=1; b=2"),
            ("x-forwarded-for", "1.1.1.1, 2.2.2.2, 3.3.3.3"),
            ("user-agent", "curl"),
        ] {
            assert_eq!(headers[name], value);
        }
    }
}
