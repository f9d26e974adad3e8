//! How often an address may be wrong: first it is slowed, then refused for a while.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::client::{Client, Network};

/// Failures from one address before it is slowed.
const FREE: u32 = 5;
/// Failures from one address before it is refused.
const LIMIT: u32 = 20;
/// The pause before an attempt grows by this with each failure beyond the free ones.
const PAUSE: Duration = Duration::from_millis(100);
/// The time after which one failure is forgotten.
const FORGET: Duration = Duration::from_secs(60);
/// How many times the failures of one address a proxy may forward.
const ADDRESSES_OF_A_PROXY: u32 = 20;
/// Addresses remembered at once: a few hundred kilobytes.
const MOST_ADDRESSES: usize = 8192;

/// What is tried. A program with an old API key does not lock people at the same address out of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AttemptKind {
    Login,
    ApiKey,
}

impl AttemptKind {
    /// Attempts under way at once that do not count yet. A program with the right key asks many things at once; a
    /// person signs in once, and a guesser would like to be checked a thousand times before the first failure counts.
    fn at_once(self) -> u32 {
        match self {
            Self::Login => 0,
            Self::ApiKey => 100,
        }
    }

    /// Whether an attempt counts as a failure if the caller does not wait for the outcome. A login costs enough work
    /// for that. A program with the right key may be impatient when the database is slow, and a guesser who does not
    /// wait learns nothing.
    fn fails_unless_forgiven(self) -> bool {
        self == Self::Login
    }
}

/// Failures by address. Its memory is bounded.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    debts: Mutex<HashMap<Key, Debt>>,
}

type Key = (AttemptKind, Part, Network);

/// What an address was in an attempt. Strangers behind a proxy do not lock those out who sit at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Client,
    Proxy,
}

#[derive(Clone, Copy, Debug)]
struct Debt {
    failures: u32,
    /// Attempts whose outcome is not known yet.
    pending: u32,
    /// When the failures were last brought up to date.
    as_of: Instant,
}

/// An attempt under way.
#[derive(Debug)]
pub(super) struct Attempt<'a> {
    limiter: &'a Limiter,
    keys: [Option<Key>; 2],
    pause: Duration,
    failed: bool,
}

impl Limiter {
    /// Begins an attempt.
    ///
    /// # Errors
    /// With the time to wait, when the address has failed too often.
    pub(super) fn begin(&self, kind: AttemptKind, client: Client, now: Instant) -> Result<Attempt<'_>, Duration> {
        let own = ((kind, Part::Client, client.address.into()), LIMIT);
        // A proxy on this very machine is the operator's own and does not make addresses up. Refusing it would refuse
        // everybody behind it for what a few strangers do.
        let proxy = client.proxy.filter(|proxy| !proxy.is_loopback());
        let proxy = proxy.map(|proxy| ((kind, Part::Proxy, proxy.into()), LIMIT * ADDRESSES_OF_A_PROXY));
        let mut debts = self.debts.lock();
        for (key, limit) in [Some(own), proxy].into_iter().flatten() {
            if let Some(debt) = debts.get_mut(&key) {
                debt.forget(now);
                if debt.count(kind) >= limit {
                    return Err(debt.time_to_wait(now));
                }
            }
        }
        let failures = debts.get(&own.0).map_or(0, |debt| debt.count(kind));
        let keys = [Some(own.0), proxy.map(|(key, _)| key)];
        for key in keys.into_iter().flatten() {
            make_room(&mut debts, now);
            debts.entry(key).or_insert(Debt { failures: 0, pending: 0, as_of: now }).pending += 1;
        }
        let pause = PAUSE * failures.saturating_sub(FREE);
        Ok(Attempt { limiter: self, keys, pause, failed: kind.fails_unless_forgiven() })
    }
}

impl Attempt<'_> {
    /// How long to wait before the attempt is looked at.
    pub(super) fn pause(&self) -> Duration {
        self.pause
    }

    /// It was right, or nobody could tell.
    pub(super) fn forgive(mut self) {
        self.failed = false;
    }

    /// It was wrong.
    pub(super) fn fail(mut self) {
        self.failed = true;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut debts = self.limiter.debts.lock();
        for key in self.keys.into_iter().flatten() {
            // It is absent only where there was no room for it.
            let Some(debt) = debts.get_mut(&key) else { continue };
            debt.pending = debt.pending.saturating_sub(1);
            if self.failed {
                debt.failures = debt.failures.saturating_add(1);
            }
            if debt.failures == 0 && debt.pending == 0 {
                debts.remove(&key);
            }
        }
    }
}

impl Debt {
    fn count(&self, kind: AttemptKind) -> u32 {
        self.failures + self.pending.saturating_sub(kind.at_once())
    }

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

    /// Until the next failure is forgotten, in whole seconds.
    fn time_to_wait(&self, now: Instant) -> Duration {
        let wait = FORGET.saturating_sub(now.saturating_duration_since(self.as_of));
        Duration::from_secs(wait.as_secs() + 1)
    }
}

