//! Whether MongoDB answers, since when not, and why: from what the driver hears of the servers by itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use mongodb::Database;
use mongodb::ServerType;
use mongodb::bson::doc;
use mongodb::event::EventHandler;
use mongodb::event::sdam::{SdamEvent, TopologyDescription};
use mongodb::options::{ClientOptions, ReadPreference, SelectionCriteria};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::ask::ask;
use super::error::DatabaseError;
use super::words;

/// How often the driver asks each server for a sign of life, unless the connection string says otherwise.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How much later than expected a sign of life may come.
const TOLERANCE: Duration = Duration::from_secs(3);

/// How often the servers are checked for silence.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How often a command is sent, since signs of life need no login.
const LOGIN_CHECK_INTERVAL: Duration = Duration::from_secs(10);

/// Whether MongoDB answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthState {
    /// Nothing was heard yet, nor waited for long enough to mean anything.
    Connecting,
    /// Reads and writes are possible.
    Up,
    /// Reads are possible, writes are not: there is no primary.
    ReadOnly(Outage),
    /// Nothing is possible.
    Away(Outage),
}

/// A time without the database, or without writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it began, by the wall clock: to be shown.
    pub since: SystemTime,
    /// When it began, by the monotonic clock: to tell how long it lasts.
    pub began: Instant,
    /// Why, as a sentence without a full stop: "MongoDB at db:27017 refuses connections".
    pub reason: String,
}

/// The health of the database, for all who show it or go by it. Clones share it.
#[derive(Clone, Debug)]
pub struct Health {
    state: watch::Sender<HealthState>,
    servers: Arc<Mutex<Servers>>,
}

impl Health {
    /// Listens to the client that will be made with these options, and makes it notice outages sooner.
    #[must_use]
    pub fn of_client(options: &mut ClientOptions) -> Self {
        let heartbeat = *options.heartbeat_freq.get_or_insert(HEARTBEAT);
        let health = Self {
            state: watch::Sender::new(HealthState::Connecting),
            servers: Arc::new(Mutex::new(Servers::new(heartbeat + TOLERANCE))),
        };
        let listening = health.clone();
        options.sdam_event_handler = Some(EventHandler::callback(move |event| listening.heard(event)));
        health
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

    /// Follows the state.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<HealthState> {
        self.state.subscribe()
    }

    /// Notices servers that fall silent and logins that are refused, and logs one line when an outage begins and one
    /// when it ends. Never returns. Without it, only what the driver reports by itself is known.
    pub async fn watch(&self, database: &Database) {
        tokio::join!(self.watch_silence(), self.watch_login(database), self.log());
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
        let nearest = SelectionCriteria::ReadPreference(ReadPreference::Nearest { options: None });
        loop {
            let ping = database.run_command(doc! { "ping": 1 }).selection_criteria(nearest.clone());
            match ask(LOGIN_CHECK_INTERVAL, ping).await {
                Ok(_) => self.update(|servers| servers.login_refused = false),
                Err(DatabaseError::Login) => self.update(|servers| servers.login_refused = true),
                // Known already from the signs of life, or nothing that concerns the health.
                Err(_) => {}
            }
            tokio::time::sleep(LOGIN_CHECK_INTERVAL).await;
        }
    }

    async fn log(&self) {
        let mut states = self.subscribe();
        let mut before = HealthState::Connecting;
        loop {
            let state = states.borrow_and_update().clone();
            log_change(&before, &state);
            before = state;
            if states.changed().await.is_err() {
                return;
            }
        }
    }

    fn heard(&self, event: SdamEvent) {
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

    /// Takes in what is new, and publishes what it means.
    fn update(&self, take_in: impl FnOnce(&mut Servers)) {
        let mut servers = self.servers();
        take_in(&mut servers);
        let condition = servers.condition(Instant::now());
        // Under the lock, so that what was heard last is published last.
        self.state.send_if_modified(|state| {
            let next = condition.state(state);
            let is_new = *state != next;
            *state = next;
            is_new
        });
    }

    fn servers(&self) -> MutexGuard<'_, Servers> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log_change(before: &HealthState, now: &HealthState) {
    use HealthState::{Away, Connecting, ReadOnly, Up};
    match (before, now) {
        (Away(_), Away(outage)) | (ReadOnly(_), ReadOnly(outage)) => {
            tracing::debug!("{}", outage.reason);
        }
        (_, Away(outage) | ReadOnly(outage)) => {
            tracing::warn!("{}; trying again until this is over", outage.reason);
        }
        (Away(outage) | ReadOnly(outage), Up) => {
            let seconds = outage.began.elapsed().as_secs();
            tracing::info!("MongoDB answers again, after {seconds} s: {}", outage.reason);
        }
        (_, Connecting | Up) => {}
    }
}

/// What is known of the servers.
#[derive(Debug)]
struct Servers {
    known: BTreeMap<String, Server>,
    set_name: Option<String>,
    login_refused: bool,
    /// How long a server may be silent.
    patience: Duration,
    since: Instant,
}

#[derive(Debug)]
struct Server {
    role: Role,
    heard: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Secondary,
    /// An arbiter, or a member that is starting, rolling back or recovering.
    Other,
    /// Nothing was heard yet.
    Unknown,
    /// Does this, as the predicate of a sentence.
    Failing(String),
}

/// What the servers can do together.
#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Connecting,
    Up,
    ReadOnly(String),
    Away(String),
}

