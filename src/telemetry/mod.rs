//! What the service says of itself: its build, its refreshes, its scrapes, its checkpoints and its process.
//!
//! The `prometheus` crate counts what is ours alone; what it gathers becomes families of the common model.

mod checkpoints;
mod feed;
mod gathered;
mod process;
mod scrape_log;
mod scrapes;
mod service;
mod snapshot;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use playarr_jobs::metric::{Family, Spec};
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

pub use checkpoints::{CheckpointMetrics, RestoreOutcome};
pub use feed::{Feed, Step, StopSignal};
pub use scrape_log::{Answered, Cause, FAILURES, Failed, ScrapeLog, UserAgent};
pub use scrapes::HTTP_BUCKETS;
pub use service::{ScrapeFailure, Service};
pub use snapshot::snapshot_families;
pub use tokens::TokenMetrics;

/// The service's own metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    service: Service,
    checkpoints: CheckpointMetrics,
    tokens: TokenMetrics,
    changed: AtomicBool,
}

/// Every family that the service shows of itself.
pub(crate) fn specs() -> impl Iterator<Item = &'static Spec> {
    let counted =
        service::SPECS.into_iter().chain(scrapes::SPECS).chain(checkpoints::SPECS).chain(tokens::SPECS);
    snapshot::SPECS.into_iter().chain(counted).chain(&process::SPECS)
}

impl Telemetry {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// When two families claim one name.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let service = Service::new(&registry)?;
        let checkpoints = CheckpointMetrics::new(&registry)?;
        let tokens = TokenMetrics::new(&registry)?;
        let inner = Inner { registry, service, checkpoints, tokens, changed: AtomicBool::new(true) };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Refreshes and scrapes.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.inner.service
    }

    /// Checkpoints of the live metrics.
    #[must_use]
    pub fn checkpoints(&self) -> &CheckpointMetrics {
        &self.inner.checkpoints
    }

    /// Checks of the bearer tokens.
    #[must_use]
    pub fn tokens(&self) -> &TokenMetrics {
        &self.inner.tokens
    }

    /// Records a scrape that was refused.
    pub fn scrape_refused(&self, failure: ScrapeFailure) {
        self.inner.service.scrape_refused(failure);
        self.inner.changed.store(true, Ordering::Release);
    }

    /// Whether anything happened since the last [`Telemetry::gather`] that a scrape must show at once.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.inner.changed.load(Ordering::Acquire)
    }

    /// All families as they stand.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        self.inner.changed.store(false, Ordering::Release);
        self.inner.registry.gather().iter().filter_map(gathered::family).collect()
    }
}
