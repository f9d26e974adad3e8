//! What is counted as it happens, in a registry of its own: today the service's own work.
//!
//! How to choose between the two kinds of metric: what can be computed from the database at any time is a gauge
//! definition in the `jobs` crate; what is gone once it has happened is recorded here.

mod families;
mod scrapes;
mod service;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use playarr_jobs::family::Family;
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

pub use service::{ScrapeFailure, Service};

/// The live metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Live {
    registry: Registry,
    changed: Arc<AtomicBool>,
    service: Arc<Service>,
}

impl Live {
    /// Fresh live metrics, closed label sets at zero.
    ///
    /// # Errors
    /// When two families claim one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let changed = Arc::new(AtomicBool::new(true));
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let service = Arc::new(Service::new(&registry, changed.clone())?);
        Ok(Self { registry, changed, service })
    }

    /// The service's own metrics, for recording.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Whether anything happened since the last [`Live::gather`] that a scrape must show at once.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.changed.load(Ordering::Acquire)
    }

    /// All live families as they stand.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        // First forget, then read: what happens in between shows now and is read once more.
        self.changed.store(false, Ordering::Release);
        self.registry.gather().iter().filter_map(families::family).collect()
    }
}
