//! What is wrong with a kind of work, said once.

use super::follower::JournalError;

/// What was last said to be wrong.
pub(super) struct Complaint {
    what: &'static str,
    said: Option<String>,
}

impl Complaint {
    /// `what` says in the log what does not work.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, said: None }
    }

    /// Says what is wrong, once until it is over or something else is. An outage of the database is said elsewhere.
    pub(super) fn say(&mut self, error: &JournalError) {
        if matches!(error, JournalError::Database(error) if error.is_away()) {
            tracing::debug!(%error, "{}", self.what);
            return;
        }
        let message = error.to_string();
        if self.said.as_ref() != Some(&message) {
            tracing::warn!(%error, "{}", self.what);
            self.said = Some(message);
        }
    }

    /// Everything works. Returns whether something was said before.
    pub(super) fn is_over(&mut self) -> bool {
        self.said.take().is_some()
    }
}
