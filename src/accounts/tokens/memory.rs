//! What a process remembers of a token between two checks.

use std::time::{Duration, Instant};

use mongodb::bson::DateTime;
use playarr_jobs::database::Backoff;

use super::read::ASK_TIME;
use super::record::{Record, Stored};
use super::setting::TokenSetting;
use super::status::Problem;
use crate::config::Secret;

/// The pause after a write that failed. It doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_secs(8);
/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Memory {
    /// What counts, as far as this process knows.
    pub(super) record: Option<Record>,
    /// A token that was to replace the present one, and could not be confirmed. It must not count should it be
    /// committed later: the admin was told that the present one goes on working.
    pub(super) not_confirmed: Option<Secret>,
    /// What the last attempt to write failed with.
    pub(super) problem: Option<Problem>,
    /// Trying to write at each check would slow refreshes down: after a refusal by a server that is no primary, the
    /// driver asks that server nothing until its next sign of life.
    pause: Backoff,
    /// The revision that the check before saw, and since when. While another instance replaces the token, the settings
    /// hold the revoked one for a moment; that is no reason to restore anything.
    seen: Option<(i64, Instant)>,
    /// The setting as it was when it held the token that counted.
    kept: Option<Kept>,
}

/// What identifies one write to the setting: its token, and its time, which Playarr and the service renew with each.
type Kept = (Secret, Option<DateTime>);

impl Default for Memory {
    fn default() -> Self {
        let pause = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        Self { record: None, not_confirmed: None, problem: None, pause, seen: None, kept: None }
    }
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

    /// Notes the revision that a check sees. Returns whether its writer has had time to write the setting, too.
    pub(super) fn is_settled(&mut self, revision: i64) -> bool {
        match self.seen {
            // Who saw the setting before can tell an unfinished rotation from a stale write. Others wait.
            Some((seen, since)) if seen == revision => self.kept.is_some() || since.elapsed() >= ASK_TIME,
            _ => {
                self.seen = Some((revision, Instant::now()));
                false
            }
        }
    }

    /// Notes that the setting holds the token that counts.
    pub(super) fn keep(&mut self, setting: &TokenSetting) {
        self.kept = kept(setting);
    }

    /// Whether nobody has written the setting since it held the token that counted. If it holds a revoked one, then
    /// whoever replaced that has not finished, and Playarr has nothing to do with it.
    pub(super) fn is_untouched(&self, setting: &TokenSetting) -> bool {
        self.kept.is_some() && self.kept == kept(setting)
    }

    /// Notes how an attempt to write ended.
    pub(super) fn wrote(&mut self, problem: Option<Problem>) {
        match &problem {
            Some(_) => _ = self.pause.fail(),
            None => self.pause.reset(),
        }
        self.problem = problem;
    }

    /// Another token counts from now on, instead of the one that the setting held.
    pub(super) fn replaced(&mut self, record: Record, setting: &TokenSetting) {
        let seen = Some((record.revision, Instant::now()));
        *self = Self { seen, record: Some(record), kept: kept(setting), ..Self::default() };
    }
}

fn kept(setting: &TokenSetting) -> Option<Kept> {
    match setting {
        TokenSetting::Token { token, last_updated, .. } => Some((token.clone().into(), *last_updated)),
        TokenSetting::Absent | TokenSetting::Blank(_) => None,
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

    fn setting(token: &str, millis: i64) -> TokenSetting {
        let last_updated = Some(DateTime::from_millis(millis));
        TokenSetting::Token { token: token.to_owned(), raw: token.to_owned(), last_updated }
    }

    #[test]
    fn a_rotation_that_may_be_under_way_is_given_time_by_who_cannot_tell_it_from_a_stale_write() {
        let mut fresh = Memory::default();
        assert_eq!([fresh.is_settled(2), fresh.is_settled(2)], [false, false], "two checks may follow at once");
        let mut known = Memory::default();
        known.keep(&setting("one", 1));
        assert_eq!([known.is_settled(2), known.is_settled(2)], [false, true]);
        assert!(known.is_untouched(&setting("one", 1)), "nobody has written it since");
        assert!(!known.is_untouched(&setting("one", 2)) && !known.is_untouched(&setting("two", 1)));
        assert!(!known.is_untouched(&TokenSetting::Absent));
        known.replaced(record(&["one", "two"]), &setting("one", 1));
        assert!(known.is_settled(2) && known.is_untouched(&setting("one", 1)), "this process replaced it");
    }
}
