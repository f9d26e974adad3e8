//! What every request must have, and reading single headers.

use std::net::Ipv6Addr;
use std::str::FromStr;

use warp::Filter;
use warp::http::header::{COOKIE, HOST};
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

/// Whether this is a host name or an address with an optional port (RFC 3986, sections 3.2.2 and 3.2.3).
///
/// It is empty if the client's target has no authority. Percent-encoded names are refused; nobody has one.
fn is_host(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let (is_name_or_address, port) = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, port)) => (address.parse::<Ipv6Addr>().is_ok(), port),
        None => {
            let (name, port) = host.split_at(host.find(':').unwrap_or(host.len()));
            (name.bytes().all(is_of_host_name), port)
        }
    };
    let is_port = |port: &str| port.is_empty() || port.parse::<u16>().is_ok();
    is_name_or_address && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

/// The unreserved characters and sub-delimiters of RFC 3986.
fn is_of_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Joins the lines of each header that has several into one, so that whoever reads the header reads all of it
/// (RFC 9110, section 5.3). Of a header that is no list, such as `Authorization`, that makes a value that no one takes.
/// `Host` stays, since [`check_target`] refuses several.
pub(in crate::http) fn join_lines(headers: &mut HeaderMap) {
    if headers.len() == headers.keys_len() {
        return;
    }
    let names: Vec<HeaderName> = headers.keys().cloned().collect();
    for name in names.into_iter().filter(|name| name != HOST) {
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
        for host in ["localhost", "localhost:3000", "my_host.lan:", "[::1]", "[::1]:3000", "10.0.0.1", ""] {
            assert!(request(Version::HTTP_11, "/metrics", &[host]).is_ok(), "{host}");
        }
        assert!(request(Version::HTTP_10, "/metrics", &[]).is_ok());
        assert!(request(Version::HTTP_11, "http://other/metrics", &["localhost"]).is_ok());
        for target in ["x:1", "*", "localhost"] {
            assert!(matches!(request(Version::HTTP_11, target, &["a"]), Err(ApiError::NotAPath)), "{target}");
        }
        let several = [&[][..], &["a", "a"], &["a", "b"]];
        let no_hosts = [
            "a b",
            "user@host",
            "a,b/",
            "a:x",
            "a:1:2",
            "a:65536",
            "::1",
            "[::1",
            "[::1]a",
            "[::1]:x",
            "[a]",
            "[]",
            "a%b",
        ];
        for hosts in several.into_iter().chain(no_hosts.iter().map(std::slice::from_ref)) {
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
            ("host", "a"),
            ("host", "b"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        join_lines(&mut headers);
        assert_eq!(headers.get_all(HOST).iter().count(), 2, "whoever checks the host finds both");
        headers.remove(HOST);
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
