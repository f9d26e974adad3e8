//! What the service tells about itself: refreshes and scrapes.

use std::time::Duration;

use playarr_jobs::report::{Report, Trigger};
use prometheus::core::Collector;
use prometheus::{GaugeVec, Histogram, HistogramOpts, IntCounterVec, Opts, Registry};

use super::scrapes::{HTTP_BUCKETS, Scrapes};
use crate::exposition::Format;

const REFRESH_BUCKETS: [f64; 11] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// Why a scrape got no exposition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScrapeFailure {
    /// No `Authorization: Bearer` header, or a malformed one.
    MissingToken,
    /// Another token than the one that counts.
    WrongToken,
    /// The token was never read from the database.
    TokenUnknown,
    /// Too many scrapes at once.
    TooMany,
}

impl ScrapeFailure {
    const ALL: [Self; 4] = [Self::MissingToken, Self::WrongToken, Self::TokenUnknown, Self::TooMany];

    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingToken => "missing_token",
            Self::WrongToken => "wrong_token",
            Self::TokenUnknown => "token_unknown",
            Self::TooMany => "too_many",
        }
    }
}

/// The service's own metrics.
pub struct Service {
    refreshes: IntCounterVec,
    refresh_duration: Histogram,
    scrapes: Scrapes,
    scrape_failures: IntCounterVec,
}

impl Service {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let build = register(
            registry,
            GaugeVec::new(
                Opts::new("playarr_metrics_build_info", "Which build of the service this is; always 1."),
                &["version", "revision", "rustc"],
            )?,
        )?;
        build
            .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("BUILD_REVISION"), env!("BUILD_RUSTC")])
            .set(1.0);

        let refreshes = register(
            registry,
            IntCounterVec::new(
                Opts::new(
                    "playarr_metrics_refresh_total",
                    "Refreshes by what set them off; a success is one in which every collector succeeded.",
                ),
                &["trigger", "status"],
            )?,
        )?;
        for trigger in Trigger::ALL {
            for status in ["success", "failure"] {
                refreshes.with_label_values(&[trigger.as_str(), status]);
            }
        }
        let refresh_duration = register(
            registry,
            Histogram::with_opts(
                HistogramOpts::new("playarr_metrics_refresh_duration_seconds", "How long refreshes took.")
                    .buckets(REFRESH_BUCKETS.to_vec()),
            )?,
        )?;
        let scrapes = register(registry, Scrapes::new()?)?;
        let scrape_failures = register(
            registry,
            IntCounterVec::new(
                Opts::new("playarr_metrics_scrape_failures_total", "Scrapes refused, by reason."),
                &["reason"],
            )?,
        )?;
        for reason in ScrapeFailure::ALL {
            scrape_failures.with_label_values(&[reason.as_str()]);
        }
        Ok(Self { refreshes, refresh_duration, scrapes, scrape_failures })
    }

    pub(super) fn refreshed(&self, report: &Report) {
        let status = if report.is_success() { "success" } else { "failure" };
        self.refreshes.with_label_values(&[report.trigger.as_str(), status]).inc();
        self.refresh_duration.observe(report.duration.as_secs_f64());
    }

    /// Records a scrape that got its exposition. Does not count as a change: it shows when something else does, or
    /// after a moment.
    pub fn scraped(&self, format: Format, duration: Duration) {
        self.scrapes.record(format, duration);
    }

    pub(super) fn scrape_refused(&self, failure: ScrapeFailure) {
        self.scrape_failures.with_label_values(&[failure.as_str()]).inc();
    }

    /// The scrapes since the last call, by bucket of [`super::events::HTTP`], and the nanoseconds they took.
    pub(super) fn new_scrapes(&self) -> ([u64; HTTP_BUCKETS], u128) {
        self.scrapes.take_new()
    }
}

pub(super) fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
