//! How often somebody may be wrong: who fails is slowed, and nobody else.
//!
//! A refusal before a password or key was looked at would also refuse the right one: everybody behind a proxy that does
//! not name its clients would pay for one of them. So nobody is refused for what others did:
//! - A login counts against its name at its address. After [`LIMIT`] failures one is looked at each [`SLOT`], the next
//!   [`MAX_WAIT`] of them wait, and only those beyond are refused. Another name at the same address is not affected,
//!   and neither is the same name at another one. Somebody who tries many names at one address meets the same at
//!   [`NAMES`] times the limit.
//! - A right API key is never slowed: looking one up costs little, and one of 62^8 is not found by trying. A wrong one
//!   from an address that has failed [`LIMIT`] times is answered late.
//! - What is wrong is answered the later, the more has failed lately: at that name and address, behind that proxy, and
//!   in all. That takes nothing from those who are right, and a flood from any number of addresses spends most of its
//!   time waiting.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::Client;
use crate::connections::Network;

/// Failures before the next one is answered late.
const FREE: u32 = 5;
/// Failures of one name at one address, or of API keys from one address, from which on they are limited.
const LIMIT: u32 = 20;
/// How many times that the logins of all names at one address may fail.
const NAMES: u32 = 5;
/// How many times that a proxy may forward what fails before it is answered late.
const ADDRESSES_OF_A_PROXY: u32 = 20;
/// The time by which each failure beyond the free ones delays the answer.
const DELAY: Duration = Duration::from_millis(100);
/// The longest that an answer is delayed.
const MAX_DELAY: Duration = Duration::from_secs(5);
/// The time in which one limited login is looked at.
const SLOT: Duration = Duration::from_secs(1);
/// The longest that a limited login waits to be looked at.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// The time after which one failure is forgotten.
const FORGET: Duration = Duration::from_secs(60);
/// Failures of all in [`FLOOD_TIME`] before each further one delays the answers to those who fail.
const FLOOD: u32 = 20;
/// See [`FLOOD`].
const FLOOD_TIME: Duration = Duration::from_secs(10);
/// What is remembered at once, some 100 bytes each.
const MOST_DEBTS: usize = 8192;

/// What is tried. A program with an old API key slows nobody who signs in at the same address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AttemptKind<'a> {
    /// Signing in with this name.
    Login(&'a str),
    ApiKey,
}

/// Failures by address and name. Its memory is bounded.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    debts: Mutex<Debts>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Debts {
    by_key: HashMap<DebtKey, Debt>,
    /// The failures of all, in the present time and the one before it.
    flood: Option<(Instant, u32, u32)>,
}

/// Who owes failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum DebtKey {
    /// A name at an address; of the name, a hash.
    Name(Network, u64),
    Names(Network),
    ApiKeys(Network),
    /// Strangers behind a proxy do not slow those who sit at it.
    Proxy(Network),
}

#[derive(Clone, Copy, Debug)]
struct Debt {
    failures: u32,
    /// When the failures were last brought up to date.
    as_of: Instant,
    /// When the next limited login is looked at.
    next_slot: Instant,
}

/// An attempt under way. It counts as a failure unless it is forgiven: who leaves before the answer may have guessed.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    limiter: &'a Limiter,
    keys: [Option<(DebtKey, u32)>; 2],
    proxy: Option<DebtKey>,
    is_open: bool,
}

impl Limiter {
    /// Begins an attempt.
    pub(super) fn begin(&self, kind: AttemptKind<'_>, client: Client) -> Attempt<'_> {
        let network = Network::from(client.address);
        let keys = match kind {
            AttemptKind::Login(name) => {
                let name = DebtKey::Name(network, self.hasher.hash_one(name));
                [Some((name, LIMIT)), Some((DebtKey::Names(network), NAMES * LIMIT))]
            }
            AttemptKind::ApiKey => [Some((DebtKey::ApiKeys(network), LIMIT)), None],
        };
        let proxy = client.proxy.map(|proxy| DebtKey::Proxy(proxy.into()));
        Attempt { limiter: self, keys, proxy, is_open: true }
    }
}

impl Attempt<'_> {
    /// Whether the address has failed so often that its attempts are limited.
    pub(super) fn is_limited(&self, now: Instant) -> bool {
        self.limited(&mut self.limiter.debts.lock(), now).is_some()
    }

