//! What the service says of its bearer tokens.

use playarr_jobs::metric::{Alert, Kind, Monitoring, Severity, Spec};
use prometheus::{IntCounter, IntGaugeVec, Registry};

use super::gathered::{opts, register};

/// What is registered here.
pub(super) const SPECS: [&Spec; 2] = [&RESTORED, &STORED];

static RESTORED: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_token_restored_total",
    "restorations",
    "Times this instance found a revoked metrics token in settings and wrote the present one there again.",
)
.monitoring(Monitoring {
    alerts: &[Alert {
        name: "PlayarrMetricsTokenRestored",
        severity: Severity::Info,
        hold: "0m",
        expr: "sum by (job) (increase(playarr_metrics_token_restored_total[1h])) > 0",
        summary: "A revoked metrics token was back in Playarr's settings.",
        description: "Something wrote an old metrics token to settings, as Playarr does when it writes its cache of \
                      all settings back. The service refuses that token and has written the present one again. \
                      Nothing is to be done, unless it happens again and again: then restart Playarr, so that it \
                      reads its settings anew.",
    }],
    ..Monitoring::NONE
});

static STORED: Spec = Spec::new(
    Kind::Gauge,
    "playarr_metrics_token_stored",
    "1 or 0",
    "Whether MongoDB holds the token as it should, as of the last check. 0: it cannot be read, or not be written; a \
     token that is known works all the same.",
)
.labels(&["token"]);

/// Records the checks of the tokens.
pub(crate) struct TokenMetrics {
    restored: IntCounter,
    stored: IntGaugeVec,
}

impl TokenMetrics {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let restored = register(registry, IntCounter::with_opts(opts(&RESTORED))?)?;
        let stored = register(registry, IntGaugeVec::new(opts(&STORED), STORED.labels)?)?;
        for token in ["metrics", "ingest", "summary"] {
            stored.with_label_values(&[token]);
        }
        Ok(Self { restored, stored })
    }

    /// Records how often a token was restored since the start.
    pub(crate) fn restored(&self, total: u64) {
        self.restored.inc_by(total.saturating_sub(self.restored.get()));
    }

    /// Records whether a token is as it should be in the database.
    pub(crate) fn stored(&self, token: &str, is_stored: bool) {
        self.stored.with_label_values(&[token]).set(is_stored.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restoration_is_counted_once_however_often_its_total_is_told() {
        let metrics = TokenMetrics::new(&Registry::new()).unwrap();
        for total in [0, 1, 1, 3, 3] {
            metrics.restored(total);
        }
        assert_eq!(metrics.restored.get(), 3);
    }
}
