//! The ledger of scrapes. It is told once how each scrape ended; counters, durations, totals and the list of recent
//! scrapes come from it.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::Mutex;
use playarr_jobs::metric::{
    Alert, Family, Histogram, Kind, Monitoring, Panel, PanelKind, Points, Section, Severity, Spec, Unit,
};

use super::scrape_outcome::{Cause, FailureReason, Outcome, Scrape};
use crate::exposition::Format;
use crate::live::HTTP;

/// The families of the ledger.
pub(super) const SPECS: [&Spec; 3] = [&FAILURES, &SCRAPES, &DURATION];

static SCRAPES: Spec = Spec::new(
    Kind::Counter,
    "playarr_metrics_scrapes_total",
    "scrapes",
    "Scrapes answered with an exposition, by format.",
)
.labels(&["format"])
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Stacked,
        Unit::PerMinute,
        "Scrapes",
        "Scrapes answered per minute, by format.",
        &[(SCRAPES_PER_MINUTE, "{{format}}")],
    )],
    ..Monitoring::NONE
});

const SCRAPES_PER_MINUTE: &str = "60 * sum by (format) (rate(playarr_metrics_scrapes_total[$__rate_interval]))";

static DURATION: Spec = Spec::new(
    Kind::Histogram,
    "playarr_metrics_scrape_duration_seconds",
    "seconds",
    "How long scrapes took, from the request to the last byte handed to the connection.",
)
.bounds(&BOUNDS)
.monitoring(Monitoring {
    panels: &[Panel::new(
        Section::Service,
        PanelKind::Lines,
        Unit::Seconds,
        "Time of a scrape",
        "The time within which 95% of the scrapes were answered, to the last byte handed to the connection.",
        &[(SCRAPE_DURATION_P95, "p95 {{instance}}")],
    )],
    ..Monitoring::NONE
});

const SCRAPE_DURATION_P95: &str = "histogram_quantile(0.95, sum by (instance, le) \
     (rate(playarr_metrics_scrape_duration_seconds_bucket[$__rate_interval])))";

const BOUNDS: [f64; 15] = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

static FAILURES: Spec =
    Spec::new(Kind::Counter, "playarr_metrics_scrape_failures_total", "scrapes", "Scrapes refused, by reason.")
        .labels(&["reason"])
        .monitoring(Monitoring {
            panels: &[Panel::new(
                Section::Service,
                PanelKind::Stacked,
                Unit::PerMinute,
                "Refused scrapes",
                "Scrapes that got no exposition, per minute, by reason.",
                &[(FAILURES_PER_MINUTE, "{{reason}}")],
            )],
            alerts: &[Alert {
                name: "PlayarrMetricsScrapesRefused",
                severity: Severity::Warning,
                hold: "10m",
                expr: REFUSED_FOR_THE_TOKEN,
                summary: "Somebody scrapes {{ $labels.instance }} without a valid token.",
                description: "{{ $labels.instance }} refused {{ $value | humanize }} scrapes in the last 10 minutes: \
                      {{ $labels.reason }}.",
            }],
            ..Monitoring::NONE
        });

const FAILURES_PER_MINUTE: &str =
    "60 * sum by (reason) (rate(playarr_metrics_scrape_failures_total[$__rate_interval]))";

const REFUSED_FOR_THE_TOKEN: &str = "sum by (job, instance, reason) \
     (increase(playarr_metrics_scrape_failures_total{reason=~\"missing_token|wrong_token|token_unknown\"}[10m])) > 0";

/// How many scrapes of each kind are listed. Refused ones have a list of their own, so that neither kind pushes the
/// other out.
const LISTED: usize = 50;

/// Every scrape since the start, as sums, and the last ones in full.
#[derive(Debug)]
pub(crate) struct ScrapeLedger(Mutex<Sums>);

#[derive(Debug)]
struct Sums {
    totals: ScrapeTotals,
    durations: Durations<{ BOUNDS.len() + 1 }>,
    /// Answered scrapes that [`ScrapeLedger::take_answered`] has not taken yet.
    untaken: Durations<{ HTTP.len() + 1 }>,
    /// The last scrapes, oldest first: answered and refused ones, each with its number.
    recent: [VecDeque<(u64, Scrape)>; 2],
    /// How many scrapes there were.
    count: u64,
}