    /// How long a limited attempt has to wait until it is looked at; nothing for others.
    ///
    /// # Errors
    /// With the time after which another attempt is worth it, when too many wait already.
    pub(super) fn slot(&self, now: Instant) -> Result<Duration, Duration> {
        let mut debts = self.limiter.debts.lock();
        let Some(debt) = self.limited(&mut debts, now).and_then(|key| debts.by_key.get_mut(&key)) else {
            return Ok(Duration::ZERO);
        };
        let slot = debt.next_slot.max(now);
        let wait = slot.saturating_duration_since(now);
        if wait > MAX_WAIT {
            return Err(wait.max(SLOT));
        }
        debt.next_slot = slot + SLOT;
        Ok(wait)
    }

    /// It was right, or nobody could tell.
    pub(super) fn forgive(mut self) {
        self.is_open = false;
    }

    /// It was wrong. Returns how long to wait before saying so.
    pub(super) fn fail(mut self, now: Instant) -> Duration {
        self.is_open = false;
        self.count(now)
    }

    fn limited(&self, debts: &mut Debts, now: Instant) -> Option<DebtKey> {
        let mut keys = self.keys.into_iter().flatten();
        keys.find(|(key, limit)| debts.failures(*key, now) >= *limit).map(|(key, _)| key)
    }

    fn count(&self, now: Instant) -> Duration {
        let mut debts = self.limiter.debts.lock();
        let (own, _) = self.keys[0].unzip();
        let beyond = own.map_or(0, |own| debts.failures(own, now)).saturating_sub(FREE);
        let behind = self.proxy.map_or(0, |proxy| debts.failures(proxy, now));
        let behind = behind.saturating_sub(ADDRESSES_OF_A_PROXY * LIMIT);
        for (key, limit) in self.keys.into_iter().flatten() {
            debts.add(key, 2 * limit, now);
        }
        if let Some(proxy) = self.proxy {
            debts.add(proxy, 2 * ADDRESSES_OF_A_PROXY * LIMIT, now);
        }
        let flood = debts.flood(now).saturating_sub(FLOOD);
        (DELAY * beyond.saturating_add(behind).saturating_add(flood).min(1000)).min(MAX_DELAY)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.count(Instant::now());
        }
    }
}

impl Debts {
    fn failures(&mut self, key: DebtKey, now: Instant) -> u32 {
        self.by_key.get_mut(&key).map_or(0, |debt| {
            debt.forget(now);
            debt.failures
        })
    }

    /// One failure more. Beyond `most` they are not counted, so that they are forgotten within the hour.
    fn add(&mut self, key: DebtKey, most: u32, now: Instant) {
        if !self.by_key.contains_key(&key) {
            self.make_room(now);
        }
        let debt = self.by_key.entry(key).or_insert(Debt { failures: 0, as_of: now, next_slot: now });
        debt.forget(now);
        debt.failures = (debt.failures + 1).min(most);
    }

    /// Counts one failure of all, and returns how many there were lately.
    fn flood(&mut self, now: Instant) -> u32 {
        let (since, present, before) = self.flood.unwrap_or((now, 0, 0));
        let elapsed = now.saturating_duration_since(since);
        let (since, present, before) = match elapsed {
            elapsed if elapsed < FLOOD_TIME => (since, present, before),
            elapsed if elapsed < 2 * FLOOD_TIME => (now, 0, present),
            _ => (now, 0, 0),
        };
        self.flood = Some((since, present.saturating_add(1), before));
        present.max(before)
    }

    /// Removes what is paid, and if that is not enough, whoever owes least.
    fn make_room(&mut self, now: Instant) {
        if self.by_key.len() < MOST_DEBTS {
            return;
        }
        self.by_key.retain(|_, debt| {
            debt.forget(now);
            debt.failures > 0
        });
        if self.by_key.len() >= MOST_DEBTS {
            let least = self.by_key.iter().min_by_key(|(_, debt)| debt.failures).map(|(key, _)| *key);
            least.and_then(|key| self.by_key.remove(&key));
        }
    }
}

