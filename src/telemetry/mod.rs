//! What the service says of itself: its build, its refreshes, its scrapes, its journal and its process.
//!
//! Process metrics and the counters of our own work are kept by the `prometheus` crate and become families of our model
//! when they are gathered. Scrapes have a ledger of their own, since there may be a hundred thousand a second.

mod database;
mod feed;
mod gathered;
mod journal;
mod log;
mod panics;
mod process;
mod scrape;
mod scrape_ledger;
mod service;
mod snapshot;
mod tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use playarr_jobs::database::Health;
use playarr_jobs::metric::{Family, Spec};
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

pub use feed::{Feed, Step, StopSignal};
pub use journal::JournalMetrics;
pub use panics::log_panics;
pub use scrape::{Cause, Outcome, Scrape, UserAgent};
pub use scrape_ledger::{Durations, ScrapeLedger, ScrapeTotals};
pub use service::ServiceMetrics;
pub use snapshot::snapshot_families;
pub use tokens::TokenMetrics;

/// The service's own metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub struct Telemetry {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Registry,
    service: ServiceMetrics,
    journal: JournalMetrics,
    tokens: TokenMetrics,
    scrapes: ScrapeLedger,
    health: Health,
    changed: AtomicBool,
}

/// Every family that the service shows of itself.
pub(crate) fn specs() -> impl Iterator<Item = &'static Spec> {
    let counted = service::SPECS
        .into_iter()
        .chain(scrape_ledger::SPECS)
        .chain(journal::SPECS)
        .chain(tokens::SPECS)
        .chain([&database::UP, &log::LINES_DROPPED]);
    snapshot::SPECS.into_iter().chain(counted).chain(&process::SPECS)
}

impl Telemetry {
    /// Nothing counted yet. Whether MongoDB answers is read from `health` when it is gathered.
    ///
    /// # Errors
    /// When two families claim one name.
    pub fn new(health: Health) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let service = ServiceMetrics::new(&registry)?;
        let journal = JournalMetrics::new(&registry)?;
        let tokens = TokenMetrics::new(&registry)?;
        let (scrapes, changed) = (ScrapeLedger::new(), AtomicBool::new(true));
        let inner = Inner { registry, service, journal, tokens, scrapes, health, changed };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Refreshes.
    #[must_use]
    pub fn service(&self) -> &ServiceMetrics {
        &self.inner.service
    }

    /// How live metrics are kept.
    #[must_use]
    pub fn journal(&self) -> &JournalMetrics {
        &self.inner.journal
    }

    /// Checks of the bearer tokens.
    #[must_use]
    pub fn tokens(&self) -> &TokenMetrics {
        &self.inner.tokens
    }

    /// The scrapes so far.
    #[must_use]
    pub fn scrapes(&self) -> &ScrapeLedger {
        &self.inner.scrapes
    }

    /// Records how a scrape ended. One that was answered shows with the next change, or after a moment; one that was
    /// refused shows in the next scrape.
    pub fn record_scrape(&self, scrape: Scrape) {
        let is_refused = matches!(scrape.outcome, Outcome::Refused(_));
        self.inner.scrapes.record(scrape);
        if is_refused {
            self.inner.changed.store(true, Ordering::Release);
        }
    }

    /// Records a request whose handler panicked.
    pub fn handler_panicked(&self) {
        self.inner.service.panicked();
        self.inner.changed.store(true, Ordering::Release);
    }

    /// Whether anything happened since the last [`Telemetry::gather`] that the next scrape must show.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.inner.changed.load(Ordering::Acquire)
    }

    /// All families as they stand, by name.
    #[must_use]
    pub fn gather(&self) -> Vec<Family> {
        self.inner.changed.store(false, Ordering::Release);
        let mut families: Vec<_> = self.inner.registry.gather().iter().filter_map(gathered::family).collect();
        families.push(database::family(&self.inner.health));
        families.push(log::family());
        families.extend(self.inner.scrapes.families());
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }
}
