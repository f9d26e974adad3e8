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
    /// How the connection to that address is encrypted.
    pub encryption: Encryption,
    /// How the service is reached without a proxy.
    direct: Encryption,
    /// The path of the exposition.
    pub metrics_path: String,
    doubt: Option<Doubt>,
}

/// Who encrypts the connection to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Nobody: plain HTTP.
    None,
    /// A proxy before the service.
    Proxy,
    /// The service itself.
    Service {
        /// Whether clients need a certificate.
        asks_clients: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// The browser sent no valid host.
    Unknown,
    /// The browser runs on the service's own machine.
    Loopback,
}

impl Target {
    /// The target from a request's `Host` header, how that request is encrypted, and how it is without a proxy.
    #[must_use]
    pub fn of(host: Option<&str>, encryption: Encryption, direct: Encryption) -> Self {
        let (address, doubt) = match host.and_then(parts) {
            None => (UNKNOWN.to_owned(), Some(Doubt::Unknown)),
            Some((name, port)) => {
                let port = port.unwrap_or(if encryption == Encryption::None { 80 } else { 443 });
                let is_loopback = name == "[::1]" || name.starts_with("127.") || name.eq_ignore_ascii_case("localhost");
                (format!("{name}:{port}"), is_loopback.then_some(Doubt::Loopback))
            }
        };
        Self { address, encryption, direct, metrics_path: METRICS.to_owned(), doubt }
    }

    /// The same service at an address where no proxy stands before it.
    #[must_use]
    pub(super) fn directly_at(&self, address: &str) -> Self {
        Self { address: address.to_owned(), encryption: self.direct, doubt: None, ..self.clone() }
    }

    /// The target of a service that has everything below this base.
    #[must_use]
    pub fn below(self, base: &BasePath) -> Self {
        Self { metrics_path: base.join(METRICS), ..self }
    }

    /// The path, if Prometheus would not take it by itself.
    pub(super) fn own_path(&self) -> Option<&str> {
        (self.metrics_path != METRICS).then_some(&self.metrics_path)
    }

    /// Whether the address is reached over https.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.encryption != Encryption::None
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

    fn plain(host: Option<&str>) -> Target {
        Target::of(host, Encryption::None, Encryption::None)
    }

    fn address(host: &str) -> String {
        plain(Some(host)).address
    }

    #[test]
    fn the_target_is_where_the_page_was_opened_and_always_has_a_port() {
        assert_eq!(address("metrics.example:3000"), "metrics.example:3000");
        assert_eq!(address("metrics.example"), "metrics.example:80");
        assert_eq!(address("[2001:db8::1]:3000"), "[2001:db8::1]:3000");
        assert_eq!(address("10.0.0.5:8080"), "10.0.0.5:8080");
        let behind_tls = Target::of(Some("metrics.example"), Encryption::Proxy, Encryption::None);
        assert_eq!((behind_tls.address.as_str(), behind_tls.is_https()), ("metrics.example:443", true));
    }

    #[test]
    fn what_is_no_host_does_not_get_into_the_configuration() {
        let long = "a".repeat(300);
        for host in
            ["", "a b", "x\"]\nevil: 1", "<script>", "[::1", "[zz]:1", "a:b", "a:99999", "a:1:2", "a/b", "ä", &long]
        {
            assert_eq!(address(host), UNKNOWN, "{host}");
        }
        assert_eq!(plain(None).address, UNKNOWN);
    }

    #[test]
    fn a_name_that_only_this_machine_knows_comes_with_a_hint() {
        for host in ["localhost:3000", "127.0.0.1:3000", "[::1]:3000"] {
            assert!(plain(Some(host)).hint().is_some_and(|hint| hint.contains("own machine")), "{host}");
        }
        assert_eq!(plain(Some("metrics.example:3000")).hint(), None);
        assert!(plain(None).hint().is_some());
    }
}