/// How many scrapes ended in which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ScrapeTotals {
    /// In the order of [`Format::ALL`].
    answered: [u64; Format::ALL.len()],
    /// In the order of [`Cause::ALL`].
    refused: [u64; Cause::ALL.len()],
}

impl ScrapeTotals {
    /// The scrapes answered in each format.
    pub(crate) fn answered(&self) -> impl Iterator<Item = (Format, u64)> {
        Format::ALL.into_iter().zip(self.answered)
    }

    /// The scrapes refused for each cause.
    pub(crate) fn refused(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::ALL.into_iter().zip(self.refused)
    }
}

/// Durations by bucket; the last bucket has no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Durations<const BUCKETS: usize> {
    /// How many fell into each bucket, not cumulative.
    pub buckets: [u64; BUCKETS],
    /// Their sum in nanoseconds.
    pub nanoseconds: u128,
}

impl<const BUCKETS: usize> Durations<BUCKETS> {
    const NONE: Self = Self { buckets: [0; BUCKETS], nanoseconds: 0 };

    fn add(&mut self, duration: Duration, bounds: &[f64]) {
        let seconds = duration.as_secs_f64();
        let bucket = bounds.iter().position(|&bound| seconds <= bound).unwrap_or(bounds.len());
        self.buckets[bucket] += 1;
        self.nanoseconds += duration.as_nanos();
    }
}

impl ScrapeLedger {
    pub(super) fn new() -> Self {
        let recent = std::array::from_fn(|_| VecDeque::with_capacity(LISTED));
        Self(Mutex::new(Sums {
            totals: ScrapeTotals::default(),
            durations: Durations::NONE,
            untaken: Durations::NONE,
            recent,
            count: 0,
        }))
    }

    pub(super) fn record(&self, scrape: Scrape) {
        let mut sums = self.0.lock();
        let list = match scrape.outcome {
            Outcome::Answered { format, duration, .. } => {
                sums.totals.answered[format as usize] += 1;
                sums.durations.add(duration, &BOUNDS);
                sums.untaken.add(duration, HTTP);
                0
            }
            Outcome::Refused(cause) => {
                sums.totals.refused[cause as usize] += 1;
                1
            }
        };
        let number = sums.count;
        sums.count += 1;
        let list = &mut sums.recent[list];
        if list.len() == LISTED {
            list.pop_front();
        }
        list.push_back((number, scrape));
    }

    /// How many scrapes ended in which way.
    #[must_use]
    pub(crate) fn totals(&self) -> ScrapeTotals {
        self.0.lock().totals
    }

    /// The listed scrapes but the first `seen` that there ever were, newest first, and how many there were by now.
    #[must_use]
    pub(crate) fn recent_since(&self, seen: u64) -> (Vec<Scrape>, u64) {
        let sums = self.0.lock();
        let mut new: Vec<_> = sums.recent.iter().flatten().filter(|(number, _)| *number >= seen).cloned().collect();
        let count = sums.count;
        drop(sums);
        new.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
        (new.into_iter().map(|(_, scrape)| scrape).collect(), count)
    }

