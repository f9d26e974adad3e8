//! The bearer tokens. Checking one never asks the database: a background check keeps them in memory.
//!
//! The metrics token is in Playarr's `settings`, where Playarr's own page shows it. Playarr writes its stale cache of
//! all settings back now and then, so the service keeps a [`record`] of its own: the token that counts, and digests of
//! those it replaced. A rotation writes the record first: if the process crashes then, the replaced token is known as
//! revoked, and the next check of any instance writes the present one to `settings`. The other tokens have only the
//! record.

mod check;
mod decision;
#[cfg(test)]
mod fuzz;
mod kind;
mod memory;
mod problem_log;
mod read;
mod record;
mod setting;
mod status;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use constant_time_eq::constant_time_eq;
use mongodb::Database;
use playarr_jobs::database::DatabaseError;
use rand::Rng;
use tokio::sync::Mutex;

pub use check::TOKEN_CHECK_INTERVAL;
pub use kind::TokenKind;
pub use status::{Problem, Token, TokenError, TokenStatus, Unknown};

use crate::config::Secret;
use memory::Memory;
use read::ReadFrom;
use record::{Record, Records, Stored};
use setting::{Settings, TokenSetting};

/// How often a write is tried that another instance was faster with, and the pause in between.
const MAX_ATTEMPTS: u32 = 20;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// The tokens that count.
#[derive(Debug)]
pub struct Tokens {
    records: Records,
    settings: Settings,
    slots: [Slot; TokenKind::ALL.len()],
    restored: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    accepted: ArcSwap<Result<Secret, Unknown>>,
    problem: ArcSwapOption<Problem>,
    /// Held during a whole check or rotation, so that none of them acts on what another one is changing.
    memory: Mutex<Memory>,
}

/// What the database holds of a token.
#[derive(Debug)]
struct FoundToken {
    stored: Stored,
    setting: TokenSetting,
}

/// Whether to write soon after a write that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Always,
    AfterPause,
}

