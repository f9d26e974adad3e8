//! The bearer tokens. Checking one never asks the database: a background check keeps them in memory.
//!
//! The metrics token is in Playarr's `settings`, where Playarr's own page shows it. Playarr writes its stale cache of all
//! settings back now and then, so the service keeps a [`record`] of its own: the token that counts and digests of those
//! it replaced. The record is written first. Whatever crash follows, the replaced token is known as revoked, and the next
//! check of any instance writes the present one to `settings`. The ingest token has only the record.

mod decision;
mod record;
mod setting;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use constant_time_eq::constant_time_eq;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database};
use playarr_jobs::database::{DatabaseError, ask};
use rand::Rng;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::config::Secret;
use decision::{Decision, decide, later};
use record::{Record, Records, Stored, system_time};
use setting::{Setting, Settings};

/// The pause between two checks. With [`ASK_TIME`] it stays below the ten seconds within which a token changed elsewhere
/// must count here.
pub const TOKEN_CHECK_INTERVAL: Duration = Duration::from_secs(4);

/// How long one answer of the database may take.
const ASK_TIME: Duration = Duration::from_secs(5);
/// How long a majority may take to confirm a write; less than [`ASK_TIME`], so that the server's own answer arrives.
const WRITE_TIME: Duration = Duration::from_secs(4);
/// How long the server may work on a read.
const READ_TIME: Duration = Duration::from_secs(2);
/// How often a write is tried that another instance was faster with, and the pause in between.
const MAX_ATTEMPTS: u32 = 20;
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

/// No token, or no new one. A database that does not answer is never taken for one without a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not read. A token that is known already goes on working.
    #[error("The {0} token cannot be read: {1}")]
    NotRead(TokenKind, DatabaseError),
    /// There is none, and none could be created.
    #[error("There is no {0} token, and none could be created: {1}")]
    NotCreated(TokenKind, String),
    /// Not replaced.
    #[error("The {0} token was not replaced, and the present one goes on working: {1}")]
    NotReplaced(TokenKind, String),
}

/// Which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenKind {
    /// Guards `/metrics`.
    #[default]
    Metrics,
    /// Guards the ingestion of live events.
    Ingest,
}

impl TokenKind {
    /// Every token.
    pub const ALL: [Self; 2] = [Self::Metrics, Self::Ingest];

    /// The name in metrics and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Ingest => "ingest",
        }
    }

    /// The `_id` in `settings`; for the ingest token, where the first version of the service kept it.
    fn setting(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "metrics_ingest_token",
        }
    }

    /// The `_id` of the service's own record.
    fn record(self) -> &'static str {
        match self {
            Self::Metrics => "metrics_token",
            Self::Ingest => "ingest_token",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A token to be shown to its owner.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token.
    pub value: Secret,
    /// When it was last changed, where that is known.
    pub last_updated: Option<SystemTime>,
}

/// Why a token is not known. Anybody may see this: it holds nothing of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// Nothing was read yet.
    #[error("MongoDB has not answered since the start")]
    NotRead,
    /// The database answered that it may not be read.
    #[error("MongoDB refuses to let it be read; the log says why")]
    NotReadable,
    /// There is none.
    #[error("there is none, and MongoDB refuses to store one; the log says why")]
    NotCreated,
}

/// What is known of a token, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct TokenStatus {
    /// Which token.
    pub kind: TokenKind,
    /// Whether requests with it are answered.
    pub is_known: bool,
    /// What could not be read or written, for an admin.
    pub problem: Option<Arc<Problem>>,
}

/// What could not be read or written at the last check.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The token that is known goes on working.
    #[error("cannot be read: {0}")]
    Reading(String),
    /// The token works. Revoked ones, or a change made elsewhere, may be forgotten at a restart.
    #[error("cannot be recorded in playarr_metrics: {0}")]
    Recording(String),
    /// The token works; what `settings` holds is not right.
    #[error("cannot be put right in settings: {0}")]
    Settings(String),
}

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

#[derive(Debug, Default)]
struct Memory {
    record: Option<Record>,
    /// The revision that the check before saw. While another instance replaces the token, the settings hold the revoked
    /// one for a moment; that is no reason to restore anything.
    seen: Option<i64>,
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
            slots: [slot(), slot()],
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

