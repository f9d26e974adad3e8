//! From where a request comes, as far as that can be believed.

use std::net::{IpAddr, Ipv4Addr};

/// The address behind a request, for limits and for people to read.
///
/// `X-Forwarded-For` is believed from loopback and private addresses only, where reverse proxies are, and only its last
/// entry, which is the one that the proxy itself has written. Somebody who connects from a public address is that
/// address, whatever they claim. Somebody in the private network can claim to be a proxy: so what is forwarded counts
/// against the address that forwarded it as well, unless that is loopback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address of the client.
    pub address: IpAddr,
    /// The address of the proxy that named it, if one did.
    pub proxy: Option<IpAddr>,
}

impl Client {
    /// The client of a connection from `peer` whose request says this in its last `X-Forwarded-For` header.
    #[must_use]
    pub fn of(peer: IpAddr, forwarded_for: Option<&str>) -> Self {
        let peer = peer.to_canonical();
        match forwarded_for.filter(|_| may_be_proxy(peer)).and_then(last_address) {
            Some(address) => Self { address, proxy: Some(peer) },
            None => Self { address: peer, proxy: None },
        }
    }
}

/// Whether an address is one from which no stranger connects directly.
fn may_be_proxy(peer: IpAddr) -> bool {
    match peer {
        IpAddr::V4(v4) => {
            // 100.64.0.0/10 is what carriers and overlay networks such as Tailscale use.
            let is_shared = v4.to_bits() >> 22 == Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22;
            v4.is_loopback() || v4.is_private() || v4.is_link_local() || is_shared
        }
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

/// The last entry of an `X-Forwarded-For` header; some proxies write a port behind it.
fn last_address(forwarded_for: &str) -> Option<IpAddr> {
    let last = forwarded_for.rsplit(',').next()?.trim();
    let address = last
        .parse()
        .or_else(|_| last.parse::<std::net::SocketAddr>().map(|address| address.ip()))
        .or_else(|_| last.trim_start_matches('[').trim_end_matches(']').parse());
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded_for: Option<&str>) -> String {
        Client::of(peer.parse().unwrap(), forwarded_for).address.to_string()
    }

    #[test]
    fn only_what_a_proxy_nearby_has_written_itself_is_believed() {
        for proxy in ["127.0.0.1", "::1", "10.1.2.3", "172.17.0.1", "192.168.1.1", "fd00::1", "::ffff:10.0.0.1"] {
            assert_eq!(client(proxy, Some("1.2.3.4, 5.6.7.8")), "5.6.7.8", "{proxy}");
        }
        for stranger in ["8.8.8.8", "172.32.0.1", "2001:db8::1", "100.128.0.1"] {
            assert_eq!(client(stranger, Some("1.2.3.4")), stranger);
        }
    }

    #[test]
    fn addresses_come_with_and_without_ports_and_nonsense_is_the_peer() {
        for (forwarded, address) in [
            ("5.6.7.8:1234", "5.6.7.8"),
            ("[2001:db8::1]:1234", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::ffff:5.6.7.8", "5.6.7.8"),
            ("5.6.7.8,", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", Some(forwarded)), address, "{forwarded}");
        }
        assert_eq!(client("::ffff:8.8.8.8", None), "8.8.8.8");
    }
}
