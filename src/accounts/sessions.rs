//! Sessions: the token in Playarr's cookie, a JWT (RFC 7519) signed with HMAC-SHA256.
//!
//! The crate jsonwebtoken (11.1) was tried and left out. It offers two sets of algorithms. One adds 23 crates for keys
//! that are not used here, among them `rsa`, which has an open advisory (RUSTSEC-2023-0071); the other builds a library
//! in C. It also leaves `crit` unchecked, so some of the checks would stay here. One algorithm, one key and three
//! claims are a few lines, and whatever is not exactly that is refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::users::Role;
use crate::config::{Config, Secret};

/// `{"alg":"HS256","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Longer tokens are nobody's.
const MAX_LENGTH: usize = 4096;
/// A shorter key than SHA-256's own output is the weakest part (RFC 7518, section 3.2).
const RECOMMENDED_KEY: usize = 32;

/// Signs and checks sessions.
pub(super) struct Sessions {
    mac: Hmac<Sha256>,
    lifetime: Duration,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood. We understand none.
    crit: Option<Value>,
}

#[derive(Serialize)]
struct Claims<'a> {
    sub: &'a str,
    role: &'a str,
    iat: u64,
    exp: u64,
}

/// What counts of somebody's claims; the role is looked up.
#[derive(Deserialize)]
struct Claimed {
    sub: String,
    exp: f64,
    nbf: Option<f64>,
}

impl Sessions {
    /// Sessions with the key and the lifetime of the configuration, or with a random key.
    pub(super) fn new(config: &Config) -> Self {
        let key = config.jwt_secret_key.as_ref().map(|key| key.reveal().as_bytes());
        let mac = match key {
            Some(key) => mac(key),
            None => {
                let mut key = [0; 64];
                rand::rng().fill_bytes(&mut key);
                mac(&key)
            }
        };
        let days = u64::try_from(config.access_token_expire_days).unwrap_or(u64::MAX);
        Self { mac, lifetime: Duration::from_secs(days.saturating_mul(24 * 60 * 60)) }
    }

    /// For how long a session lasts.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// A session of this user that begins now.
    pub(super) fn sign(&self, username: &str, role: Role) -> Secret {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let (iat, exp) = (now.as_secs(), (now + self.lifetime).as_secs());
        let claims = Claims { sub: username, role: role.as_str(), iat, exp };
        let claims = URL_SAFE_NO_PAD.encode(serde_json::json!(claims).to_string());
        let signed = format!("{HEADER}.{claims}");
        let signature = self.mac.clone().chain_update(&signed).finalize().into_bytes();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into()
    }

    /// The user whose session this is, if it is one and has not ended.
    pub(super) fn username(&self, token: &Secret) -> Option<String> {
        let token = token.reveal();
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_LENGTH)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        self.mac.clone().chain_update(signed).verify_slice(&signature).ok()?;

        let (header, claims) = signed.split_once('.')?;
        let header: Header = parse(header)?;
        if header.alg != "HS256" || header.crit.is_some() {
            return None;
        }
        let claimed: Claimed = parse(claims)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
        let is_valid = now < claimed.exp && claimed.nbf.is_none_or(|begin| begin <= now);
        is_valid.then_some(claimed.sub)
    }
}

/// Says what the configuration means for sessions, once at the start.
pub(super) fn explain(config: &Config) {
    match &config.jwt_secret_key {
        None => tracing::info!(
            "JWT_SECRET_KEY is not set: sessions end when the service does, and those of Playarr do not count here; \
             set it to the key that Playarr has"
        ),
        Some(key) if key.reveal().len() < RECOMMENDED_KEY => tracing::warn!(
            "JWT_SECRET_KEY is shorter than {RECOMMENDED_KEY} bytes: who guesses it can sign in as anybody"
        ),
        Some(_) => {}
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

fn parse<T: for<'de> Deserialize<'de>>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