impl Tokens {
    /// The tokens of this database, none of them known yet.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let slot = || Slot {
            accepted: ArcSwap::from_pointee(Err(Unknown::NotRead)),
            problem: ArcSwapOption::empty(),
            memory: Mutex::default(),
        };
        Self {
            records: Records::new(database),
            settings: Settings::new(database),
            slots: std::array::from_fn(|_| slot()),
            restored: AtomicU64::default(),
        }
    }

    /// Succeeds if the token is known.
    ///
    /// # Errors
    /// Why it is not.
    pub fn known(&self, kind: TokenKind) -> Result<(), Unknown> {
        self.slot(kind).accepted.load().as_ref().as_ref().map(drop).map_err(|unknown| *unknown)
    }

    /// Whether this is the token, in constant time.
    ///
    /// # Errors
    /// When the token is not known, and why.
    pub fn accepts(&self, kind: TokenKind, candidate: &str) -> Result<bool, Unknown> {
        match &**self.slot(kind).accepted.load() {
            Ok(token) => Ok(constant_time_eq(token.reveal().as_bytes(), candidate.as_bytes())),
            Err(unknown) => Err(*unknown),
        }
    }

    /// What is known of each token as of the last check.
    #[must_use]
    pub fn status(&self) -> [TokenStatus; TokenKind::ALL.len()] {
        TokenKind::ALL.map(|kind| TokenStatus {
            kind,
            is_known: self.known(kind).is_ok(),
            problem: self.slot(kind).problem.load_full(),
        })
    }

    /// How often this process wrote the metrics token over a revoked one in the settings.
    #[must_use]
    pub fn restored(&self) -> u64 {
        self.restored.load(Ordering::Relaxed)
    }

    /// Reads each token, creates those that do not exist, and undoes changes by others that must not count.
    ///
    /// # Errors
    /// When a token cannot be read, or does not exist and cannot be created. What is known stays, and the other
    /// tokens are checked all the same.
    pub async fn check(&self) -> Result<(), TokenError> {
        self.check_each(Writing::Always).await
    }

    /// The token itself, read from the database, to be shown to its owner. Created if there is none.
    ///
    /// # Errors
    /// When the database does not answer or refuses.
    pub async fn show(&self, kind: TokenKind) -> Result<Token, TokenError> {
        self.check_one(kind, Writing::Always).await
    }

    /// Whether the database holds the token. Unlike [`Tokens::show`], this writes nothing.
    ///
    /// # Errors
    /// When the database does not answer or refuses, or holds something that cannot be used.
    pub async fn exists(&self, kind: TokenKind) -> Result<bool, TokenError> {
        let memory = self.slot(kind).memory.lock().await;
        let FoundToken { stored, setting } = self.read(kind, &memory).await?;
        match stored {
            Stored::Record(_) => Ok(true),
            Stored::Unusable(reason) => Err(TokenError::NotStorable(kind, reason)),
            Stored::Absent => Ok(setting.token().is_some()),
        }
    }

    /// Replaces the token. The old one stops working here at once, in other instances with their next check.
    ///
    /// # Errors
    /// When the database does not confirm the new token. Then the old one goes on working.
    pub async fn rotate(&self, kind: TokenKind) -> Result<Secret, TokenError> {
        let mut memory = self.slot(kind).memory.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let FoundToken { stored, setting } = self.read(kind, &memory).await?;
            if let Stored::Unusable(reason) = stored {
                return Err(TokenError::NotReplaced(kind, reason));
            }
            let token = random_token();
            let known = memory.known(&stored);
            let mut next = match &known {
                Some(known) => known.replaced_by(token.clone()),
                None => Record::new(token.clone()),
            };
            if let Some(found) = setting.token() {
                next.revoke(found);
            }
            match self.records.write(kind, stored.record(), next.clone()).await {
                Ok(Some(record)) => {
                    self.accept(kind, &record.value);
                    tracing::info!(token = %kind, "replaced the token");
                    let problem = match kind {
                        TokenKind::Metrics => self.settings.write(&setting, &record).await.err(),
                        TokenKind::Ingest | TokenKind::Summary => None,
                    };
                    self.note(kind, problem.map(Problem::Settings));
                    memory.replaced(record, &setting);
                    return Ok(token);
                }
                // Another instance replaced it just now, or an earlier write is not committed yet.
                Ok(None) => tokio::time::sleep(ATTEMPT_PAUSE).await,
                Err(error) => {
                    memory.not_confirmed = Some(token);
                    if let Some(known) = &known {
                        self.records.undo(kind, stored.record(), &next, known).await;
                    }
                    return Err(TokenError::NotReplaced(kind, error.to_string()));
                }
            }
        }
        let reason = "an earlier change of it is not confirmed by a majority of the MongoDB servers yet";
        Err(TokenError::NotReplaced(kind, reason.to_owned()))
    }

    fn slot(&self, kind: TokenKind) -> &Slot {
        &self.slots[kind as usize]
    }

    async fn read(&self, kind: TokenKind, memory: &Memory) -> Result<FoundToken, TokenError> {
        let source = if memory.record.is_none() { ReadFrom::Anywhere } else { ReadFrom::Primary };
        let both = tokio::try_join!(self.records.read(kind, source), self.settings.read(kind, source));
        let (stored, setting) = both.map_err(|error: DatabaseError| {
            // A server that is no primary any more says nothing about the token either.
            let says_nothing = error.is_away() || matches!(error, DatabaseError::NotWritable(_));
            self.cannot_accept(kind, if says_nothing { Unknown::NotRead } else { Unknown::NotReadable });
            self.note(kind, Some(Problem::Reading(error.clone())));
            TokenError::NotRead(kind, error)
        })?;
        Ok(FoundToken { stored, setting })
    }

    fn accept(&self, kind: TokenKind, token: &Secret) {
        let accepted = &self.slot(kind).accepted;
        if accepted.load().as_ref().as_ref().ok() != Some(token) {
            accepted.store(Arc::new(Ok(token.clone())));
            tracing::info!(token = %kind, "a token is in use that was not before");
        }
    }

    /// Remembers why a token is not known. One that is known stays.
    fn cannot_accept(&self, kind: TokenKind, unknown: Unknown) {
        if let Err(before) = self.known(kind) {
            self.slot(kind).accepted.store(Arc::new(Err(before.then(unknown))));
        }
    }

    /// Keeps what is wrong with a token, for the status and the log.
    fn note(&self, kind: TokenKind, problem: Option<Problem>) {
        self.slot(kind).problem.store(problem.map(Arc::new));
    }
}

/// 32 random bytes as 64 hexadecimal digits.
fn random_token() -> Secret {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
