//! What has proven to be right since the start: API keys, and names at their addresses.
//!
//! Nobody gets in by it. It decides who is checked before others while many fail. Kept are keyed digests, with a key
//! that no one else has and that ends with the process: the memory tells neither keys nor names.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use rand::Rng;
use sha2::Sha256;

use crate::connections::Network;

/// How many of each kind are known at once; the latest.
const MAX_KNOWN: usize = 4096;

type Digest = [u8; 16];

/// What has proven to be right.
pub(super) struct Known {
    mac: Hmac<Sha256>,
    api_keys: Mutex<Latest<Digest>>,
    logins: Mutex<Latest<(Network, Digest)>>,
}

impl Known {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        rand::rng().fill_bytes(&mut key);
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
        let mac = Hmac::new_from_slice(&key).expect("HMAC takes keys of any length");
        Self { mac, api_keys: Mutex::default(), logins: Mutex::default() }
    }

    /// Whether this API key was somebody's.
    pub(super) fn has_api_key(&self, api_key: &str) -> bool {
        self.api_keys.lock().set.contains(&self.digest(api_key))
    }

    /// This API key is somebody's, or no longer.
    pub(super) fn set_api_key(&self, api_key: &str, is_right: bool) {
        let digest = self.digest(api_key);
        let mut api_keys = self.api_keys.lock();
        if is_right { api_keys.add(digest) } else { api_keys.remove(&digest) }
    }

    /// Whether this name has signed in from there.
    pub(super) fn has_login(&self, network: Network, name: &str) -> bool {
        self.logins.lock().set.contains(&(network, self.digest(name)))
    }

    /// This name has signed in from there.
    pub(super) fn add_login(&self, network: Network, name: &str) {
        self.logins.lock().add((network, self.digest(name)));
    }

    fn digest(&self, text: &str) -> Digest {
        let mut mac = self.mac.clone();
        mac.update(text.as_bytes());
        let digest: [u8; 32] = mac.finalize().into_bytes().into();
        std::array::from_fn(|at| digest[at])
    }
}

/// The latest entries.
struct Latest<T> {
    set: HashSet<T>,
    oldest_first: VecDeque<T>,
}

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self { set: HashSet::new(), oldest_first: VecDeque::new() }
    }
}

impl<T: Copy + Eq + Hash> Latest<T> {
    fn add(&mut self, entry: T) {
        if !self.set.insert(entry) {
            return;
        }
        self.oldest_first.push_back(entry);
        if self.oldest_first.len() > MAX_KNOWN
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.set.remove(&oldest);
        }
    }

    fn remove(&mut self, entry: &T) {
        if self.set.remove(entry) {
            self.oldest_first.retain(|other| other != entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn the_latest_that_were_right_are_known() {
        let known = Known::new();
        for n in 0..=MAX_KNOWN {
            known.set_api_key(&format!("key-{n}"), true);
        }
        assert!(!known.has_api_key("key-0") && known.has_api_key("key-1"));
        known.set_api_key("key-1", false);
        assert!(!known.has_api_key("key-1"));
        let [here, there] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(|address| Network::from(IpAddr::from(address)));
        known.add_login(here, "admin");
        assert!(known.has_login(here, "admin") && !known.has_login(there, "admin") && !known.has_login(here, "alice"));
    }
}