impl Condition {
    /// The state that follows from it. An outage goes on, whatever its reason is by now.
    fn state(self, before: &HealthState) -> HealthState {
        let outage = |reason, before: Option<&Outage>| match before {
            Some(before) => Outage { reason, ..before.clone() },
            None => Outage { since: SystemTime::now(), began: Instant::now(), reason },
        };
        match (self, before) {
            (Self::Connecting, _) => HealthState::Connecting,
            (Self::Up, _) => HealthState::Up,
            (Self::ReadOnly(reason), HealthState::ReadOnly(before)) => {
                HealthState::ReadOnly(outage(reason, Some(before)))
            }
            (Self::ReadOnly(reason), _) => HealthState::ReadOnly(outage(reason, None)),
            (Self::Away(reason), HealthState::Away(before)) => {
                HealthState::Away(outage(reason, Some(before)))
            }
            (Self::Away(reason), _) => HealthState::Away(outage(reason, None)),
        }
    }
}

impl Servers {
    fn new(patience: Duration) -> Self {
        Self { known: BTreeMap::new(), set_name: None, login_refused: false, patience, since: Instant::now() }
    }

    fn described(&mut self, topology: &TopologyDescription) {
        self.set_name = topology.set_name().cloned();
        let mut before = std::mem::take(&mut self.known);
        for (address, server) in topology.servers() {
            let address = address.to_string();
            let role = match (server.server_type(), server.error()) {
                (_, Some(error)) => Role::Failing(words::cause(&error.to_string())),
                (
                    ServerType::Standalone
                    | ServerType::Mongos
                    | ServerType::RsPrimary
                    | ServerType::LoadBalancer,
                    None,
                ) => Role::Primary,
                (ServerType::RsSecondary, None) => Role::Secondary,
                (ServerType::Unknown, None) => Role::Unknown,
                (_, None) => Role::Other,
            };
            let heard = before.remove(&address).and_then(|server| server.heard);
            self.known.insert(address, Server { role, heard });
        }
    }

    fn answered(&mut self, address: &str) {
        if let Some(server) = self.known.get_mut(address) {
            server.heard = Some(Instant::now());
        }
    }

    fn condition(&self, now: Instant) -> Condition {
        let mut roles: Vec<_> = Vec::with_capacity(self.known.len());
        for (address, server) in &self.known {
            let expected_since = match (&server.role, server.heard) {
                (Role::Failing(_), _) => None,
                (Role::Unknown, None) => Some(self.since),
                // Behind a load balancer there are no signs of life.
                (_, heard) => heard,
            };
            let is_silent =
                expected_since.is_some_and(|at| now.saturating_duration_since(at) > self.patience);
            let role =
                if is_silent { Role::Failing("does not answer".to_owned()) } else { server.role.clone() };
            roles.push((address.as_str(), role));
        }
        let of = |role: &Role| -> Vec<_> {
            roles.iter().filter(|(_, own)| own == role).map(|(address, _)| *address).collect()
        };
        let secondaries = of(&Role::Secondary);
        if self.login_refused {
            Condition::Away(DatabaseError::Login.to_string())
        } else if !of(&Role::Primary).is_empty() {
            Condition::Up
        } else if !secondaries.is_empty() {
            let secondaries = secondaries.join(", ");
            Condition::ReadOnly(format!("MongoDB has no primary, only {secondaries}: nothing can be written"))
        } else if !of(&Role::Unknown).is_empty() {
            Condition::Connecting
        } else if roles.is_empty() {
            match &self.set_name {
                Some(name) => Condition::Away(format!(
                    "no server in MONGODB_URI belongs to the replica set {name}, which replicaSet asks for"
                )),
                None => Condition::Connecting,
            }
        } else {
            Condition::Away(words::each_server(roles.iter().map(|(address, role)| match role {
                Role::Failing(what) => (*address, what.as_str()),
                _ => (*address, "is starting, recovering or an arbiter"),
            })))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(roles: &[(&str, Role)]) -> Servers {
        let mut servers = Servers::new(Duration::from_secs(5));
        for (address, role) in roles {
            let server = Server { role: role.clone(), heard: Some(Instant::now()) };
            servers.known.insert((*address).to_owned(), server);
        }
        servers
    }

    fn failing() -> Role {
        Role::Failing("refuses connections".to_owned())
    }

    #[test]
    fn one_server_that_takes_writes_is_enough() {
        let servers = servers(&[("a:1", failing()), ("b:1", Role::Primary), ("c:1", Role::Secondary)]);
        assert_eq!(servers.condition(Instant::now()), Condition::Up);
    }

    #[test]
    fn without_a_primary_it_can_be_read_and_without_any_server_it_is_away() {
        let read_only = servers(&[("a:1", failing()), ("b:1", Role::Secondary), ("c:1", Role::Other)]);
        let expected = "MongoDB has no primary, only b:1: nothing can be written";
        assert_eq!(read_only.condition(Instant::now()), Condition::ReadOnly(expected.to_owned()));
        let away = servers(&[("a:1", failing()), ("b:1", failing()), ("c:1", Role::Other)]);
        let expected = "MongoDB at a:1 refuses connections; b:1 refuses connections; \
                        c:1 is starting, recovering or an arbiter";
        assert_eq!(away.condition(Instant::now()), Condition::Away(expected.to_owned()));
    }

    #[test]
    fn a_server_that_falls_silent_counts_as_gone() {
        let servers = servers(&[("a:1", Role::Primary)]);
        let later = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(servers.condition(later(4)), Condition::Up);
        let expected = "MongoDB at a:1 does not answer";
        assert_eq!(servers.condition(later(6)), Condition::Away(expected.to_owned()));
    }

    #[test]
    fn an_outage_keeps_its_beginning_when_its_reason_changes() {
        let first = Condition::Away("one".to_owned()).state(&HealthState::Up);
        let second = Condition::Away("two".to_owned()).state(&first);
        let (HealthState::Away(first), HealthState::Away(second)) = (first, second) else { panic!() };
        assert_eq!((first.since, first.began), (second.since, second.began));
        assert_eq!(second.reason, "two");
    }
}
