//! The limit of scrapes that are answered at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits for scrapes.
#[derive(Debug)]
pub(crate) struct ScrapePermits(Arc<Semaphore>);

/// Allows one scrape until it is dropped.
#[derive(Debug)]
pub(crate) struct ScrapePermit {
    _permit: OwnedSemaphorePermit,
}

impl ScrapePermits {
    /// Permits for this many scrapes at once.
    #[must_use]
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS))))
    }

    /// A permit, if the limit is not reached.
    #[must_use]
    pub(crate) fn acquire(&self) -> Option<ScrapePermit> {
        let permit = self.0.clone().try_acquire_owned().ok()?;
        Some(ScrapePermit { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permit_is_free_again_when_it_is_dropped_also_by_a_panic() {
        let permits = ScrapePermits::new(2);
        let (first, second) = (permits.acquire(), permits.acquire());
        assert!(first.is_some() && second.is_some() && permits.acquire().is_none());
        drop(first);
        let third = permits.acquire().unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _third = third;
            panic!("meant");
        }));
        assert!(panicked.is_err());
        assert!(permits.acquire().is_some());
    }
}
