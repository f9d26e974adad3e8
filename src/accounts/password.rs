//! Passwords as Playarr keeps them: bcrypt over the 32 bytes of the password's SHA-256 digest.
//!
//! The digest is hashed as it is, zero bytes and all. That keeps every byte of a long password, of which bcrypt by
//! itself would see 72.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rand::Rng;
use sha2::{Digest, Sha256};

use super::login_queue::{Busy, LoginQueue, Turn};
use crate::config::Secret;
use crate::connections::Network;

/// The work Playarr puts into a new hash: 2 to the power of this.
pub(super) const USUAL_COST: u32 = 10;
/// The costs a stored hash may have. The highest takes about a second; each step doubles it, so 31 would take days.
pub(super) const COSTS: RangeInclusive<u32> = 4..=14;

/// The thread that checks was stopped.
#[derive(Debug)]
pub(super) struct Stopped;

/// Checks passwords on threads for blocking work, a few at a time: scrapes need the rest of the machine.
#[derive(Debug)]
pub(super) struct Passwords {
    queue: Arc<LoginQueue>,
}

impl Passwords {
    pub(super) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { queue: LoginQueue::new((cores / 2).clamp(1, 4)) }
    }

    /// Waits for the turn of a login from there, by a name that is or is not known to have signed in from there.
    pub(super) async fn turn(&self, network: Network, is_known: bool) -> Result<Turn, Busy> {
        self.queue.turn(network, is_known).await
    }

    /// Whether this is the password of a stored hash. Takes as long whatever the hash, if any: always the work of
    /// `cost`, which is the highest of all stored hashes.
    pub(super) async fn matches(
        &self,
        password: Secret,
        hash: Option<Secret>,
        cost: u32,
        turn: Turn,
    ) -> Result<bool, Stopped> {
        // The turn moves to the thread: it is over when the work is, even if nobody waits for that any more.
        let check = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            check(&password, hash.as_ref(), cost)
        });
        check.await.map_err(|_| Stopped)
    }

    /// A hash of the password, as Playarr makes it.
    pub(super) async fn hash(&self, password: Secret) -> Result<Secret, Stopped> {
        let hash = tokio::task::spawn_blocking(move || bcrypt::hash(digest(&password), USUAL_COST));
        hash.await.ok().and_then(Result::ok).map(Secret::from).ok_or(Stopped)
    }
}

/// The cost of a hash that can be checked; none if it is malformed, of a broken version or too costly.
pub(super) fn cost_of(hash: &str) -> Option<u32> {
    let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| hash.starts_with(version));
    let cost = hash.parse::<bcrypt::HashParts>().ok().filter(|_| is_known)?.get_cost();
    COSTS.contains(&cost).then_some(cost)
}

fn check(password: &Secret, hash: Option<&Secret>, cost: u32) -> bool {
    let digest = digest(password);
    let usable = hash.and_then(|hash| Some((hash, cost_of(hash.reveal())?)));
    let Some((hash, own_cost)) = usable else {
        waste(&digest, cost);
        return false;
    };
    let matches = bcrypt::verify(digest, hash.reveal()).unwrap_or(false);
    // 2^own and all powers from there to below 2^cost add up to 2^cost.
    for cost in own_cost..cost {
        waste(&digest, cost);
    }
    matches
}

/// The work of a check, for nothing.
fn waste(digest: &[u8; 32], cost: u32) {
    let mut salt = [0; 16];
    rand::rng().fill_bytes(&mut salt);
    std::hint::black_box(bcrypt::bcrypt(cost, salt, digest));
}

fn digest(password: &Secret) -> [u8; 32] {
    Sha256::digest(password.reveal()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hashes_that_can_be_checked_in_reasonable_time_are() {
        let hash = bcrypt::hash(b"x", 4).unwrap();
        let with = |prefix: &str| cost_of(&hash.replace("$2b$04", prefix));
        for prefix in ["$2a$04", "$2b$04", "$2y$04"] {
            assert_eq!(with(prefix), Some(4));
        }
        assert_eq!(with("$2b$14"), Some(14));
        for prefix in ["$2b$15", "$2b$31", "$2b$99", "$2b$03", "$2b$00", "$2x$04", "$2$04", "$5$04", "", "é"] {
            assert_eq!(with(prefix), None, "{prefix}");
        }
    }

    #[tokio::test]
    async fn a_hash_that_would_take_hours_is_refused_at_once() {
        let hash = bcrypt::hash(b"x", 4).unwrap().replace("$2b$04", "$2b$31");
        let passwords = Passwords::new();
        let turn = passwords.turn(std::net::IpAddr::from([127, 0, 0, 1]).into(), false).await.unwrap();
        assert!(!passwords.matches("x".to_owned().into(), Some(hash.into()), 4, turn).await.unwrap());
    }
}
