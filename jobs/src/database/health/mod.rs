//! Whether MongoDB answers, since when not, and why: from what the driver reports of the servers.

mod servers;
mod state;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::doc;
use mongodb::event::EventHandler;
use mongodb::event::sdam::SdamEvent;
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout};

use super::ask::ask;
use super::error::DatabaseError;
use servers::Servers;
pub use state::{HealthState, Outage};

/// The interval of the driver's heartbeats to each server, unless the connection string says otherwise.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How late the answer to a heartbeat may be.
const TOLERANCE: Duration = Duration::from_secs(3);

/// How often the servers are checked for silence.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The interval of a command that needs a login, which heartbeats do not.
const LOGIN_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// The health of the database, for all who show it or go by it. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    state: watch::Sender<HealthState>,
    servers: Arc<Mutex<Servers>>,
    /// When the last outage ended.
    ended: Arc<Mutex<Option<Instant>>>,
    /// How long it takes at most until an outage is noticed.
    notice_time: Duration,
}

impl Health {
    /// Subscribes to the events of the client that will be made with these options, and shortens its heartbeat interval
    /// so that outages are noticed sooner.
    #[must_use]
    pub fn of_client(options: &mut ClientOptions) -> Self {
        let silence_limit = *options.heartbeat_freq.get_or_insert(HEARTBEAT) + TOLERANCE;
        let health = Self::new(silence_limit);
        let listening = health.clone();
        options.sdam_event_handler = Some(EventHandler::callback(move |event| listening.handle(event)));
        health
    }

    /// Knows nothing yet. A server that is silent for longer than `silence_limit` counts as gone.
    fn new(silence_limit: Duration) -> Self {
        Self {
            state: watch::Sender::new(HealthState::Connecting),
            servers: Arc::new(Mutex::new(Servers::new(silence_limit))),
            ended: Arc::default(),
            notice_time: silence_limit.max(LOGIN_CHECK_INTERVAL) + 2 * CHECK_INTERVAL,
        }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.state.borrow().clone()
    }

    /// The outage under way, if neither reads nor writes are possible.
    #[must_use]
    pub fn outage(&self) -> Option<Outage> {
        match &*self.state.borrow() {
            HealthState::Away(outage) => Some(outage.clone()),
            _ => None,
        }
    }

    /// The addresses of the secondaries that answer.
    pub(crate) fn secondaries(&self) -> Vec<String> {
        self.servers.lock().secondaries(Instant::now())
    }

