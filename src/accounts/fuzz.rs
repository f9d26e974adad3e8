//! Fuzz targets: sessions and the addresses that proxies claim.

use std::net::{IpAddr, Ipv4Addr};

use playarr_fuzz::fuzz;

use super::client::Client;
use super::sessions::Sessions;
use super::users::Role;
use crate::config::Config;

#[test]
fn a_session_may_be_any_text_and_only_a_signed_one_counts() {
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| "mongodb://127.0.0.1:1".to_owned())).unwrap();
    let sessions = Sessions::new(&config);
    let signed = sessions.sign("alice", Role::Admin).reveal().to_owned();
    let other = Sessions::new(&config).sign("alice", Role::Admin).reveal().to_owned();
    let words = ["eyJhbGciOiJub25lIn0", ".", "..", "=", "e30", "eyJzdWIiOiJhbGljZSJ9"];
    fuzz("sessions", &[signed.as_bytes(), other.as_bytes(), b"a.b.c"], &words, |text| {
        let text = String::from_utf8_lossy(text).into_owned();
        let is_signed = text == signed;
        let username = sessions.username(&text.clone().into());
        assert_eq!(username.is_some(), is_signed, "{text:?}");
        (username, text.matches('.').count().min(4))
    });
}

#[test]
fn a_proxy_may_claim_anything() {
    let corpus: &[&[u8]] = &[b"10.0.0.1, 2001:db8::1", b"\"[2001:db8::1]:8080\", for=unknown", b"fe80::1%eth0:80"];
    let words = [",", "[", "]", ":", "::ffff:10.0.0.1", "255.255.255.256", "unknown", "for=", "\"", " "];
    fuzz("X-Forwarded-For", corpus, &words, |text| {
        let text = String::from_utf8_lossy(text);
        let client = Client::of(IpAddr::V4(Ipv4Addr::LOCALHOST), Some(&text));
        (client.address.is_ipv6(), client.address.is_loopback(), client.proxy.is_some())
    });
}
