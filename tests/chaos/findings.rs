//! What was done to the installation, what was seen, and what was wrong.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::plan::Fault;

/// All findings of a run.
pub(super) struct Findings {
    began: Instant,
    faults: Mutex<Vec<(Duration, Fault, String)>>,
    wrong: Mutex<Vec<String>>,
    scrapes: Mutex<Scrapes>,
}

#[derive(Default)]
struct Scrapes {
    good: u64,
    /// Those of a snapshot that the next process would not have found.
    unremembered: u64,
    failed: BTreeMap<String, u64>,
    longest_gap: Duration,
}

impl Findings {
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), faults: Mutex::default(), wrong: Mutex::default(), scrapes: Mutex::default() }
    }

    /// A fault begins.
    pub(super) fn fault(&self, fault: Fault, what: &str) {
        self.faults.lock().unwrap().push((self.began.elapsed(), fault, what.to_owned()));
    }

    /// Something is not as promised. The run ends.
    pub(super) fn wrong(&self, what: impl std::fmt::Display) {
        let at = self.began.elapsed().as_secs_f64();
        self.wrong.lock().unwrap().push(format!("{at:8.2} s  {what}"));
    }

    pub(super) fn is_wrong(&self) -> bool {
        !self.wrong.lock().unwrap().is_empty()
    }

    pub(super) fn good_scrape(&self) {
        self.scrapes.lock().unwrap().good += 1;
    }

    pub(super) fn unremembered_scrape(&self) {
        self.scrapes.lock().unwrap().unremembered += 1;
    }

    pub(super) fn failed_scrape(&self, reason: &str) {
        *self.scrapes.lock().unwrap().failed.entry(reason.to_owned()).or_default() += 1;
    }

    /// So long there was no good scrape although the process ran and MongoDB answered.
    pub(super) fn gap(&self, gap: Duration) {
        let mut scrapes = self.scrapes.lock().unwrap();
        scrapes.longest_gap = scrapes.longest_gap.max(gap);
    }

    pub(super) fn good_scrapes(&self) -> u64 {
        self.scrapes.lock().unwrap().good
    }

    /// How many faults there were of each kind.
    fn by_kind(&self) -> BTreeMap<Fault, usize> {
        let mut counts = BTreeMap::new();
        for (_, fault, _) in &*self.faults.lock().unwrap() {
            *counts.entry(*fault).or_default() += 1;
        }
        counts
    }

    /// The faults with their times, and what was wrong.
    pub(super) fn story(&self) -> String {
        let faults = self.faults.lock().unwrap();
        let faults = faults.iter().map(|(at, fault, what)| format!("{:8.2} s  {fault:?} {what}\n", at.as_secs_f64()));
        format!("faults:\n{}wrong:\n{}", faults.collect::<String>(), self.wrong.lock().unwrap().join("\n"))
    }
}

/// One line of figures.
impl Display for Findings {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let scrapes = self.scrapes.lock().unwrap();
        write!(
            to,
            "{:.0} s, faults {:?}, {} good scrapes, {} of what was not remembered, failed {:?}, \
             longest time without a good one while MongoDB answered {:.1} s",
            self.began.elapsed().as_secs_f64(),
            self.by_kind(),
            scrapes.good,
            scrapes.unremembered,
            scrapes.failed,
            scrapes.longest_gap.as_secs_f64(),
        )
    }
}
