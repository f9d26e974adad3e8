//! Who asks, and whether that is an admin: an active user of Playarr with the role admin.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use mongodb::Database;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::default_admin;
use super::known::Known;
use super::limiter::{Attempt, AttemptKind, Limiter};
use super::login_queue::{Busy, Turn};
use super::password::Passwords;
use super::sessions::{self, Sessions};
use super::users::{Unavailable, User, Users};
use crate::config::{Config, Secret};
use crate::connections::{self, Network};

/// The longest API key, in bytes. Playarr's have 8.
const MAX_API_KEY: usize = 128;

/// How many API keys are looked up at once for addresses that have failed often.
const LIMITED_LOOKUPS: usize = 2;

/// The longest that a login waits until it is checked.
const QUEUE_TIME: Duration = Duration::from_secs(20);

/// The time after which a login that is not looked at is told so. Who tries without a pause would wait
/// for nothing else.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// How a request proves whose it is.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// From where it comes.
    pub client: Client,
    /// The value of `X-API-Key`; it counts before a session.
    pub api_key: Option<Secret>,
    /// The values of cookies called `access_token`. A browser may hold several, for different paths.
    pub sessions: Vec<Secret>,
}

/// Why a request is not an admin's.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Nobody, or nobody we know.
    #[error("Not logged in: sign in, or send the API key of an admin as X-API-Key")]
    Unauthenticated(AuthFailure),
    /// The login is wrong. In which way is for our metrics only.
    #[error("Invalid username or password")]
    WrongLogin(AuthFailure),
    /// Somebody, but no active admin.
    #[error("Only an active admin may do this")]
    Forbidden,
    /// A page of another site wants to make use of a session.
    #[error(
        "This request comes from another site than this one; behind a reverse proxy, let it pass on the Host header"
    )]
    OtherSite,
    /// The address has failed too often.
    #[error("Too many failed attempts from this address; try again in {} s", retry_after.as_secs())]
    TooManyFailures {
        /// How long to wait.
        retry_after: Duration,
    },
    /// More logins at once than can be checked.
    #[error("Too many logins at once; try again in a few seconds")]
    Busy,
    /// The user could not be looked up.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What was wrong with what a request sent as proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthFailure {
    /// There was none.
    Missing,
    /// The session has expired, was signed with another key, or is not a session at all.
    BadSession,
    /// No user has this API key.
    BadApiKey,
    /// No user has this name.
    UnknownUser,
    /// The password is another.
    BadPassword,
    /// The account is not in use.
    InactiveUser,
}

impl AuthFailure {
    /// The name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::BadSession => "bad_session",
            Self::BadApiKey => "bad_api_key",
            Self::UnknownUser => "unknown_user",
            Self::BadPassword => "bad_password",
            Self::InactiveUser => "inactive_user",
        }
    }
}

/// A login that was right.
#[derive(Debug)]
pub struct Login {
    /// Who it is.
    pub user: User,
    /// The value of the cookie `access_token`.
    pub session: Secret,
    /// For how long it lasts.
    pub lifetime: Duration,
}

/// Knows users by what they send. Asks the database each time: role and status may have changed.
pub struct Admins {
    users: Users,
    passwords: Passwords,
    sessions: ArcSwap<Sessions>,
    limiter: Limiter,
    known: Known,
    limited_lookups: Semaphore,
}

impl Admins {
    /// The users of this database, with sessions as the configuration has them.
    #[must_use]
    pub fn new(config: &Config, database: &Database) -> Self {
        Self {
            users: Users::new(database),
            passwords: Passwords::new(),
            sessions: ArcSwap::from_pointee(Sessions::new(config)),
            limiter: Limiter::default(),
            known: Known::new(),
            limited_lookups: Semaphore::new(LIMITED_LOOKUPS),
        }
    }

    /// Says what the configuration means for signing in, and creates the first admin where it asks for one. Returns
    /// when that is settled, however long the database is away.
    pub async fn prepare(&self, config: &Config) {
        sessions::explain(config);
        default_admin::ensure(config, &self.users, &self.passwords).await;
    }

    /// Signs and checks sessions with the key of this configuration from now on. Those signed with another one end.
    pub fn renew_sessions(&self, config: &Config) {
        self.sessions.store(Arc::new(Sessions::new(config)));
        sessions::explain(config);
    }