    /// Checks the tokens every [`TOKEN_CHECK_INTERVAL`], for ever. `checked` is called after each check.
    pub async fn watch(&self, checked: impl Fn(&Self)) {
        let mut interval = tokio::time::interval(TOKEN_CHECK_INTERVAL);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            // The check itself has logged a failure and keeps it for the status.
            let _ = self.check().await;
            checked(self);
        }
    }

    /// Reads each token, creates those that do not exist, and puts right what others have done to them.
    ///
    /// # Errors
    /// When a token cannot be read, or does not exist and cannot be created. What is known stays, and the other token is
    /// checked all the same.
    pub async fn check(&self) -> Result<(), TokenError> {
        let (metrics, ingest) = tokio::join!(self.show(TokenKind::Metrics), self.show(TokenKind::Ingest));
        metrics.and(ingest).map(drop)
    }

    /// The token itself, read from the database, to be shown to its owner. Created if there is none.
    ///
    /// # Errors
    /// When the database does not answer or refuses.
    pub async fn show(&self, kind: TokenKind) -> Result<Token, TokenError> {
        let mut memory = self.slot(kind).memory.lock().await;
        let mut attempt = 1;
        loop {
            let (stored, setting) = self.read(kind, &memory).await?;
            let shown = match kind {
                TokenKind::Metrics => self.check_metrics(&mut memory, &stored, &setting).await?,
                TokenKind::Ingest => self.check_ingest(&mut memory, &stored, &setting).await?,
            };
            match shown {
                Some(token) => return Ok(token),
                // Another instance is creating it. What it wrote is read once a majority has it.
                None if attempt < MAX_ATTEMPTS => {
                    attempt += 1;
                    tokio::time::sleep(ATTEMPT_PAUSE).await;
                }
                None => {
                    return Err(
                        self.not_created(kind, "another instance has not finished creating it".to_owned())
                    );
                }
            }
        }
    }

    /// Replaces the token. The old one stops working here at once, in other instances with their next check.
    ///
    /// # Errors
    /// When the database does not confirm the new token. Then the old one goes on working.
    pub async fn rotate(&self, kind: TokenKind) -> Result<Secret, TokenError> {
        let mut memory = self.slot(kind).memory.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            let (stored, setting) = self.read(kind, &memory).await?;
            let stored = match stored {
                Stored::Unusable(reason) => return Err(TokenError::NotReplaced(kind, reason)),
                Stored::Record(record) => Some(record),
                Stored::Absent => None,
            };
            let token = random_token();
            let known = later(stored.as_ref(), memory.record.as_ref());
            let mut next =
                known.map_or_else(|| Record::new(token.clone()), |known| known.replaced_by(token.clone()));
            if let Some(found) = setting.token() {
                next.revoke(found);
            }
            match self.records.write(kind, stored.as_ref(), next.clone()).await {
                Ok(Some(record)) => {
                    self.accept(kind, &record.value);
                    tracing::info!(token = %kind, "replaced the token");
                    if kind == TokenKind::Metrics {
                        let written = self.settings.write(&setting, &record).await;
                        self.report(kind, written.err().map(|error| Problem::Settings(error.to_string())));
                    }
                    *memory = Memory { seen: Some(record.revision), record: Some(record) };
                    return Ok(token);
                }
                // Another instance replaced it just now, or an earlier write is not committed yet.
                Ok(None) => tokio::time::sleep(ATTEMPT_PAUSE).await,
                Err(error) => {
                    self.records.undo(kind, stored.as_ref(), &next).await;
                    return Err(TokenError::NotReplaced(kind, error.to_string()));
                }
            }
        }
        let reason = "an earlier change of it is not confirmed by a majority of the MongoDB servers yet";
        Err(TokenError::NotReplaced(kind, reason.to_owned()))
    }

    /// Puts the metrics token right. `None` if another instance is about to create it.
    async fn check_metrics(
        &self,
        memory: &mut Memory,
        stored: &Stored,
        setting: &Setting,
    ) -> Result<Option<Token>, TokenError> {
        let kind = TokenKind::Metrics;
        let known = later(stored.record(), memory.record.as_ref());
        let decision = decide(setting.token(), known.as_ref());
        let mut record = match (&decision, known) {
            (Decision::Adopt(token), Some(known)) => {
                tracing::info!(token = %kind, "another program replaced the token; the new one counts");
                known.replaced_by(token.clone().into())
            }
            (Decision::Adopt(token), None) => Record::new(token.clone().into()),
            (_, known) => known.unwrap_or_else(|| Record::new(random_token())),
        };
        let mut problem = None;
        if decision != Decision::Create {
            // It is committed, whatever can be written about it.
            self.accept(kind, &record.value);
            memory.record = Some(record.clone());
        }
        match self.store(kind, stored, &record).await {
            Ok(Some(stored)) => record = stored,
            Ok(None) if decision == Decision::Create => return Ok(None),
            // The next check sees what the other instance wrote.
            Ok(None) => {}
            Err(reason) => problem = Some(Problem::Recording(reason)),
        }
        let is_settled = memory.seen.replace(record.revision) == Some(record.revision);
        let write = match &decision {
            Decision::Keep | Decision::Adopt(_) => false,
            Decision::Restore => is_settled,
            Decision::Fill | Decision::Create => true,
        };
        if write {
            match self.settings.write(setting, &record).await {
                Ok(true) => self.log_written(&decision),
                Ok(false) if decision == Decision::Create && problem.is_some() => return Ok(None),
                // Something else is there by now: the next check sees what.
                Ok(false) => {
                    problem =
                        problem.or_else(|| self.slot(kind).problem.load_full().map(|old| (*old).clone()));
                }
                Err(error) if decision == Decision::Create && problem.is_some() => {
                    return Err(self.not_created(kind, error.to_string()));
                }
                Err(error) => problem = problem.or(Some(Problem::Settings(error.to_string()))),
            }
        }
        self.accept(kind, &record.value);
        self.report(kind, problem);
        let last_updated = match setting {
            Setting::Token { token, last_updated, .. } if token == record.value.reveal() => {
                last_updated.and_then(system_time)
            }
            _ => record.updated_at(),
        };
        let token = Token { value: record.value.clone(), last_updated };
        memory.record = Some(record);
        Ok(Some(token))
    }

    /// Puts the ingest token right. `None` if another instance is about to create it.
    async fn check_ingest(
        &self,
        memory: &mut Memory,
        stored: &Stored,
        setting: &Setting,
    ) -> Result<Option<Token>, TokenError> {
        let kind = TokenKind::Ingest;
        let known = later(stored.record(), memory.record.as_ref());
        let is_known = known.is_some();
        let mut record = known.unwrap_or_else(|| {
            Record::new(setting.token().map_or_else(random_token, |token| token.to_owned().into()))
        });
        if is_known {
            self.accept(kind, &record.value);
            memory.record = Some(record.clone());
        }
        let mut problem = None;
        match self.store(kind, stored, &record).await {
            Ok(Some(stored)) => record = stored,
            Ok(None) if !is_known => return Ok(None),
            Ok(None) => {}
            Err(reason) if !is_known => return Err(self.not_created(kind, reason)),
            Err(reason) => problem = Some(Problem::Recording(reason)),
        }
        self.accept(kind, &record.value);
        if problem.is_none() && !matches!(setting, Setting::Absent) {
            match self.settings.remove(kind).await {
                Ok(()) => {
                    tracing::info!("removed the ingest token from settings; it is kept in playarr_metrics");
                }
                Err(error) => problem = Some(Problem::Settings(error.to_string())),
            }
        }
        self.report(kind, problem);
        let token = Token { value: record.value.clone(), last_updated: record.updated_at() };
        memory.record = Some(record);
        Ok(Some(token))
    }

    /// Writes a record unless the database holds it already. `None` if another instance has written meanwhile.
    async fn store(
        &self,
        kind: TokenKind,
        stored: &Stored,
        record: &Record,
    ) -> Result<Option<Record>, String> {
        match stored {
            Stored::Record(stored) if stored == record => Ok(Some(record.clone())),
            Stored::Unusable(reason) => Err(reason.clone()),
            stored => {
                let written = self.records.write(kind, stored.record(), record.clone()).await;
                written.map_err(|error| error.to_string())
            }
        }
    }

    async fn read(&self, kind: TokenKind, memory: &Memory) -> Result<(Stored, Setting), TokenError> {
        // A secondary may lag. Its answer is better than none, and worse than what is known.
        let anywhere = memory.record.is_none();
        let both = tokio::try_join!(self.records.read(kind, anywhere), self.settings.read(kind, anywhere));
        both.map_err(|error| {
            let unknown = if error.is_refusal() { Unknown::NotReadable } else { Unknown::NotRead };
            self.cannot_accept(kind, unknown);
            self.report(kind, Some(Problem::Reading(error.to_string())));
            TokenError::NotRead(kind, error)
        })
    }

    fn slot(&self, kind: TokenKind) -> &Slot {
        &self.slots[kind as usize]
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
        if self.known(kind).is_err() {
            self.slot(kind).accepted.store(Arc::new(Err(unknown)));
        }
    }

    fn not_created(&self, kind: TokenKind, reason: String) -> TokenError {
        self.cannot_accept(kind, Unknown::NotCreated);
        self.report(kind, Some(Problem::Recording(reason.clone())));
        TokenError::NotCreated(kind, reason)
    }

    /// Keeps a problem for the status. The log has one line for its begin and one for its end.
    fn report(&self, kind: TokenKind, problem: Option<Problem>) {
        let before = self.slot(kind).problem.swap(problem.clone().map(Arc::new));
        match (before.as_deref(), problem) {
            (Some(before), Some(problem))
                if std::mem::discriminant(before) == std::mem::discriminant(&problem) => {}
            (_, Some(problem)) => tracing::warn!("the {kind} token {problem}"),
            (Some(_), None) => tracing::info!("the {kind} token can be read and written again"),
            (None, None) => {}
        }
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
            Decision::Fill => {
                tracing::warn!("settings held no metrics token any more; wrote the present one again");
            }
            _ => tracing::info!("created the metrics token"),
        }
    }
}

impl Stored {
    fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::Absent | Self::Unusable(_) => None,
        }
    }
}

/// A document as a majority has it. With `anywhere`, from a secondary if there is no primary.
async fn reading(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    anywhere: bool,
) -> Result<Option<RawDocumentBuf>, DatabaseError> {
    let find = |concern: ReadConcern| {
        let find = collection.find_one(doc! { "_id": id }).read_concern(concern).max_time(READ_TIME);
        if anywhere {
            find.selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred {
                options: None,
            }))
        } else {
            find
        }
    };
    ask(ASK_TIME, find(ReadConcern::majority())).await
}

/// 32 random bytes as 64 hexadecimal digits.
fn random_token() -> Secret {
    let mut bytes = [0; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}
