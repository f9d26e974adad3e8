//! The check of a token: reads it from the database, creates it if it is missing, and corrects what `settings` holds.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use playarr_jobs::database::Health;
use tokio::time::MissedTickBehavior;

use super::decision::{Decision, decide};
use super::kind::TokenKind;
use super::memory::Memory;
use super::problem_log::ProblemLog;
use super::record::{Record, Stored, system_time};
use super::setting::TokenSetting;
use super::status::{Problem, Token, TokenError, Unknown};
use super::{ATTEMPT_PAUSE, FoundToken, MAX_ATTEMPTS, Tokens, Writing, random_token};

/// The pause between two checks. With the time of a read it stays below the ten seconds within which a token changed
/// elsewhere must count here.
pub const TOKEN_CHECK_INTERVAL: Duration = Duration::from_secs(4);

impl Tokens {
    /// Checks the tokens every [`TOKEN_CHECK_INTERVAL`] and logs each problem when it begins and when it ends.
    /// Calls `checked` after each check. Never returns.
    pub async fn watch(&self, health: &Health, checked: impl Fn(&Self)) {
        let mut interval = tokio::time::interval(TOKEN_CHECK_INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut logs: [ProblemLog; TokenKind::ALL.len()] = Default::default();
        loop {
            interval.tick().await;
            // What fails is kept for the status.
            let _ = self.check_each(Writing::AfterPause).await;
            for (status, log) in self.status().into_iter().zip(&mut logs) {
                log.follow(status, health.state().is_outage());
            }
            checked(self);
        }
    }

    pub(super) async fn check_each(&self, writing: Writing) -> Result<(), TokenError> {
        let checked = join_all(TokenKind::ALL.map(|kind| self.check_one(kind, writing))).await;
        checked.into_iter().try_for_each(|token| token.map(drop))
    }

    pub(super) async fn check_one(&self, kind: TokenKind, writing: Writing) -> Result<Token, TokenError> {
        let mut memory = self.slot(kind).memory.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let found = self.read(kind, &memory).await?;
            let may_write = writing == Writing::Always || memory.may_write();
            if !may_write {
                self.note(kind, memory.problem.clone());
            }
            let checked = match kind {
                TokenKind::Metrics => self.check_metrics(&mut memory, &found, may_write).await,
                TokenKind::Ingest | TokenKind::Summary => self.check_record(kind, &mut memory, &found, may_write).await,
            };
            if may_write {
                memory.wrote(self.writing_problem(kind));
            }
            match checked? {
                Some(token) => return Ok(token),
                // What was written there is read once a majority has it.
                None => tokio::time::sleep(ATTEMPT_PAUSE).await,
            }
        }
        let reason = "one was written just now, and a majority of the MongoDB servers has not confirmed it";
        let error = self.not_created(kind, reason.to_owned());
        memory.wrote(self.writing_problem(kind));
        Err(error)
    }

    /// Puts the metrics token right. `None` if another instance is about to create it.
    async fn check_metrics(
        &self,
        memory: &mut Memory,
        FoundToken { stored, setting }: &FoundToken,
        may_write: bool,
    ) -> Result<Option<Token>, TokenError> {
        let kind = TokenKind::Metrics;
        let known = memory.known(stored);
        let decision = decide(setting.token(), memory.is_untouched(setting), known.as_ref());
        let mut record = match (&decision, known) {
            (Decision::Adopt(token), Some(known)) => {
                tracing::info!(token = %kind, "another program replaced the token; the new one counts");
                known.replaced_by(token.clone().into())
            }
            (Decision::Adopt(token), None) => Record::new(token.clone().into()),
            (_, known) => known.unwrap_or_else(|| Record::new(random_token())),
        };
        if decision != Decision::Create {
            // It is committed, whatever can be written about it.
            self.accept(kind, &record.value);
            memory.record = Some(record.clone());
            if matches!(decision, Decision::Keep | Decision::Adopt(_)) {
                memory.keep(setting);
            }
            if !may_write {
                return Ok(Some(token(setting, &record)));
            }
        } else if !may_write {
            return Err(not_created_before(kind, memory));
        }
        let mut problem = None;
        match self.store(kind, stored, &record).await {
            Ok(Some(stored)) => record = stored,
            Ok(None) if decision == Decision::Create => return Ok(None),
            // The next check sees what was written there: by another instance, or here and not confirmed yet.
            Ok(None) => problem = memory.problem.clone(),
            Err(reason) => problem = Some(Problem::Recording(reason)),
        }
        let is_settled = memory.is_settled(record.revision);
        let write = match &decision {
            Decision::Keep | Decision::Adopt(_) => false,
            Decision::Restore | Decision::Finish => is_settled,
            Decision::Fill | Decision::Create => true,
        };
        if write {
            match self.settings.write(setting, &record).await {
                Ok(true) => self.log_written(&decision),
                Ok(false) if decision == Decision::Create && problem.is_some() => return Ok(None),
                // Something else is there by now: the next check sees what.
                Ok(false) => {}
                Err(error) if decision == Decision::Create && problem.is_some() => {
                    return Err(self.not_created(kind, error.to_string()));
                }
                Err(error) => problem = problem.or(Some(Problem::Settings(error))),
            }
        }
        self.accept(kind, &record.value);
        self.note(kind, problem);
        let token = token(setting, &record);
        memory.record = Some(record);
        Ok(Some(token))
    }