    /// How many scrapes there were.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().count
    }

    /// The durations of the scrapes answered since the last call, in the buckets of [`HTTP`].
    #[must_use]
    pub(crate) fn take_answered(&self) -> Durations<{ HTTP.len() + 1 }> {
        std::mem::replace(&mut self.0.lock().untaken, Durations::NONE)
    }

    #[expect(clippy::cast_precision_loss, reason = "a sample is a double")]
    pub(super) fn families(&self) -> [Family; 3] {
        let (totals, durations) = {
            let sums = self.0.lock();
            (sums.totals, sums.durations)
        };
        let failures = FailureReason::ALL.map(|reason| {
            let refused = totals.refused().filter(|(cause, _)| cause.reason() == reason);
            (vec![reason.as_str()], refused.map(|(_, count)| count).sum::<u64>() as f64)
        });
        let answered = totals.answered().map(|(format, count)| (vec![format.as_str()], count as f64));
        let mut count = 0;
        let cumulative = durations.buckets.map(|bucket| {
            count += bucket;
            count
        });
        let histogram = Histogram {
            buckets: BOUNDS.into_iter().zip(cumulative).collect(),
            sum: durations.nanoseconds as f64 / 1e9,
            count,
        };
        let numbers = |spec: &'static Spec| (spec.name, spec.help, spec.kind, spec.labels);
        let (name, help, kind, labels) = numbers(&FAILURES);
        let failures = Family::numbers(name, help, kind, labels, failures);
        let (name, help, kind, labels) = numbers(&SCRAPES);
        let scrapes = Family::numbers(name, help, kind, labels, answered);
        let duration = Family {
            name: DURATION.name.into(),
            help: DURATION.help.into(),
            kind: DURATION.kind,
            columns: vec![],
            points: Points::Histograms(vec![histogram]),
        };
        [failures, scrapes, duration]
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn scrape(outcome: Outcome) -> Scrape {
        Scrape { client: [127, 0, 0, 1].into(), user_agent: None, at: Instant::now(), outcome }
    }

    fn answered(millis: u64) -> Scrape {
        let duration = Duration::from_millis(millis);
        scrape(Outcome::Answered { format: Format::Text, gzip: false, bytes: 1, duration })
    }

    #[test]
    fn the_last_fifty_of_each_kind_are_listed_and_each_is_new_once() {
        let ledger = ScrapeLedger::new();
        assert_eq!(ledger.recent_since(0).1, 0);
        ledger.record(scrape(Outcome::Refused(Cause::TooMany)));
        for millis in 0..120 {
            ledger.record(answered(millis));
        }
        let (recent, seen) = ledger.recent_since(0);
        assert_eq!((recent.len(), seen), (51, 121));
        assert!(matches!(recent[50].outcome, Outcome::Refused(Cause::TooMany)), "the oldest comes last");
        let took = |scrape: &Scrape| match scrape.outcome {
            Outcome::Answered { duration, .. } => duration.as_millis(),
            Outcome::Refused(_) => 0,
        };
        assert!(recent[..50].iter().map(took).eq((70..120).rev()), "the newest comes first");
        ledger.record(scrape(Outcome::Refused(Cause::NoHeader)));
        let (recent, seen) = ledger.recent_since(seen);
        assert_eq!((recent.len(), seen), (1, 122));
        assert_eq!(ledger.recent_since(seen).0.len(), 0);
    }

    #[test]
    fn every_family_and_total_counts_the_same_scrapes() {
        let ledger = ScrapeLedger::new();
        for millis in [1, 5, 6, 40_000] {
            ledger.record(answered(millis));
        }
        for cause in Cause::ALL {
            ledger.record(scrape(Outcome::Refused(cause)));
        }
        let totals = ledger.totals();
        assert_eq!(totals.answered().map(|(_, count)| count).sum::<u64>(), 4);
        assert!(totals.refused().all(|(_, count)| count == 1));
        let [failures, scrapes, duration] = ledger.families();
        assert_eq!(failures.points, Points::Numbers(vec![2.0, 3.0, 1.0, 1.0, 1.0]));
        assert_eq!(scrapes.points, Points::Numbers(vec![4.0, 0.0]));
        let Points::Histograms(histograms) = &duration.points else { panic!("a histogram") };
        assert_eq!((histograms[0].count, histograms[0].sum), (4, 40.012));
        assert_eq!(histograms[0].buckets[2..5], [(0.001, 1), (0.005, 2), (0.01, 3)]);
        assert_eq!(histograms[0].buckets.last(), Some(&(30.0, 3)));
    }

    #[test]
    fn answered_scrapes_are_taken_once() {
        let ledger = ScrapeLedger::new();
        for millis in [3, 6, 40_000] {
            ledger.record(answered(millis));
        }
        let taken = ledger.take_answered();
        assert_eq!((taken.buckets[0], taken.buckets[1], taken.buckets[HTTP.len()]), (1, 1, 1));
        assert_eq!((taken.buckets.iter().sum::<u64>(), taken.nanoseconds), (3, 40_009_000_000));
        assert_eq!(ledger.take_answered(), Durations::NONE);
    }
}