    /// Follows the state.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<HealthState> {
        self.state.subscribe()
    }

    /// Whether an error comes from an outage. [`Health::watch`] logs an outage once, so whoever met the error while
    /// working since `asked` need not log it as well. Waits some seconds if no outage has been noticed yet.
    pub async fn explains(&self, error: &DatabaseError, asked: Instant) -> bool {
        if !error.may_be_an_outage() {
            return false;
        }
        if self.state.borrow().is_outage() || self.ended.lock().is_some_and(|ended| ended >= asked) {
            return true;
        }
        if matches!(error, DatabaseError::NoMajority(_)) {
            // The server that said so does answer.
            return false;
        }
        let mut states = self.subscribe();
        let noticed = states.wait_for(HealthState::is_outage);
        timeout(self.notice_time, noticed).await.is_ok_and(|noticed| noticed.is_ok())
    }

    /// Notices servers that fall silent and logins that are refused, and logs one line when an outage begins and one
    /// when it ends. Never returns. Without it, only what the driver reports by itself is known.
    pub async fn watch(&self, database: &Database) {
        tokio::join!(self.watch_silence(), self.watch_login(database), self.log(database));
    }

    async fn watch_silence(&self) {
        let mut check = tokio::time::interval(CHECK_INTERVAL);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            check.tick().await;
            self.update(|_| {});
        }
    }

    async fn watch_login(&self, database: &Database) {
        loop {
            self.check_login(database).await;
            tokio::time::sleep(LOGIN_CHECK_INTERVAL).await;
        }
    }

    /// Sends a command to any server, and returns whether it was answered.
    async fn check_login(&self, database: &Database) -> bool {
        let nearest = SelectionCriteria::ReadPreference(ReadPreference::Nearest { options: None });
        let ping = database.run_command(doc! { "ping": 1 }).selection_criteria(nearest);
        let answer = ask(LOGIN_CHECK_INTERVAL, ping).await;
        match &answer {
            Ok(_) => self.update(|servers| servers.login_refused = false),
            Err(DatabaseError::Login) => self.update(|servers| servers.login_refused = true),
            // Known already from the heartbeats, or of no concern here.
            Err(_) => {}
        }
        answer.is_ok()
    }

    /// Logs the beginning and the end of each outage. What happens in between, such as another reason, is for
    /// debugging.
    async fn log(&self, database: &Database) {
        let mut states = self.subscribe();
        let mut logged: Option<Outage> = None;
        loop {
            let state = states.borrow_and_update().clone();
            match (state, &logged) {
                (HealthState::Away(outage) | HealthState::ReadOnly(outage), None) => {
                    tracing::warn!("{}; trying again until this is over", outage.reason);
                    logged = Some(outage);
                }
                (HealthState::Away(outage) | HealthState::ReadOnly(outage), Some(_)) => {
                    tracing::debug!("{}", outage.reason);
                }
                (HealthState::Up, Some(outage)) => {
                    // A server answers heartbeats before it accepts logins.
                    if !self.check_login(database).await {
                        tokio::time::sleep(CHECK_INTERVAL).await;
                        continue;
                    }
                    let seconds = outage.began.elapsed().as_secs();
                    tracing::info!("MongoDB answers again, after {seconds} s: {}", outage.reason);
                    logged = None;
                }
                (HealthState::Up | HealthState::Connecting, _) => {}
            }
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    fn handle(&self, event: SdamEvent) {
        match event {
            SdamEvent::TopologyDescriptionChanged(event) => {
                self.update(|servers| servers.described(&event.new_description));
            }
            SdamEvent::ServerHeartbeatSucceeded(event) => {
                self.update(|servers| servers.answered(&event.server_address.to_string()));
            }
            _ => {}
        }
    }

    /// Applies a change to what is known of the servers, and publishes the state that follows.
    fn update(&self, change: impl FnOnce(&mut Servers)) {
        let mut servers = self.servers.lock();
        change(&mut servers);
        let condition = servers.condition(Instant::now());
        // Under the lock, so that states are published in the order of the changes.
        self.state.send_if_modified(|state| {
            let next = condition.state(state);
            let is_new = *state != next;
            if state.is_outage() && !next.is_outage() {
                *self.ended.lock() = Some(Instant::now());
            }
            *state = next;
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage() -> HealthState {
        let reason = "MongoDB at db:27017 refuses connections".to_owned();
        HealthState::Away(Outage { since: std::time::SystemTime::now(), began: Instant::now(), reason })
    }

    fn away() -> DatabaseError {
        DatabaseError::Away("MongoDB at db:27017 closed the connection".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_explains_the_errors_of_those_who_worked_during_it() {
        let health = Health::new(Duration::from_secs(5));
        let before = Instant::now();
        health.state.send_replace(outage());
        for error in [away(), DatabaseError::Timeout(Duration::from_secs(5)), DatabaseError::Login] {
            assert!(health.explains(&error, Instant::now()).await, "{error}");
        }
        assert!(!health.explains(&DatabaseError::Driver("a bug".to_owned()), before).await);

        health.state.send_replace(HealthState::Up);
        *health.ended.lock() = Some(Instant::now());
        assert!(health.explains(&away(), before).await, "it began to work before the end");
        let after = Instant::now() + Duration::from_secs(1);
        assert!(!health.explains(&away(), after).await, "no outage was noticed");
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_may_come_before_its_outage_is_noticed() {
        let health = Health::new(Duration::from_secs(5));
        let noticing = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            health.state.send_replace(outage());
        };
        let error = away();
        let (explained, ()) = tokio::join!(health.explains(&error, Instant::now()), noticing);
        assert!(explained);
    }
}
