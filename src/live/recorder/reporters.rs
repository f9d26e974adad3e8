//! How many WebSocket connections other processes have, as they tell.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::totals::ReporterTotal;

/// For how long a report counts.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How many processes may report. Far more than an installation has; one more takes the place of the one that was
/// silent for longest.
const MOST: usize = 1_000;

/// The last report of each process.
#[derive(Default)]
pub(in crate::live) struct Reporters {
    reports: HashMap<String, (u64, Instant)>,
}

impl Reporters {
    /// Takes a report.
    pub(in crate::live) fn set(&mut self, reporter: &str, count: u64, now: Instant) {
        if let Some(report) = self.reports.get_mut(reporter) {
            *report = (count, now);
            return;
        }
        if self.reports.len() >= MOST {
            self.forget(now);
        }
        self.reports.insert(reporter.to_owned(), (count, now));
    }

    /// Takes a report out of a checkpoint of that age, unless there is a newer one.
    pub(in crate::live) fn restore(&mut self, report: &ReporterTotal, age: Duration, now: Instant) {
        let age = age.saturating_add(Duration::from_secs(report.age_seconds));
        let Some(then) = now.checked_sub(age) else { return };
        if !self.reports.contains_key(&report.reporter) && self.reports.len() < MOST {
            self.reports.insert(report.reporter.clone(), (report.count, then));
        }
    }

    /// The sum of the reports that count.
    pub(in crate::live) fn total(&self, now: Instant) -> u64 {
        self.alive(now).fold(0, |total, (_, count, _)| total.saturating_add(count))
    }

    /// The reports that count.
    pub(in crate::live) fn list(&self, now: Instant) -> Vec<ReporterTotal> {
        let report = |(reporter, count, age): (&String, u64, Duration)| ReporterTotal {
            reporter: reporter.clone(),
            count,
            age_seconds: age.as_secs(),
        };
        self.alive(now).map(report).collect()
    }

    fn alive(&self, now: Instant) -> impl Iterator<Item = (&String, u64, Duration)> {
        let reports = self.reports.iter();
        reports
            .map(move |(reporter, &(count, at))| (reporter, count, now.saturating_duration_since(at)))
            .filter(|(_, _, age)| *age < LIFETIME)
    }

    fn forget(&mut self, now: Instant) {
        self.reports.retain(|_, (_, at)| now.saturating_duration_since(*at) < LIFETIME);
        if self.reports.len() >= MOST
            && let Some(silent) =
                self.reports.iter().min_by_key(|(_, (_, at))| *at).map(|(name, _)| name.clone())
        {
            self.reports.remove(&silent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_report_replaces_the_last_one_and_lapses_after_five_minutes() {
        let (mut reporters, start) = (Reporters::default(), Instant::now());
        reporters.set("web-api", 3, start);
        reporters.set("worker", 4, start + MINUTE);
        reporters.set("web-api", 1, start + 2 * MINUTE);
        assert_eq!(reporters.total(start + 3 * MINUTE), 5);
        assert_eq!(reporters.total(start + 6 * MINUTE), 1);
        assert_eq!(reporters.total(start + 7 * MINUTE), 0);
    }

    #[test]
    fn a_thousand_processes_may_report_and_the_silent_ones_go_first() {
        let (mut reporters, start) = (Reporters::default(), Instant::now());
        for number in 0..1_500_u32 {
            reporters.set(&number.to_string(), 1, start + number * Duration::from_millis(1));
        }
        assert_eq!(reporters.reports.len(), 1_000);
        assert!(reporters.reports.contains_key("1499") && !reporters.reports.contains_key("499"));
    }
}
