//! What to do about the metrics token, from what `settings` holds and what is known of it.

use super::record::Record;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// The settings hold the token that counts.
    Keep,
    /// The settings hold a token that was never seen before: somebody else has replaced it, and theirs counts.
    Adopt(String),
    /// The settings hold a revoked token: Playarr has written its stale cache back. The present one goes there again.
    Restore,
    /// The settings hold no token, though there is one: it goes there again.
    Fill,
    /// There is no token anywhere.
    Create,
}

pub(super) fn decide(setting: Option<&str>, known: Option<&Record>) -> Decision {
    match (setting, known) {
        (None, None) => Decision::Create,
        (None, Some(_)) => Decision::Fill,
        (Some(token), Some(known)) if token == known.value.reveal() => Decision::Keep,
        (Some(token), Some(known)) if known.has_revoked(token) => Decision::Restore,
        (Some(token), _) => Decision::Adopt(token.to_owned()),
    }
}

/// The later of the record in the database and the one in memory. The one in memory is later where the database was
/// restored from a backup, where a secondary lags, and where this process could not write what it knows.
pub(super) fn later(stored: Option<&Record>, memory: Option<&Record>) -> Option<Record> {
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
    fn each_state_of_the_settings_has_its_answer() {
        let known = record(&["old", "new"]);
        assert_eq!(decide(None, None), Decision::Create);
        assert_eq!(decide(Some("found"), None), Decision::Adopt("found".to_owned()));
        assert_eq!(decide(None, Some(&known)), Decision::Fill);
        assert_eq!(decide(Some("new"), Some(&known)), Decision::Keep);
        assert_eq!(decide(Some("old"), Some(&known)), Decision::Restore);
        assert_eq!(decide(Some("never seen"), Some(&known)), Decision::Adopt("never seen".to_owned()));
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
}
