//! Who scraped last, and what went wrong for whom: enough to see why a Prometheus has no data.
//!
//! Nothing is formatted until somebody looks.

use std::convert::Infallible;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::service::ScrapeFailure;
use crate::exposition::Format;

/// How many scrapes of each kind are remembered. Failures are apart, so that neither pushes the other out.
const REMEMBERED: usize = 50;
/// More scrapes in this time than are remembered are a flood, of which a sample will do.
const FLOOD: Duration = Duration::from_millis(100);

/// The scrapes of late.
#[derive(Debug)]
pub struct ScrapeLog {
    started: Instant,
    answered: Log<Answered>,
    failed: Log<Failed>,
    failures: [AtomicU64; FAILURES.len()],
}

/// The ways to fail.
pub const FAILURES: [ScrapeFailure; 4] = [
    ScrapeFailure::MissingToken,
    ScrapeFailure::WrongToken,
    ScrapeFailure::TokenUnknown,
    ScrapeFailure::TooMany,
];

/// A scrape that got its exposition.
#[derive(Clone, Debug)]
pub struct Answered {
    /// Who scraped.
    pub client: IpAddr,
    /// In which format.
    pub format: Format,
    /// Whether the body was compressed.
    pub gzip: bool,
    /// The length of the body, as it was sent.
    pub bytes: usize,
    /// When it began.
    pub at: Instant,
    /// How long it took, to the last byte handed to the connection.
    pub duration: Duration,
    /// What the client calls itself.
    pub user_agent: Option<UserAgent>,
}

/// A scrape that was refused.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Who scraped.
    pub client: IpAddr,
    /// When.
    pub at: Instant,
    /// Why it was refused.
    pub cause: Cause,
    /// What the client calls itself.
    pub user_agent: Option<UserAgent>,
}

/// Why a scrape was refused, as exactly as it takes to say what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There was no `Authorization` header.
    NoHeader,
    /// There was one, but with another scheme than `Bearer` or without exactly one token.
    NotBearer,
    /// The token was the one for live events.
    IngestToken,
    /// The token was none that we have.
    OtherToken,
    /// The token was never read from the database.
    TokenUnknown,
    /// Too many scrapes at once.
    TooMany,
}

impl Cause {
    /// The reason in metrics.
    #[must_use]
    pub fn failure(self) -> ScrapeFailure {
        match self {
            Self::NoHeader | Self::NotBearer => ScrapeFailure::MissingToken,
            Self::IngestToken | Self::OtherToken => ScrapeFailure::WrongToken,
            Self::TokenUnknown => ScrapeFailure::TokenUnknown,
            Self::TooMany => ScrapeFailure::TooMany,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(self) -> &'static str {
        match self {
            Self::NoHeader => {
                "No Authorization header was sent. Add this to the scrape config in prometheus.yml, with the metrics \
                 token in that file: authorization: { type: Bearer, credentials_file: /etc/prometheus/playarr-token }"
            }
            Self::NotBearer => {
                "The Authorization header is not \"Bearer\" and one token. Use authorization: { type: Bearer, \
                 credentials_file: ... } in prometheus.yml instead of basic_auth, with nothing but the metrics token \
                 in the file"
            }
            Self::IngestToken => {
                "This is the ingest token, which is for sending events. Put the metrics token into Prometheus' \
                 credentials_file: copy it from Settings > Metrics, or print it with: playarr-metrics token"
            }
            Self::OtherToken => {
                "The token was regenerated since, or mistyped. Copy the current one from Settings > Metrics, or print \
                 it with: playarr-metrics token, and put it into Prometheus' credentials_file, which is read again at \
                 the next scrape (inline credentials need a reload of Prometheus)"
            }
            Self::TokenUnknown => {
                "The service has not reached MongoDB since it started, so it knows no token yet. Check that MongoDB \
                 runs and that MONGODB_URI is right; then scrapes work by themselves"
            }
            Self::TooMany => {
                "More scrapes at once than MAX_CONCURRENT_SCRAPES allows. Let fewer servers scrape, or less often, or \
                 raise it"
            }
        }
    }
}

/// The first 128 bytes of a `User-Agent` header, without control characters. Kept in place: a scrape allocates
/// nothing for it.
#[derive(Clone, Copy, Debug)]
pub struct UserAgent {
    bytes: [u8; Self::MOST],
    length: u8,
}

impl UserAgent {
    const MOST: usize = 128;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII went in.
        std::str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }
}

impl FromStr for UserAgent {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let mut user_agent = Self { bytes: [0; Self::MOST], length: 0 };
        for (to, from) in user_agent.bytes.iter_mut().zip(text.bytes()) {
            *to = if matches!(from, b' '..=b'~') { from } else { b'?' };
            user_agent.length += 1;
        }
        Ok(user_agent)
    }
}

impl Default for ScrapeLog {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            answered: Log::default(),
            failed: Log::default(),
            failures: Default::default(),
        }
    }
}

