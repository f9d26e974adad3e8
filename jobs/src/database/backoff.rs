//! The pauses between attempts that fail.

use std::time::{Duration, Instant};

/// Tells when to try again after a failure. The pause doubles with each further one.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    pause: Duration,
    until: Option<Instant>,
}

impl Backoff {
    /// Nothing has failed yet. `first` is the pause after the first failure.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, pause: Duration::ZERO, until: None }
    }

    /// Whether it is time for another attempt.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }

    /// An attempt has failed. Returns the pause that begins.
    pub fn fail(&mut self) -> Duration {
        self.pause = (2 * self.pause).clamp(self.first, self.longest);
        self.until = Some(Instant::now() + self.pause);
        self.pause
    }

    /// An attempt has succeeded, or is likely to succeed now.
    pub fn reset(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_a_success() {
        let mut backoff = Backoff::new(Duration::from_secs(8), Duration::from_secs(60));
        assert!(backoff.is_over());
        let pauses: Vec<_> = (0..5).map(|_| backoff.fail().as_secs()).collect();
        assert_eq!(pauses, [8, 16, 32, 60, 60]);
        assert!(!backoff.is_over());
        backoff.reset();
        assert!(backoff.is_over());
        assert_eq!(backoff.fail().as_secs(), 8);
    }
}