    /// Signs in. Takes the same time whoever it is and whatever is wrong; what is wrong is answered the later, the more
    /// has failed.
    ///
    /// # Errors
    /// When the name or the password is wrong, the user is inactive, that name has failed too often from there, too
    /// many sign in at once, or the database does not answer.
    pub async fn login(&self, client: Client, username: &str, password: Secret) -> Result<Login, AuthError> {
        // Whoever signs in costs nothing but time: newcomers do not wait for those who wait here.
        let _gives_way = connections::give_way();
        let network = Network::from(client.address);
        let attempt = self.limiter.begin(AttemptKind::Login(username), client);
        let turn = match self.turn(&attempt, network, username).await {
            Ok(turn) => turn,
            Err(error) => {
                attempt.forgive();
                if matches!(error, AuthError::TooManyFailures { .. }) {
                    sleep(REFUSAL_TIME).await;
                }
                return Err(error);
            }
        };
        let (user, cost) = match tokio::try_join!(self.users.by_name(username), self.users.password_cost()) {
            Ok(found) => found,
            Err(error) => {
                attempt.forgive();
                return Err(error.into());
            }
        };
        let hash = user.as_ref().and_then(|user| user.password_hash.clone());
        let Ok(matches) = self.passwords.matches(password, hash, cost, turn).await else {
            attempt.forgive();
            return Err(AuthError::Busy);
        };
        let failure = match user {
            None => AuthFailure::UnknownUser,
            Some(_) if !matches => AuthFailure::BadPassword,
            Some(user) if !user.is_active => AuthFailure::InactiveUser,
            Some(user) => {
                attempt.forgive();
                self.known.add_login(network, username);
                let sessions = self.sessions.load();
                let session = sessions.sign(&user.username, user.role);
                return Ok(Login { user, session, lifetime: sessions.lifetime() });
            }
        };
        sleep(attempt.fail(Instant::now())).await;
        Err(AuthError::WrongLogin(failure))
    }

    /// Waits until it is this login's turn to be checked.
    async fn turn(&self, attempt: &Attempt<'_>, network: Network, username: &str) -> Result<Turn, AuthError> {
        let mut has_slot = false;
        loop {
            if !has_slot && attempt.is_limited(Instant::now()) {
                let wait = attempt.slot(Instant::now());
                sleep(wait.map_err(|retry_after| AuthError::TooManyFailures { retry_after })?).await;
                has_slot = true;
            }
            let is_known = !has_slot && self.known.has_login(network, username);
            let turn = timeout(QUEUE_TIME, self.passwords.turn(network, is_known)).await;
            let turn = turn.unwrap_or(Err(Busy)).map_err(|Busy| AuthError::Busy)?;
            // Those before it may have failed meanwhile.
            if has_slot || !attempt.is_limited(Instant::now()) {
                return Ok(turn);
            }
        }
    }

    /// The user whose credentials these are, active or not.
    ///
    /// # Errors
    /// When they are nobody's, the address has failed too often, or the database does not answer.
    pub async fn user(&self, credentials: &Credentials) -> Result<User, AuthError> {
        let Some(api_key) = &credentials.api_key else { return self.user_of_session(credentials).await };
        let attempt = self.limiter.begin(AttemptKind::ApiKey, credentials.client);
        let is_limited = !self.known.has_api_key(api_key.reveal()) && attempt.is_limited(Instant::now());
        let lookup = if is_limited { self.limited_lookups.acquire().await.ok() } else { None };
        let user = self.user_of_key(api_key).await;
        drop(lookup);
        if let Err(AuthError::Unauthenticated(_)) = user {
            self.known.set_api_key(api_key.reveal(), false);
            let delay = attempt.fail(Instant::now());
            let _gives_way = connections::give_way();
            sleep(delay).await;
            if is_limited {
                return Err(AuthError::TooManyFailures { retry_after: delay.max(Duration::from_secs(1)) });
            }
            return user;
        }
        attempt.forgive();
        if user.is_ok() {
            self.known.set_api_key(api_key.reveal(), true);
        }
        user
    }

    /// The active admin whose credentials these are.
    ///
    /// # Errors
    /// As [`Admins::user`], and when the user is no active admin.
    pub async fn admin(&self, credentials: &Credentials) -> Result<User, AuthError> {
        self.user(credentials).await.and_then(admin)
    }

    /// [`Admins::admin`] for credentials that were accepted before: not an attempt that counts.
    ///
    /// # Errors
    /// When they are no active admin's any more, or the database does not answer.
    pub async fn still_admin(&self, credentials: &Credentials) -> Result<User, AuthError> {
        match &credentials.api_key {
            Some(api_key) => self.user_of_key(api_key).await,
            None => self.user_of_session(credentials).await,
        }
        .and_then(admin)
    }

    async fn user_of_key(&self, api_key: &Secret) -> Result<User, AuthError> {
        let user = match api_key.reveal() {
            // Nobody has one like that, so the database need not be bothered.
            long if long.len() > MAX_API_KEY => None,
            api_key => self.users.by_api_key(api_key).await?,
        };
        user.ok_or(AuthError::Unauthenticated(AuthFailure::BadApiKey))
    }

    async fn user_of_session(&self, credentials: &Credentials) -> Result<User, AuthError> {
        if credentials.sessions.is_empty() {
            return Err(AuthError::Unauthenticated(AuthFailure::Missing));
        }
        let known = self.sessions.load();
        let username = credentials.sessions.iter().find_map(|session| known.username(session));
        let username = username.ok_or(AuthError::Unauthenticated(AuthFailure::BadSession))?;
        let user = self.users.by_name(&username).await?;
        user.ok_or(AuthError::Unauthenticated(AuthFailure::UnknownUser))
    }
}

fn admin(user: User) -> Result<User, AuthError> {
    if user.is_admin() { Ok(user) } else { Err(AuthError::Forbidden) }
}
