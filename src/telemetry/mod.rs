//! What the service says of itself: its build, its refreshes, its scrapes, its journal and its process.
//!
//! Process metrics and the counters of our own work are kept by the `prometheus` crate and become families of our model
//! when they are gathered. Scrapes have a ledger of their own, since there may be a hundred thousand a second.

mod custom;
mod database_up;
mod feed;
mod gathered;
mod history;
mod journal;
mod log;
mod panics;
mod process;
mod scrape_outcome;
mod scrapes;
mod service;
mod snapshot;
mod tls;
mod tokens;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use playarr_jobs::database::Health;
use playarr_jobs::metric::{Family, Spec};
use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

pub(crate) use custom::CustomMetricGauges;
pub(crate) use feed::{Feed, Step, StopSignal};
pub(crate) use history::HistoryMetrics;
pub(crate) use journal::JournalMetrics;
pub use panics::count_panics;
pub(crate) use panics::log_panics;
pub(crate) use scrape_outcome::{Cause, Outcome, Scrape, UserAgent};
pub(crate) use scrapes::ScrapeLedger;
pub(crate) use service::ServiceMetrics;
pub(crate) use snapshot::snapshot_families;
pub(crate) use tokens::TokenMetrics;

use crate::tls::Tls;

/// The service's own metrics. Clones are handles to the same ones.
#[derive(Clone)]
pub(crate) struct Telemetry {
    inner: Arc<TelemetryState>,
}

struct TelemetryState {
    registry: Registry,
    service: ServiceMetrics,
    history: HistoryMetrics,
    journal: JournalMetrics,
    tokens: TokenMetrics,
    custom: CustomMetricGauges,
    scrapes: ScrapeLedger,
    health: Health,
    tls: OnceLock<Arc<Tls>>,
    changed: AtomicBool,
}

/// Every family that the service shows of itself.
pub(crate) fn specs() -> impl Iterator<Item = &'static Spec> {
    let counted = service::SPECS
        .into_iter()
        .chain([&panics::PANICS])
        .chain(scrapes::SPECS)
        .chain(history::SPECS)
        .chain(journal::SPECS)
        .chain(tokens::SPECS)
        .chain(custom::SPECS)
        .chain([&database_up::UP, &log::LINES_DROPPED, &tls::CURRENT]);
    snapshot::SPECS.into_iter().chain(counted).chain(&process::SPECS)
}

impl Telemetry {
    /// Nothing counted yet. Whether MongoDB answers is read from `health` when it is gathered.
    ///
    /// # Errors
    /// When two families claim one name.
    pub(crate) fn new(health: Health) -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let service = ServiceMetrics::new(&registry)?;
        let history = HistoryMetrics::new(&registry)?;
        let journal = JournalMetrics::new(&registry)?;
        let tokens = TokenMetrics::new(&registry)?;
        let custom = CustomMetricGauges::default();
        let (scrapes, changed) = (ScrapeLedger::new(), AtomicBool::new(true));
        let tls = OnceLock::new();
        let inner =
            TelemetryState { registry, service, history, journal, tokens, custom, scrapes, health, tls, changed };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Refreshes.
    #[must_use]
    pub(crate) fn service(&self) -> &ServiceMetrics {
        &self.inner.service
    }

    /// Remembered snapshots.
    #[must_use]
    pub(crate) fn history(&self) -> &HistoryMetrics {
        &self.inner.history
    }

    /// How live metrics are kept.
    #[must_use]
    pub(crate) fn journal(&self) -> &JournalMetrics {
        &self.inner.journal
    }

    /// Checks of the bearer tokens.
    #[must_use]
    pub(crate) fn tokens(&self) -> &TokenMetrics {
        &self.inner.tokens
    }

    /// Custom metrics.
    #[must_use]
    pub(crate) fn custom(&self) -> &CustomMetricGauges {
        &self.inner.custom
    }

    /// The scrapes so far.
    #[must_use]
    pub(crate) fn scrapes(&self) -> &ScrapeLedger {
        &self.inner.scrapes
    }

    /// Shows from now on whether the files of TLS are in use.
    pub(crate) fn show_tls(&self, tls: Arc<Tls>) {
        let _ = self.inner.tls.set(tls);
    }

    /// Records how a scrape ended. One that was answered shows with the next change, or after a moment; one that was
    /// refused shows in the next scrape.
    pub(crate) fn record_scrape(&self, scrape: Scrape) {
        let is_refused = matches!(scrape.outcome, Outcome::Refused(_));
        self.inner.scrapes.record(scrape);
        if is_refused {
            self.inner.changed.store(true, Ordering::Release);
        }
    }

    /// Has the next scrape show that a handler panicked, which the hook has counted.
    pub(crate) fn handler_panicked(&self) {
        self.inner.changed.store(true, Ordering::Release);
    }

    /// Whether anything happened since the last [`Telemetry::gather`] that the next scrape must show.
    #[must_use]
    pub(crate) fn has_changed(&self) -> bool {
        self.inner.changed.load(Ordering::Acquire)
    }

    /// All families as they stand, by name.
    #[must_use]
    pub(crate) fn gather(&self) -> Vec<Family> {
        self.inner.changed.store(false, Ordering::Release);
        let mut families: Vec<_> = self.inner.registry.gather().iter().filter_map(gathered::family).collect();
        families.push(database_up::family(&self.inner.health));
        families.push(log::family());
        families.push(tls::family(self.inner.tls.get().map(AsRef::as_ref)));
        families.push(self.inner.custom.family());
        families.push(panics::family());
        families.extend(self.inner.scrapes.families());
        families.sort_by(|a, b| a.name.cmp(&b.name));
        families
    }
}
