//! Which custom metrics are paused: those that failed in three refreshes in a row.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

/// How many refreshes in a row one may fail.
const MAX_FAILURES: u32 = 3;

/// How often a paused one is tried again.
pub(super) const RETRY_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Why and since when one is paused.
#[derive(Clone, Debug)]
pub(crate) struct Pause {
    /// When it was paused.
    pub(crate) since: SystemTime,
    /// When it was tried last.
    pub(crate) tried: Instant,
}

/// The failures of each custom metric that fails.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    failing: BTreeMap<String, Failing>,
}

#[derive(Debug)]
struct Failing {
    failures: u32,
    pause: Option<Pause>,
}

/// What a run changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PauseChange {
    /// Nothing: it runs, or is paused, as before.
    None,
    /// It is paused from now on.
    Paused,
    /// It runs again.
    Resumed,
}

impl Pauses {
    /// Notes how a run ended.
    pub(super) fn ran(&mut self, name: &str, has_failed: bool, now: Instant) -> PauseChange {
        if !has_failed {
            let was_paused = self.failing.remove(name).is_some_and(|failing| failing.pause.is_some());
            return if was_paused { PauseChange::Resumed } else { PauseChange::None };
        }
        let failing = self.failing.entry(name.to_owned()).or_insert(Failing { failures: 0, pause: None });
        failing.failures = failing.failures.saturating_add(1);
        if let Some(pause) = &mut failing.pause {
            pause.tried = now;
        } else if failing.failures >= MAX_FAILURES {
            failing.pause = Some(Pause { since: SystemTime::now(), tried: now });
            return PauseChange::Paused;
        }
        PauseChange::None
    }

    /// Forgets all but these.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.failing.retain(|name, _| keep(name));
    }

    /// Forgets failures that an outage explains; what is paused stays so.
    pub(super) fn forgive(&mut self) {
        self.failing.retain(|_, failing| failing.pause.is_some());
    }

    /// The paused ones.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.paused().map(|(name, _)| name.to_owned()).collect()
    }

    /// Why this one is paused, if it is.
    pub(super) fn of(&self, name: &str) -> Option<&Pause> {
        self.failing.get(name)?.pause.as_ref()
    }

    /// The paused ones whose hour is over.
    pub(super) fn due(&self, now: Instant) -> BTreeSet<String> {
        let is_due = |pause: &Pause| now.saturating_duration_since(pause.tried) >= RETRY_INTERVAL;
        self.paused().filter(|(_, pause)| is_due(pause)).map(|(name, _)| name.to_owned()).collect()
    }

    /// Notes that these are tried now, so that they are not due again while they run.
    pub(super) fn trying(&mut self, names: &BTreeSet<String>, now: Instant) {
        for name in names {
            if let Some(pause) = self.failing.get_mut(name).and_then(|failing| failing.pause.as_mut()) {
                pause.tried = now;
            }
        }
    }

    fn paused(&self) -> impl Iterator<Item = (&str, &Pause)> {
        self.failing.iter().filter_map(|(name, failing)| Some((name.as_str(), failing.pause.as_ref()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_in_a_row_pause_and_a_success_resumes() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        assert_eq!(pauses.ran("a", true, now), PauseChange::None);
        assert_eq!(pauses.ran("a", true, now), PauseChange::None);
        assert_eq!(pauses.ran("a", false, now), PauseChange::None, "the row is broken");
        for _ in 0..2 {
            assert_eq!(pauses.ran("a", true, now), PauseChange::None);
        }
        assert_eq!(pauses.ran("a", true, now), PauseChange::Paused);
        assert_eq!(pauses.names(), BTreeSet::from(["a".to_owned()]));
        assert_eq!(pauses.ran("a", true, now), PauseChange::None, "it stays paused");
        assert_eq!(pauses.ran("a", false, now), PauseChange::Resumed);
        assert!(pauses.names().is_empty());
    }

    #[test]
    fn a_paused_one_is_tried_each_hour() {
        let (mut pauses, start) = (Pauses::default(), Instant::now());
        for _ in 0..3 {
            pauses.ran("a", true, start);
        }
        let almost = start + RETRY_INTERVAL - Duration::from_secs(1);
        assert!(pauses.due(almost).is_empty());
        let due = pauses.due(start + RETRY_INTERVAL);
        assert_eq!(due.len(), 1);
        pauses.trying(&due, start + RETRY_INTERVAL);
        assert!(pauses.due(start + RETRY_INTERVAL).is_empty(), "not twice");
    }

    #[test]
    fn an_outage_pauses_nothing() {
        let (mut pauses, now) = (Pauses::default(), Instant::now());
        for _ in 0..10 {
            pauses.ran("a", true, now);
            pauses.ran("a", true, now);
            pauses.forgive();
        }
        assert!(pauses.names().is_empty());
    }
}
