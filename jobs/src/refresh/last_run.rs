//! When a collector has to run again: what it has counted, and what was written since.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::writes::{Look, Writes};
use crate::collect::Definition;

/// How long a transaction may go on (the server's default). What it wrote shows when it is committed, and no count says
/// when that is.
const TRANSACTION_TIME: Duration = Duration::from_secs(60);

/// The first pause before a collector looks whether a transaction has been committed; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// A collector that ran for a change waits this many times as long as that took. So changes, however many there are,
/// take at most a tenth of the time. Nine would do if no run took longer than the one before; while a collection grows,
/// each does.
const REST: u32 = 11;

/// The shortest rest of a collector that failed.
const FAILURE_REST: Duration = Duration::from_secs(30);

/// The last run of a collector.
#[derive(Clone, Debug)]
pub(super) struct LastRun {
    pub(super) definition: Arc<Definition>,
    /// What was written before it began; `None` if it failed, or nobody knows.
    seen: Option<Seen>,
    /// A change starts no run before this.
    rests_until: Option<Instant>,
}

#[derive(Clone, Debug)]
struct Seen {
    writes: Vec<Writes>,
    /// When a look first had these writes.
    since: Instant,
    /// When the look before the run began.
    at: Instant,
    /// Whether the run came because of new writes, which may be those of a transaction. Those of before the first run
    /// most likely are not, and are looked for once.
    is_of_new_writes: bool,
    has_transactions: bool,
}

impl LastRun {
    /// A run by this definition that began after `look`, which is `None` where writes cannot be looked at.
    pub(super) fn new(
        definition: Arc<Definition>,
        look: Option<&Look>,
        succeeded: bool,
        before: Option<&Self>,
    ) -> Self {
        let before = before.filter(|before| Arc::ptr_eq(&before.definition, &definition));
        let writes = look.filter(|_| succeeded).and_then(|look| Some((look, look.of(&definition)?)));
        let seen = writes.map(|(look, writes)| {
            let before = before.and_then(|before| before.seen.as_ref());
            let same = before.filter(|before| before.writes == writes);
            Seen {
                writes,
                since: same.map_or(look.at, |same| same.since),
                at: look.at,
                is_of_new_writes: before.is_some() && same.is_none_or(|same| same.is_of_new_writes),
                has_transactions: look.has_transactions,
            }
        });
        let rests_until = if succeeded { None } else { Some(Instant::now() + FAILURE_REST) };
        let rested = before.and_then(|before| before.rests_until);
        Self { definition, seen, rests_until: rests_until.max(rested) }
    }

    /// Forgets what the run has counted: it was not published.
    pub(super) fn forget(&mut self) {
        self.seen = None;
    }

    /// Lets the collector rest after a run for a change that took `run` in all, of which the collector took `own`.
    ///
    /// Those that take most of a run rest together, so that they also run together the next time.
    pub(super) fn rest(&mut self, own: Duration, run: Duration) {
        let took = if own * 10 < run { own } else { run };
        self.rests_until = self.rests_until.max(Some(Instant::now() + took * REST));
    }

    /// Whether there may be anything to count that the run has not: what was written since, by this look, or what was
    /// written before it in a transaction that was not committed then.
    pub(super) fn may_be_outdated(&self, look: &Look) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.differs(look, &self.definition) || !seen.is_settled())
    }

    /// Whether a change is to start a run now: something was written since, or it is time to look whether a transaction
    /// was committed; and the collector has rested.
    pub(super) fn is_due(&self, look: &Look) -> bool {
        let is_due = match &self.seen {
            None => true,
            Some(seen) => {
                let pause = match seen.is_of_new_writes {
                    true => seen.at.duration_since(seen.since).max(FIRST_PAUSE),
                    false => TRANSACTION_TIME,
                };
                let follows_up = !seen.is_settled() && look.at >= seen.at + pause;
                follows_up || seen.differs(look, &self.definition)
            }
        };
        is_due && self.rests_until.is_none_or(|moment| moment <= look.at)
    }
}

impl Seen {
    fn differs(&self, look: &Look, definition: &Definition) -> bool {
        look.of(definition).is_none_or(|writes| writes != self.writes)
    }

