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
    /// The settings hold the token that was replaced last, and nobody has written them since: whoever replaced it did
    /// not come to write the present one there.
    Finish,
    /// The settings hold no token, though there is one: it goes there again.
    Fill,
    /// There is no token anywhere.
    Create,
}

/// `is_untouched`: nobody has written the setting since it held the token that counted.
pub(super) fn decide(setting: Option<&str>, is_untouched: bool, known: Option<&Record>) -> Decision {
    match (setting, known) {
        (None, None) => Decision::Create,
        (None, Some(_)) => Decision::Fill,
        (Some(token), Some(known)) if token == known.value.reveal() => Decision::Keep,
        (Some(token), Some(known)) if known.has_revoked(token) && is_untouched => Decision::Finish,
        (Some(token), Some(known)) if known.has_revoked(token) => Decision::Restore,
        (Some(token), _) => Decision::Adopt(token.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_the_settings_has_its_answer() {
        let known = Record::new("old".to_owned().into()).replaced_by("new".to_owned().into());
        assert_eq!(decide(None, false, None), Decision::Create);
        assert_eq!(decide(Some("found"), false, None), Decision::Adopt("found".to_owned()));
        assert_eq!(decide(None, false, Some(&known)), Decision::Fill);
        assert_eq!(decide(Some("new"), true, Some(&known)), Decision::Keep);
        assert_eq!(decide(Some("old"), true, Some(&known)), Decision::Finish);
        assert_eq!(decide(Some("old"), false, Some(&known)), Decision::Restore);
        assert_eq!(decide(Some("never seen"), false, Some(&known)), Decision::Adopt("never seen".to_owned()));
    }
}