impl Debt {
    fn forget(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.as_of).as_secs() / FORGET.as_secs();
        let forgotten = u32::try_from(elapsed).unwrap_or(u32::MAX);
        if forgotten >= self.failures {
            (self.failures, self.as_of) = (0, now);
        } else {
            self.failures -= forgotten;
            self.as_of += FORGET * forgotten;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn client(n: u32) -> Client {
        Client { address: Ipv4Addr::from_bits(0x0808_0000 + n).into(), proxy: None }
    }

    fn fail(limiter: &Limiter, name: &str, client: Client, now: Instant) -> Duration {
        limiter.begin(AttemptKind::Login(name), client).fail(now)
    }

    fn slot(limiter: &Limiter, name: &str, client: Client, now: Instant) -> Result<Duration, Duration> {
        let attempt = limiter.begin(AttemptKind::Login(name), client);
        let slot = attempt.slot(now);
        attempt.forgive();
        slot
    }

    #[test]
    fn failures_are_answered_late_then_looked_at_one_by_one_then_forgotten() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let delays: Vec<_> = (0..LIMIT).map(|_| fail(&limiter, "admin", client(1), start)).collect();
        assert!(delays[..=FREE as usize].iter().all(Duration::is_zero), "{delays:?}");
        assert!(delays[FREE as usize..].is_sorted_by(|one, next| one < next), "{delays:?}");

        let waits: Vec<_> = (0..6).map(|_| slot(&limiter, "admin", client(1), start).unwrap().as_secs()).collect();
        assert_eq!(waits, [0, 1, 2, 3, 4, 5]);
        assert!(slot(&limiter, "admin", client(1), start).unwrap_err() >= SLOT);
        assert_eq!(slot(&limiter, "alice", client(1), start), Ok(Duration::ZERO), "another name is not affected");
        assert_eq!(slot(&limiter, "admin", client(2), start), Ok(Duration::ZERO), "nor is another address");

        let later = start + FORGET;
        for _ in 0..10 {
            assert_eq!(slot(&limiter, "admin", client(1), later), Ok(Duration::ZERO), "one is forgotten a minute");
        }
    }

    #[test]
    fn one_failure_a_minute_is_forgotten_however_often_somebody_looks() {
        let start = Instant::now();
        let mut debt = Debt { failures: 5, as_of: start, next_slot: start };
        for seconds in (0..=150).step_by(10) {
            debt.forget(start + Duration::from_secs(seconds));
        }
        assert_eq!(debt.failures, 3, "after two minutes and a half");
    }

    #[test]
    fn who_tries_many_names_is_limited_for_all_of_them() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for n in 0..NAMES * LIMIT {
            fail(&limiter, &format!("name-{n}"), client(1), now);
        }
        assert!((0..10).any(|n| slot(&limiter, &format!("new-{n}"), client(1), now).is_err()));
        assert_eq!(slot(&limiter, "admin", client(2), now), Ok(Duration::ZERO));
    }

    #[test]
    fn a_proxy_is_never_refused_and_what_fails_behind_it_is_answered_later() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let behind = |n| Client { proxy: Some([192, 168, 1, 50].into()), ..client(n) };
        let all = 2 * ADDRESSES_OF_A_PROXY * LIMIT;
        for n in 0..all {
            fail(&limiter, "admin", behind(n), start);
        }
        let now = start + 2 * FLOOD_TIME;
        assert_eq!(slot(&limiter, "admin", behind(all), now), Ok(Duration::ZERO));
        assert_eq!(fail(&limiter, "admin", behind(all), now), MAX_DELAY);
        assert_eq!(fail(&limiter, "admin", client(all), now), Duration::ZERO);
    }

    #[test]
    fn the_more_fail_from_wherever_the_later_they_are_told_and_nobody_is_refused() {
        let (limiter, start) = (Limiter::default(), Instant::now());
        let delays: Vec<_> = (0..100).map(|n| fail(&limiter, "admin", client(n), start)).collect();
        assert!(delays[..FLOOD as usize].iter().all(Duration::is_zero) && delays[99] == MAX_DELAY, "{delays:?}");
        assert_eq!(slot(&limiter, "admin", client(200), start), Ok(Duration::ZERO));
        assert_eq!(fail(&limiter, "admin", client(201), start + 2 * FLOOD_TIME), Duration::ZERO);
    }

    #[test]
    fn an_attempt_whose_answer_nobody_awaits_is_a_failure() {
        let (limiter, client) = (Limiter::default(), client(1));
        for _ in 0..LIMIT {
            drop(limiter.begin(AttemptKind::ApiKey, client));
            limiter.begin(AttemptKind::Login("admin"), client).forgive();
        }
        let now = Instant::now();
        assert!(limiter.begin(AttemptKind::ApiKey, client).is_limited(now));
        assert!(!limiter.begin(AttemptKind::Login("admin"), client).is_limited(now));
    }

    #[test]
    fn however_many_fail_the_memory_is_bounded_and_the_worst_are_remembered() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for _ in 0..LIMIT {
            fail(&limiter, "admin", client(0), now);
        }
        for n in 1..MOST_DEBTS as u32 {
            fail(&limiter, "admin", client(n), now);
        }
        assert_eq!(limiter.debts.lock().by_key.len(), MOST_DEBTS);
        assert!(limiter.begin(AttemptKind::Login("admin"), client(0)).is_limited(now));
    }
}