impl ScrapeLog {
    /// Remembers a scrape, unless there is a flood of them. Never waits.
    pub fn answered(&self, scrape: Answered) {
        self.answered.push(scrape.at.saturating_duration_since(self.started), scrape);
    }

    /// Remembers a scrape that was refused.
    pub fn failed(&self, scrape: Failed) {
        self.failures[scrape.cause.failure() as usize].fetch_add(1, Ordering::Relaxed);
        self.failed.push(scrape.at.saturating_duration_since(self.started), scrape);
    }

    /// How many scrapes were refused for this reason.
    #[must_use]
    pub fn failures(&self, failure: ScrapeFailure) -> u64 {
        self.failures[failure as usize].load(Ordering::Relaxed)
    }

    /// The scrapes answered since the first so many, oldest first, and how many there were by now.
    #[must_use]
    pub fn answered_since(&self, seen: u64) -> (Vec<Answered>, u64) {
        self.answered.since(seen)
    }

    /// The same for scrapes that were refused.
    #[must_use]
    pub fn failed_since(&self, seen: u64) -> (Vec<Failed>, u64) {
        self.failed.since(seen)
    }
}

/// The last so many of something.
#[derive(Debug)]
struct Log<T> {
    /// Until when nothing is remembered, in microseconds. Apart from what is locked: in a flood everybody reads it and
    /// nobody writes it.
    flooded_until: AtomicU64,
    ring: Mutex<Ring<T>>,
}

#[derive(Debug)]
struct Ring<T> {
    entries: Vec<T>,
    /// How many there ever were. The next goes to this, modulo the length.
    count: u64,
    /// When the current burst began, in microseconds, and how many it has.
    burst: (u64, usize),
}

impl<T> Default for Log<T> {
    fn default() -> Self {
        let ring = Ring { entries: Vec::new(), count: 0, burst: (0, 0) };
        Self { flooded_until: AtomicU64::new(0), ring: Mutex::new(ring) }
    }
}

impl<T: Clone> Log<T> {
    fn push(&self, at: Duration, entry: T) {
        let at = u64::try_from(at.as_micros()).unwrap_or(u64::MAX);
        if at < self.flooded_until.load(Ordering::Relaxed) {
            return;
        }
        let mut ring = match self.ring.try_lock() {
            Ok(ring) => ring,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Two at the same microsecond, or somebody looks: this one is not worth waiting for.
            Err(TryLockError::WouldBlock) => return,
        };
        let flood = FLOOD.as_micros() as u64;
        let (began, in_burst) = ring.burst;
        ring.burst = if at.saturating_sub(began) < flood { (began, in_burst + 1) } else { (at, 1) };
        if ring.burst.1 >= REMEMBERED {
            self.flooded_until.store(ring.burst.0 + flood, Ordering::Relaxed);
        }
        let place = ring.count as usize % REMEMBERED;
        match ring.entries.get_mut(place) {
            Some(oldest) => *oldest = entry,
            None => ring.entries.push(entry),
        }
        ring.count += 1;
    }

    fn since(&self, seen: u64) -> (Vec<T>, u64) {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = seen.max(ring.count.saturating_sub(REMEMBERED as u64));
        let entries = (first..ring.count)
            .filter_map(|position| ring.entries.get(position as usize % REMEMBERED).cloned())
            .collect();
        (entries, ring.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fifty_are_remembered_in_order_and_each_is_seen_once() {
        let log = Log::default();
        assert_eq!(log.since(0), (vec![], 0));
        for n in 0..120_u64 {
            log.push(Duration::from_secs(n), n);
        }
        let (entries, seen) = log.since(0);
        assert_eq!((entries, seen), ((70..120).collect(), 120));
        log.push(Duration::from_secs(120), 120);
        assert_eq!(log.since(seen), (vec![120], 121));
        assert_eq!(log.since(121), (vec![], 121));
    }

    #[test]
    fn of_a_flood_a_sample_is_remembered() {
        let log = Log::default();
        for n in 0..100_000_u64 {
            log.push(Duration::from_micros(10 * n), n);
        }
        let (_, count) = log.since(0);
        assert_eq!(count, 10 * REMEMBERED as u64, "fifty in each tenth of a second");
        log.push(Duration::from_secs(2), 0);
        assert_eq!(log.since(count).0, [0], "all again when it is over");
    }

    #[test]
    fn a_user_agent_is_cut_and_shows_no_control_characters() {
        let user_agent = |text: &str| UserAgent::from_str(text).unwrap().as_str().to_owned();
        assert_eq!(user_agent("Prometheus/2.42.0"), "Prometheus/2.42.0");
        assert_eq!(user_agent("a\tb\x1b[31m\u{fc}"), "a?b?[31m??");
        assert_eq!(user_agent(&"x".repeat(1000)), "x".repeat(128));
    }
}
