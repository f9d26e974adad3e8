//! How many WebSocket connections each process has, as they report.

use std::collections::BTreeMap;

use crate::live::series::{ConnectionReport, loaded};

/// For how long a report counts, in seconds.
const LIFETIME: i64 = 5 * 60;

/// How many processes may report. Far more than an installation has; one more takes the place of the one that was
/// silent for longest.
pub(in crate::live) const MAX_REPORTERS: usize = 1_000;

/// The last report of each process.
#[derive(Default)]
pub(super) struct Reporters {
    reports: BTreeMap<String, ConnectionReport>,
}

impl Reporters {
    /// Takes reports as of a time in seconds since the Unix epoch, or of their own if that is later.
    pub(super) fn add(&mut self, reports: &[ConnectionReport], at: i64) {
        for report in reports {
            let report = ConnectionReport { at: report.at.max(at), ..report.clone() };
            let is_older = |known: &ConnectionReport| known.at > report.at;
            if !self.reports.get(&report.reporter).is_some_and(is_older) {
                self.reports.insert(report.reporter.clone(), report);
            }
        }
        while self.reports.len() > MAX_REPORTERS {
            let oldest = self.reports.values().min_by_key(|report| report.at);
            let Some(oldest) = oldest.map(|report| report.reporter.clone()) else { return };
            self.reports.remove(&oldest);
        }
    }

    /// The sum of the reports that count at a time.
    pub(super) fn connections(&self, now: i64) -> u64 {
        let counting = self.reports.values().filter(|report| now.saturating_sub(report.at) < LIFETIME);
        counting.fold(0, |sum, report| sum.saturating_add(loaded(report.connections)))
    }

    /// All reports, in the form that is kept.
    pub(super) fn to_reports(&self) -> Vec<ConnectionReport> {
        self.reports.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(reporter: &str, connections: i64) -> ConnectionReport {
        ConnectionReport { reporter: reporter.to_owned(), connections, at: 0 }
    }

    #[test]
    fn a_report_replaces_the_last_one_and_lapses_after_five_minutes() {
        let mut reporters = Reporters::default();
        reporters.add(&[report("web-api", 3)], 1_000);
        reporters.add(&[report("worker", 4)], 1_060);
        reporters.add(&[report("web-api", 1)], 1_120);
        reporters.add(&[report("web-api", 9)], 1_010);
        assert_eq!(reporters.connections(1_180), 5, "an older report that is read late does not count");
        assert_eq!((reporters.connections(1_360), reporters.connections(1_420)), (1, 0));
    }

    #[test]
    fn a_thousand_processes_may_report_and_the_silent_ones_go_first() {
        let mut reporters = Reporters::default();
        for number in 0..1_500 {
            reporters.add(&[report(&number.to_string(), 1)], number);
        }
        assert_eq!(reporters.reports.len(), 1_000);
        assert!(reporters.reports.contains_key("1499") && !reporters.reports.contains_key("499"));
    }
}
