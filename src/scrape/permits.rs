//! The limit of scrapes that are answered at once.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::connections::{ConnectionTable, OpenConnection};

/// Permits for scrapes.
///
/// A client that does not read its answer keeps its permit only while nobody else wants it: when all are taken, a new
/// scrape gets that of a connection that stands still, and the connection ends.
#[derive(Debug)]
pub(crate) struct ScrapePermits {
    limit: usize,
    taken: Arc<AtomicUsize>,
    connections: Arc<ConnectionTable>,
}

/// Allows one scrape until it is dropped.
#[derive(Debug)]
pub(crate) struct ScrapePermit {
    taken: Arc<AtomicUsize>,
    connection: Option<Arc<OpenConnection>>,
}

impl ScrapePermits {
    /// Permits for this many scrapes at once, on these connections.
    #[must_use]
    pub(crate) fn new(limit: usize, connections: Arc<ConnectionTable>) -> Self {
        Self { limit, taken: Arc::default(), connections }
    }

    /// A permit for a scrape on this connection, if the limit is not reached.
    #[must_use]
    pub(crate) fn acquire(&self, connection: Option<Arc<OpenConnection>>) -> Option<ScrapePermit> {
        let peer = connection.as_ref().map_or(IpAddr::from(Ipv4Addr::UNSPECIFIED), |connection| connection.peer());
        while !self.take() {
            let freed = self.connections.take_scrape_places(peer, self.limit)?;
            self.taken.fetch_sub(freed, Relaxed);
        }
        if let Some(connection) = &connection {
            connection.begin_scrape();
        }
        Some(ScrapePermit { taken: self.taken.clone(), connection })
    }

    fn take(&self) -> bool {
        let next = |taken| (taken < self.limit).then_some(taken + 1);
        self.taken.fetch_update(Relaxed, Relaxed, next).is_ok()
    }
}

impl Drop for ScrapePermit {
    fn drop(&mut self) {
        if self.connection.as_ref().is_none_or(|connection| connection.end_scrape()) {
            self.taken.fetch_sub(1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::ConnectionLimits;

    #[test]
    fn a_permit_is_free_again_when_it_is_dropped_also_by_a_panic() {
        let permits = ScrapePermits::new(2, ConnectionTable::new(ConnectionLimits { total: 10, per_address: 10 }));
        let (first, second) = (permits.acquire(None), permits.acquire(None));
        assert!(first.is_some() && second.is_some() && permits.acquire(None).is_none());
        drop(first);
        let third = permits.acquire(None).unwrap();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _third = third;
            panic!("meant");
        }));
        assert!(panicked.is_err());
        assert!(permits.acquire(None).is_some());
    }
}
