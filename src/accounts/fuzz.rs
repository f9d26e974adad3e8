//! Fuzz targets: sessions, the addresses that proxies claim, and the documents of users.

use std::net::{IpAddr, Ipv4Addr};

use mongodb::bson::{RawDocumentBuf, doc};
use playarr_fuzz::{RAW_BSON, bson_of, elements_of, fuzz};

use super::client::Client;
use super::password::COSTS;
use super::sessions::Sessions;
use super::users::{Role, cost, user};
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

#[test]
fn the_document_of_a_user_may_hold_anything() {
    let hash = "$2b$10$C6UzMDM.H6dfI/f/IKcEeO7ZtIkjWZ6YDqk0cXTVQeJ5hkF5a6H2e";
    let admin = doc! { "username": "alice", "role": "admin", "status": "active", "password_hash": hash };
    let raw = RawDocumentBuf::try_from(&admin).unwrap();
    let words = ["username\0", "role\0", "status\0", "password_hash\0", "admin", "active", "$2b$31$", "\u{e9}"];
    fuzz("users", &[elements_of(raw.as_bytes())], &[&words, RAW_BSON].concat(), |elements| {
        let document = RawDocumentBuf::from_bytes(bson_of(elements)).ok()?;
        let cost = cost(&document);
        assert!(cost.is_none_or(|cost| COSTS.contains(&cost)));
        let user = user(&document)?;
        let says = |field, text| document.get_str(field).is_ok_and(|found| found == text);
        let is_said = says("role", "admin") && says("status", "active");
        assert_eq!(user.is_admin(), is_said, "{document:?}");
        Some((user.role.as_str(), user.is_active, user.username.len().min(8), user.password_hash.is_some(), cost))
    });
}
