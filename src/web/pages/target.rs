//! Where Prometheus finds the service: at the address at which the browser found the page.

use crate::config::BasePath;

/// The path that Prometheus scrapes by itself.
const METRICS: &str = "/metrics";

/// Placeholder for a host that is not known.
const UNKNOWN: &str = "playarr-metrics.example:3000";

/// The longest name that can be resolved (RFC 1035), and a port.
const MAX_HOST_LENGTH: usize = 253 + 6;

/// The address of the service as seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Host and port.
    pub address: String,
    /// Whether clients reach the service over TLS.
    pub https: bool,
    /// The path of the exposition.
    pub metrics_path: String,
    doubt: Option<Doubt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// The browser sent no valid host.
    Unknown,
    /// The browser runs on the service's own machine.
    Loopback,
}

impl Target {
    /// The target from a request's `Host` header and whether the request came over TLS.
    #[must_use]
    pub fn of(host: Option<&str>, https: bool) -> Self {
        let Some((name, port)) = host.and_then(parts) else {
            return Self::at(UNKNOWN.to_owned(), https, Some(Doubt::Unknown));
        };
        let port = port.unwrap_or(if https { 443 } else { 80 });
        let is_loopback = name == "[::1]" || name.starts_with("127.") || name.eq_ignore_ascii_case("localhost");
        Self::at(format!("{name}:{port}"), https, is_loopback.then_some(Doubt::Loopback))
    }

    fn at(address: String, https: bool, doubt: Option<Doubt>) -> Self {
        Self { address, https, metrics_path: METRICS.to_owned(), doubt }
    }

    /// The target of a service that has everything below this base.
    #[must_use]
    pub fn below(self, base: &BasePath) -> Self {
        Self { metrics_path: base.join(METRICS), ..self }
    }

    /// The line of a configuration for a path that Prometheus would not take by itself.
    pub(super) fn path_line(&self) -> String {
        if self.metrics_path == METRICS { String::new() } else { format!("    metrics_path: {}\n", self.metrics_path) }
    }

    /// A warning about the address.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self.doubt? {
            Doubt::Unknown => {
                "The name of this service is not known here: put its host and port in place of the target."
            }
            Doubt::Loopback => {
                "You opened this page on the service's own machine. A Prometheus on another machine or in a container \
                 needs that machine's name in place of the target."
            }
        })
    }
}

/// Name and port of a valid host. A valid host is also safe to show in YAML.
fn parts(host: &str) -> Option<(&str, Option<u16>)> {
    if host.len() > MAX_HOST_LENGTH {
        return None;
    }
    let end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    let (name, rest) = host.split_at(end);
    let port = match rest.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None if rest.is_empty() => None,
        None => return None,
    };
    is_name(name).then_some((name, port))
}

fn is_name(name: &str) -> bool {
    match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(host: &str) -> String {
        Target::of(Some(host), false).address
    }

    #[test]
    fn the_target_is_where_the_page_was_opened_and_always_has_a_port() {
        assert_eq!(address("metrics.example:3000"), "metrics.example:3000");
        assert_eq!(address("metrics.example"), "metrics.example:80");
        assert_eq!(address("[2001:db8::1]:3000"), "[2001:db8::1]:3000");
        assert_eq!(address("10.0.0.5:8080"), "10.0.0.5:8080");
        let behind_tls = Target::of(Some("metrics.example"), true);
        assert_eq!((behind_tls.address.as_str(), behind_tls.https), ("metrics.example:443", true));
    }

    #[test]
    fn what_is_no_host_does_not_get_into_the_configuration() {
        let long = "a".repeat(300);
        for host in
            ["", "a b", "x\"]\nevil: 1", "<script>", "[::1", "[zz]:1", "a:b", "a:99999", "a:1:2", "a/b", "ä", &long]
        {
            assert_eq!(address(host), UNKNOWN, "{host}");
        }
        assert_eq!(Target::of(None, false).address, UNKNOWN);
    }

    #[test]
    fn a_name_that_only_this_machine_knows_comes_with_a_hint() {
        for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert!(Target::of(Some(host), false).hint().is_some_and(|hint| hint.contains("own machine")), "{host}");
        }
        assert_eq!(Target::of(Some("metrics.example:3000"), false).hint(), None);
        assert!(Target::of(None, false).hint().is_some());
    }
}
