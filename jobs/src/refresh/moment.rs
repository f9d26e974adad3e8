//! A moment on both clocks.

use std::time::{Duration, Instant, SystemTime};

/// How far the wall clock may drift before the time of a moment is computed again. Below this, a moment always shows
/// the same time.
const MAX_DRIFT: Duration = Duration::from_secs(1);

/// A moment: its age by the monotonic clock, its time by the wall clock.
///
/// A wall clock that is set, by an hour or a day in either direction, changes no age. The time that a moment shows
/// follows the new setting, so that it stays its age before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    instant: Instant,
    recorded: SystemTime,
}

impl Moment {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self::after(Duration::ZERO)
    }

    /// A moment in the future.
    #[must_use]
    pub fn after(pause: Duration) -> Self {
        Self { instant: Instant::now() + pause, recorded: SystemTime::now() + pause }
    }

    /// A moment in the past; `None` if it is before what the monotonic clock can tell.
    #[must_use]
    pub fn before(age: Duration) -> Option<Self> {
        Some(Self { instant: Instant::now().checked_sub(age)?, recorded: SystemTime::now().checked_sub(age)? })
    }

    /// The moment by the monotonic clock.
    #[must_use]
    pub fn instant(&self) -> Instant {
        self.instant
    }

    /// How long ago it was; zero for the future.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.instant.elapsed()
    }

    /// The moment by the wall clock as it is set now.
    #[must_use]
    pub fn time(&self) -> SystemTime {
        let (instant, now) = (Instant::now(), SystemTime::now());
        let time = match instant.checked_duration_since(self.instant) {
            Some(age) => now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH),
            None => now + self.instant.duration_since(instant),
        };
        let drift = time.duration_since(self.recorded).unwrap_or_else(|error| error.duration());
        if drift < MAX_DRIFT { self.recorded } else { time }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn distance(one: SystemTime, other: SystemTime) -> Duration {
        one.duration_since(other).unwrap_or_else(|error| error.duration())
    }

    #[test]
    fn a_clock_that_is_set_changes_the_time_and_not_the_age() {
        let now = Moment::now();
        for recorded in [now.recorded + HOUR, now.recorded - HOUR] {
            let moment = Moment { recorded, ..now };
            assert!(moment.age() < HOUR);
            assert!(distance(moment.time(), SystemTime::now()) < HOUR / 2);
        }
    }

    #[test]
    fn a_clock_that_is_not_set_shows_the_same_time_again() {
        for moment in [Moment::now(), Moment::after(HOUR)] {
            assert_eq!(moment.time(), moment.recorded);
            assert_eq!(moment.time(), moment.time());
        }
        assert_eq!(Moment::after(HOUR).age(), Duration::ZERO);
    }
}