/// Removes what is paid, and if that is not enough, the address that owes least, attempts under way included.
fn make_room(debts: &mut HashMap<Key, Debt>, now: Instant) {
    if debts.len() < MOST_ADDRESSES {
        return;
    }
    debts.retain(|_, debt| {
        debt.forget(now);
        debt.failures > 0 || debt.pending > 0
    });
    if debts.len() >= MOST_ADDRESSES {
        let least = debts.iter().min_by_key(|(_, debt)| (debt.pending, debt.failures)).map(|(key, _)| *key);
        least.and_then(|key| debts.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client { address: address.parse().unwrap(), proxy: None }
    }

    fn fail(limiter: &Limiter, client: Client, now: Instant) -> Result<Duration, Duration> {
        limiter.begin(AttemptKind::Login, client, now).map(|attempt| attempt.pause())
    }

    #[test]
    fn failures_are_slowed_then_refused_then_forgotten_one_by_one() {
        let (limiter, start, guesser) = (Limiter::default(), Instant::now(), client("203.0.113.1"));
        let pauses: Vec<_> = (0..LIMIT).map(|_| fail(&limiter, guesser, start).unwrap().as_millis()).collect();
        assert!(pauses[..=FREE as usize].iter().all(|pause| *pause == 0), "{pauses:?}");
        assert!(pauses[FREE as usize..].is_sorted_by(|one, next| one < next), "{pauses:?}");
        let wait = fail(&limiter, guesser, start).unwrap_err();
        assert!(wait > Duration::from_secs(59) && wait <= Duration::from_secs(61), "{wait:?}");
        assert_eq!(fail(&limiter, client("203.0.113.2"), start), Ok(Duration::ZERO), "others are not affected");

        let later = start + FORGET;
        fail(&limiter, guesser, later).unwrap();
        fail(&limiter, guesser, later).unwrap_err();
        let much_later = later + FORGET * LIMIT;
        assert_eq!(fail(&limiter, guesser, much_later), Ok(Duration::ZERO));
    }

    #[test]
    fn attempts_at_once_count_before_their_outcome_is_known_and_right_ones_not_at_all() {
        let (limiter, now, client) = (Limiter::default(), Instant::now(), client("203.0.113.1"));
        let attempts: Vec<_> = (0..LIMIT).map(|_| limiter.begin(AttemptKind::Login, client, now).unwrap()).collect();
        limiter.begin(AttemptKind::Login, client, now).unwrap_err();
        limiter.begin(AttemptKind::ApiKey, client, now).unwrap().forgive();
        attempts.into_iter().for_each(Attempt::forgive);
        assert!(limiter.debts.lock().is_empty());

        let keys: Vec<_> = (0..100).map(|_| limiter.begin(AttemptKind::ApiKey, client, now).unwrap()).collect();
        assert!(keys.iter().all(|attempt| attempt.pause().is_zero()));
    }

    #[test]
    fn a_proxy_that_names_ever_new_addresses_is_refused_in_the_end() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let forwarded = |n: u32| Client {
            address: std::net::Ipv4Addr::from_bits(0x0808_0000 + n).into(),
            proxy: Some("192.168.1.50".parse().unwrap()),
        };
        for n in 0..LIMIT * ADDRESSES_OF_A_PROXY {
            fail(&limiter, forwarded(n), now).unwrap();
        }
        fail(&limiter, forwarded(1_000_000), now).unwrap_err();
        fail(&limiter, client("8.8.0.1"), now).unwrap();
    }

    #[test]
    fn a_proxy_on_this_machine_is_never_refused_as_a_whole() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        let behind = |proxy: &str, n: u32| Client {
            address: std::net::Ipv4Addr::from_bits(0x0808_0000 + n / LIMIT).into(),
            proxy: Some(proxy.parse().unwrap()),
        };
        for proxy in ["127.0.0.1", "::1"] {
            for n in 0..2 * LIMIT * ADDRESSES_OF_A_PROXY {
                let _ = fail(&limiter, behind(proxy, n), now);
            }
            fail(&limiter, behind(proxy, 0), now).unwrap_err();
            fail(&limiter, behind(proxy, 1_000_000), now).unwrap();
            limiter.debts.lock().clear();
        }
    }

    #[test]
    fn a_key_that_nobody_waited_for_is_no_failure_and_a_wrong_one_is() {
        let (limiter, now, client) = (Limiter::default(), Instant::now(), client("203.0.113.1"));
        for _ in 0..1000 {
            drop(limiter.begin(AttemptKind::ApiKey, client, now).unwrap());
        }
        assert!(limiter.debts.lock().is_empty());
        for _ in 0..LIMIT {
            limiter.begin(AttemptKind::ApiKey, client, now).unwrap().fail();
        }
        limiter.begin(AttemptKind::ApiKey, client, now).unwrap_err();
    }

    #[test]
    fn however_many_addresses_fail_the_memory_is_bounded_and_the_worst_are_remembered() {
        let (limiter, now, worst) = (Limiter::default(), Instant::now(), client("203.0.113.1"));
        for _ in 0..LIMIT {
            fail(&limiter, worst, now).unwrap();
        }
        for n in 0..MOST_ADDRESSES as u32 + 100 {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).into();
            fail(&limiter, Client { address, proxy: None }, now).unwrap();
        }
        assert_eq!(limiter.debts.lock().len(), MOST_ADDRESSES);
        fail(&limiter, worst, now).unwrap_err();
    }
}
