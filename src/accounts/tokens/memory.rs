//! What a process remembers of a token between two checks.

use std::time::{Duration, Instant};

use super::record::{Record, Stored};
use super::status::Problem;
use crate::config::Secret;

/// The pause after a write that failed. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(8);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What counts, as far as this process knows.
    pub(super) record: Option<Record>,
    /// A token that was to replace the present one, and could not be confirmed. It must not count should it be
    /// committed later: the admin was told that the present one goes on working.
    pub(super) not_confirmed: Option<Secret>,
    /// What the last attempt to write failed with.
    pub(super) problem: Option<Problem>,
    pause: Pause,
    /// The revision that the check before saw. While another instance replaces the token, the settings hold the
    /// revoked one for a moment; that is no reason to restore anything.
    seen: Option<i64>,
}

impl Memory {
    /// What counts, from what the database holds and what this process knows.
    pub(super) fn known(&self, stored: &Stored) -> Option<Record> {
        match (stored, &self.record) {
            (Stored::Record(stored), Some(record)) if self.not_confirmed.as_ref() == Some(&stored.value) => {
                let mut known = record.clone();
                known.revoke(stored.value.reveal());
                known.revision = stored.revision;
                Some(known)
            }
            (stored, record) => later(stored.record(), record.as_ref()),
        }
    }

    /// Whether it is time to write again.
    pub(super) fn may_write(&self) -> bool {
        self.pause.is_over()
    }

    /// Notes the revision that a check sees. Returns whether the check before saw the same.
    pub(super) fn is_settled(&mut self, revision: i64) -> bool {
        self.seen.replace(revision) == Some(revision)
    }

    /// Notes how an attempt to write ended.
    pub(super) fn wrote(&mut self, problem: Option<Problem>) {
        self.pause.note(problem.is_some());
        self.problem = problem;
    }

    /// Another token counts from now on.
    pub(super) fn replaced(&mut self, record: Record) {
        *self = Self { seen: Some(record.revision), record: Some(record), ..Self::default() };
    }
}

/// The later of the record in the database and the one in memory. The one in memory is later where the database was
/// restored from a backup, where a secondary lags, and where this process could not write what it knows.
fn later(stored: Option<&Record>, memory: Option<&Record>) -> Option<Record> {
    match (stored, memory) {
        (Some(stored), Some(memory)) if stored.revision <= memory.revision => Some(memory.clone()),
        (stored, memory) => stored.or(memory).cloned(),
    }
}

/// When to write again after a write that failed. Trying at each check would slow refreshes down: after a refusal by a
/// server that is no primary, the driver asks that server nothing until its next sign of life.
#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    length: Duration,
}

impl Pause {
    fn is_over(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() >= until)
    }

    /// Notes how the last attempt went.
    fn note(&mut self, has_failed: bool) {
        if has_failed {
            self.length = (2 * self.length).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.until = Some(Instant::now() + self.length);
        } else {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(tokens: &[&str]) -> Record {
        let first = Record::new(tokens[0].to_owned().into());
        tokens[1..].iter().fold(first, |record, token| {
            let mut next = record.replaced_by((*token).to_owned().into());
            next.revision += 1;
            next
        })
    }

    #[test]
    fn of_two_records_the_later_counts_and_at_the_same_revision_the_one_in_memory() {
        let (first, second) = (record(&["one"]), record(&["one", "two"]));
        assert_eq!(later(Some(&second), Some(&first)), Some(second.clone()));
        assert_eq!(later(Some(&first), Some(&second)), Some(second.clone()));
        assert_eq!(later(None, Some(&second)), Some(second.clone()));
        assert_eq!(later(Some(&second), None), Some(second.clone()));
        let not_written = first.replaced_by("adopted".to_owned().into());
        assert_eq!(later(Some(&first), Some(&not_written)), Some(not_written));
    }

    #[test]
    fn a_token_that_was_not_confirmed_does_not_count_when_it_is_committed_late() {
        let (first, second) = (record(&["one"]), record(&["one", "two"]));
        let not_confirmed = Some("two".to_owned().into());
        let memory = Memory { record: Some(first), not_confirmed, ..Memory::default() };
        let known = memory.known(&Stored::Record(second.clone())).unwrap();
        assert_eq!((known.value.reveal(), known.revision), ("one", second.revision));
        assert!(known.has_revoked("two"));
    }

    #[test]
    fn pauses_grow_up_to_a_minute_and_end_with_a_success() {
        let mut pause = Pause::default();
        assert!(pause.is_over());
        let lengths: Vec<_> = (0..5)
            .map(|_| {
                pause.note(true);
                assert!(!pause.is_over());
                pause.length.as_secs()
            })
            .collect();
        assert_eq!(lengths, [8, 16, 32, 60, 60]);
        pause.note(false);
        assert!(pause.is_over());
    }
}
