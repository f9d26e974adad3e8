//! What is wrong with a kind of work, said once.

use std::time::{Duration, Instant};

use playarr_jobs::database::Health;

use super::follower::JournalError;

/// How long an error that may come from an outage lasts before it is logged. By then an outage is known and has its own
/// line in the log.
const GRACE: Duration = Duration::from_secs(10);

/// What is wrong with a kind of work.
pub(super) struct Complaint {
    what: &'static str,
    health: Health,
    /// Since when it does not work.
    since: Option<Instant>,
    /// What was last said to be wrong.
    said: Option<String>,
}

impl Complaint {
    /// `what` says in the log what does not work; `health` knows of outages, which are said elsewhere.
    pub(super) fn new(what: &'static str, health: &Health) -> Self {
        Self { what, health: health.clone(), since: None, said: None }
    }

    /// Says what is wrong, once until it is over or something else is.
    pub(super) fn say(&mut self, error: &JournalError) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let may_be_an_outage = matches!(error, JournalError::Database(error) if error.may_be_an_outage());
        if may_be_an_outage && (self.health.state().is_outage() || since.elapsed() < GRACE) {
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
        self.since = None;
        self.said.take().is_some()
    }
}