    /// Whether every transaction with a part in these writes was over when the run began.
    fn is_settled(&self) -> bool {
        !self.has_transactions || self.at.duration_since(self.since) >= TRANSACTION_TIME
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    const STANDALONE: bool = false;
    const REPLICA_SET: bool = true;

    fn definition() -> Arc<Definition> {
        let lookup = doc! { "$lookup": { "from": "titles", "as": "titles" } };
        Arc::new(Definition::new("a", "b", "c").rows("users", [lookup]))
    }

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn a_write_to_any_of_its_collections_makes_a_collector_due() {
        let look = |users, titles| {
            let counts = [("users", users), ("titles", titles), ("channels", users + titles)];
            Look::imagined(Instant::now(), &counts, STANDALONE)
        };
        let definition = definition();
        let last = LastRun::new(definition, Some(&look(1, 1)), true, None);
        assert!(!last.is_due(&look(1, 1)) && !last.may_be_outdated(&look(1, 1)));
        for changed in [look(2, 1), look(1, 2), look(0, 1)] {
            assert!(last.is_due(&changed) && last.may_be_outdated(&changed));
        }
    }

    #[test]
    fn what_was_written_while_it_ran_makes_it_due_again() {
        let look = |count| Look::imagined(Instant::now(), &[("users", count), ("titles", 0)], STANDALONE);
        // The look before the run is what counts, however long the run takes.
        let last = LastRun::new(definition(), Some(&look(1)), true, None);
        assert!(last.is_due(&look(2)));
    }

    #[test]
    fn after_a_run_for_a_change_it_rests_eleven_times_as_long() {
        let look = |at, count| Look::imagined(at, &[("users", count), ("titles", 0)], STANDALONE);
        let mut last = LastRun::new(definition(), Some(&look(after(0), 1)), true, None);
        last.rest(Duration::from_secs(2), Duration::from_secs(3));
        assert!(!last.is_due(&look(after(32), 2)) && last.is_due(&look(after(34), 2)));
        assert!(last.may_be_outdated(&look(after(0), 2)), "whoever asks for a refresh need not wait");
        // It took next to nothing of a long run.
        let mut last = LastRun::new(definition(), Some(&look(after(0), 1)), true, None);
        last.rest(Duration::from_millis(10), Duration::from_secs(3));
        assert!(last.is_due(&look(after(1), 2)));
        // A run in between, for another reason, does not end the rest.
        last.rest(Duration::from_secs(2), Duration::from_secs(3));
        let next = LastRun::new(last.definition.clone(), Some(&look(after(1), 2)), true, Some(&last));
        assert!(!next.is_due(&look(after(2), 3)));
    }

    #[test]
    fn what_was_not_published_is_due_again_after_its_rest() {
        let look = |at| Look::imagined(at, &[("users", 1), ("titles", 0)], STANDALONE);
        let mut last = LastRun::new(definition(), Some(&look(after(0))), true, None);
        last.forget();
        last.rest(Duration::from_secs(1), Duration::from_secs(1));
        assert!(last.may_be_outdated(&look(after(0))));
        assert!(!last.is_due(&look(after(10))) && last.is_due(&look(after(12))));
    }

    #[test]
    fn one_that_failed_is_due_after_half_a_minute() {
        let look = |at| Look::imagined(at, &[("users", 1), ("titles", 0)], STANDALONE);
        let last = LastRun::new(definition(), Some(&look(after(0))), false, None);
        assert!(!last.is_due(&look(after(29))) && last.is_due(&look(after(31))));
        assert!(last.may_be_outdated(&look(after(0))));
    }

    #[test]
    fn writes_of_a_transaction_are_looked_for_until_it_must_be_over() {
        let start = Instant::now();
        let look = |seconds, count| {
            let at = start + Duration::from_secs(seconds);
            Look::imagined(at, &[("users", count), ("titles", 0)], REPLICA_SET)
        };
        let definition = definition();
        let mut last = LastRun::new(definition.clone(), Some(&look(0, 1)), true, None);
        let due: Vec<_> = (1..100).filter(|&seconds| last.is_due(&look(seconds, 1))).collect();
        assert_eq!(due, (60..100).collect::<Vec<_>>(), "one may have been under way when it first ran");
        last = LastRun::new(definition.clone(), Some(&look(60, 1)), true, Some(&last));
        assert!((61..300).all(|seconds| !last.is_due(&look(seconds, 1))), "nothing was written since");
        let mut runs = Vec::new();
        for seconds in 100..300 {
            let look = look(seconds, 2);
            if last.is_due(&look) {
                runs.push(seconds - 100);
                last = LastRun::new(definition.clone(), Some(&look), true, Some(&last));
            }
            assert_eq!(last.may_be_outdated(&look), seconds < 164, "after {seconds} s");
        }
        assert_eq!(runs, [0, 2, 4, 8, 16, 32, 64]);
    }
}