    /// Puts a token right that has only a record. `None` if another instance is about to create it.
    async fn check_record(
        &self,
        kind: TokenKind,
        memory: &mut Memory,
        FoundToken { stored, setting }: &FoundToken,
        may_write: bool,
    ) -> Result<Option<Token>, TokenError> {
        let known = memory.known(stored);
        let is_known = known.is_some();
        let mut record = known
            .unwrap_or_else(|| Record::new(setting.token().map_or_else(random_token, |token| token.to_owned().into())));
        if is_known {
            self.accept(kind, &record.value);
            memory.record = Some(record.clone());
            if !may_write {
                return Ok(Some(token(&TokenSetting::Absent, &record)));
            }
        } else if !may_write {
            return Err(not_created_before(kind, memory));
        }
        let mut problem = None;
        match self.store(kind, stored, &record).await {
            Ok(Some(stored)) => record = stored,
            Ok(None) if !is_known => return Ok(None),
            Ok(None) => problem = memory.problem.clone(),
            Err(reason) if !is_known => return Err(self.not_created(kind, reason)),
            Err(reason) => problem = Some(Problem::Recording(reason)),
        }
        self.accept(kind, &record.value);
        if problem.is_none() && !matches!(setting, TokenSetting::Absent) {
            match self.settings.remove(kind).await {
                Ok(()) => {
                    tracing::info!(token = %kind, "removed the token from settings; it is kept in playarr_metrics");
                }
                Err(error) => problem = Some(Problem::Settings(error)),
            }
        }
        self.note(kind, problem);
        let token = token(&TokenSetting::Absent, &record);
        memory.record = Some(record);
        Ok(Some(token))
    }

    /// Writes a record unless the database holds it already. `None` if another instance has written meanwhile.
    async fn store(&self, kind: TokenKind, stored: &Stored, record: &Record) -> Result<Option<Record>, String> {
        match stored {
            Stored::Record(stored) if stored == record => Ok(Some(record.clone())),
            Stored::Unusable(reason) => Err(reason.clone()),
            stored => {
                let written = self.records.write(kind, stored.record(), record.clone()).await;
                written.map_err(|error| error.to_string())
            }
        }
    }

    fn writing_problem(&self, kind: TokenKind) -> Option<Problem> {
        let problem = self.slot(kind).problem.load();
        problem.as_deref().filter(|problem| problem.is_of_writing()).cloned()
    }

    fn not_created(&self, kind: TokenKind, reason: String) -> TokenError {
        self.cannot_accept(kind, Unknown::NotCreated);
        self.note(kind, Some(Problem::Recording(reason.clone())));
        TokenError::NotCreated(kind, reason)
    }

    fn log_written(&self, decision: &Decision) {
        match decision {
            Decision::Restore => {
                self.restored.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(
                    "a revoked metrics token was back in settings, as when Playarr writes its old settings back; wrote \
                     the present one there again"
                );
            }
            Decision::Finish => {
                tracing::info!("settings held the replaced metrics token still; wrote the present one there");
            }
            Decision::Fill => {
                tracing::warn!("settings held no metrics token any more; wrote the present one again");
            }
            _ => tracing::info!("created the metrics token"),
        }
    }
}

/// The token of a record, with the time that `settings` shows for it, if it is there.
fn token(setting: &TokenSetting, record: &Record) -> Token {
    let last_updated = match setting {
        TokenSetting::Token { token, last_updated, .. } if token == record.value.reveal() => {
            last_updated.and_then(system_time)
        }
        _ => record.updated_at(),
    };
    Token { value: record.value.clone(), last_updated }
}

/// The error of an attempt that is not made, because the one before failed only just now.
fn not_created_before(kind: TokenKind, memory: &Memory) -> TokenError {
    let reason = memory.problem.as_ref().map_or_else(String::new, |problem| match problem {
        Problem::Recording(reason) => reason.clone(),
        problem => problem.to_string(),
    });
    TokenError::NotCreated(kind, reason)
}
