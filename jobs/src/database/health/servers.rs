//! What is known of each server, and what follows for the database as a whole.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use mongodb::event::sdam::TopologyDescription;
use mongodb::{ServerType, TopologyType};

use super::state::{HealthState, Outage};
use crate::database::driver_messages;
use crate::database::error::DatabaseError;

/// What is known of the servers.
#[derive(Debug)]
pub(super) struct Servers {
    known: BTreeMap<String, Server>,
    set_name: Option<String>,
    /// Whether the connection string asks for one server and no other (`directConnection`).
    is_direct: bool,
    /// Whether the last login was refused.
    pub(super) login_refused: bool,
    /// A server that is silent for longer counts as gone.
    silence_limit: Duration,
    since: Instant,
}

#[derive(Debug)]
struct Server {
    role: ServerRole,
    heard: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ServerRole {
    Primary,
    Secondary,
    /// An arbiter, or a member that is starting, rolling back or recovering.
    Other,
    /// Nothing was heard yet.
    Unknown,
    /// Does this, as the predicate of a sentence.
    Failing(String),
}

/// What can be done with these servers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Condition {
    Connecting,
    Up,
    ReadOnly(String),
    Away(String),
}

impl Condition {
    /// The state that follows from it. An outage keeps its beginning when its reason changes.
    pub(super) fn state(self, before: &HealthState) -> HealthState {
        let outage = |reason, before: Option<&Outage>| match before {
            Some(before) => Outage { reason, ..before.clone() },
            None => Outage { since: SystemTime::now(), began: Instant::now(), reason },
        };
        match (self, before) {
            // A server that may be coming back has not answered yet.
            (Self::Connecting, HealthState::Away(_) | HealthState::ReadOnly(_)) => before.clone(),
            (Self::Connecting, _) => HealthState::Connecting,
            (Self::Up, _) => HealthState::Up,
            (Self::ReadOnly(reason), HealthState::ReadOnly(before)) => {
                HealthState::ReadOnly(outage(reason, Some(before)))
            }
            (Self::ReadOnly(reason), _) => HealthState::ReadOnly(outage(reason, None)),
            (Self::Away(reason), HealthState::Away(before)) => HealthState::Away(outage(reason, Some(before))),
            (Self::Away(reason), _) => HealthState::Away(outage(reason, None)),
        }
    }
}

impl Servers {
    pub(super) fn new(silence_limit: Duration) -> Self {
        let (known, since) = (BTreeMap::new(), Instant::now());
        Self { known, set_name: None, is_direct: false, login_refused: false, silence_limit, since }
    }

    pub(super) fn described(&mut self, topology: &TopologyDescription) {
        self.set_name = topology.set_name().cloned();
        self.is_direct = topology.topology_type() == TopologyType::Single;
        let mut before = std::mem::take(&mut self.known);
        for (address, server) in topology.servers() {
            let address = address.to_string();
            let role = match (server.server_type(), server.error()) {
                (_, Some(error)) => ServerRole::Failing(driver_messages::cause(&error.to_string())),
                (
                    ServerType::Standalone | ServerType::Mongos | ServerType::RsPrimary | ServerType::LoadBalancer,
                    None,
                ) => ServerRole::Primary,
                (ServerType::RsSecondary, None) => ServerRole::Secondary,
                (ServerType::Unknown, None) => ServerRole::Unknown,
                (_, None) => ServerRole::Other,
            };
            let heard = before.remove(&address).and_then(|server| server.heard);
            self.known.insert(address, Server { role, heard });
        }
    }

    pub(super) fn answered(&mut self, address: &str) {
        if let Some(server) = self.known.get_mut(address) {
            server.heard = Some(Instant::now());
        }
    }

    /// The addresses of the secondaries, apart from those that are silent.
    pub(super) fn secondaries(&self, now: Instant) -> Vec<String> {
        let answers = |server: &Server| {
            server.heard.is_some_and(|heard| now.saturating_duration_since(heard) <= self.silence_limit)
        };
        let known = self.known.iter().filter(|(_, server)| server.role == ServerRole::Secondary && answers(server));
        known.map(|(address, _)| address.clone()).collect()
    }

    pub(super) fn condition(&self, now: Instant) -> Condition {
        let mut roles: Vec<_> = Vec::with_capacity(self.known.len());
        for (address, server) in &self.known {
            let expected_since = match (&server.role, server.heard) {
                (ServerRole::Failing(_), _) => None,
                (ServerRole::Unknown, None) => Some(self.since),
                // Behind a load balancer there are no heartbeats.
                (_, heard) => heard,
            };
            let is_silent = expected_since.is_some_and(|at| now.saturating_duration_since(at) > self.silence_limit);
            let role = if is_silent { ServerRole::Failing("does not answer".to_owned()) } else { server.role.clone() };
            roles.push((address.as_str(), role));
        }
        let of = |role: &ServerRole| -> Vec<_> {
            roles.iter().filter(|(_, own)| own == role).map(|(address, _)| *address).collect()
        };
        let secondaries = of(&ServerRole::Secondary);
        if self.login_refused {
            Condition::Away(DatabaseError::Login.to_string())
        } else if !of(&ServerRole::Primary).is_empty() {
            Condition::Up
        } else if !secondaries.is_empty() {
            let secondaries = secondaries.join(", ");
            if self.is_direct {
                return Condition::ReadOnly(format!(
                    "MongoDB at {secondaries} is a secondary, and MONGODB_URI connects to no other server: nothing can \
                     be written"
                ));
            }
            Condition::ReadOnly(format!("MongoDB has no primary, only {secondaries}: nothing can be written"))
        } else if !of(&ServerRole::Unknown).is_empty() {
            Condition::Connecting
        } else if roles.is_empty() {
            match &self.set_name {
                Some(name) => Condition::Away(driver_messages::not_in_set(name)),
                None => Condition::Connecting,
            }
        } else {
            Condition::Away(driver_messages::each_server(roles.iter().map(|(address, role)| match role {
                ServerRole::Failing(what) => (*address, what.as_str()),
                _ => (*address, "is starting, recovering or an arbiter"),
            })))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(roles: &[(&str, ServerRole)]) -> Servers {
        let mut servers = Servers::new(Duration::from_secs(5));
        for (address, role) in roles {
            let server = Server { role: role.clone(), heard: Some(Instant::now()) };
            servers.known.insert((*address).to_owned(), server);
        }
        servers
    }

    fn failing() -> ServerRole {
        ServerRole::Failing("refuses connections".to_owned())
    }

    #[test]
    fn one_server_that_takes_writes_is_enough() {
        let servers = servers(&[("a:1", failing()), ("b:1", ServerRole::Primary), ("c:1", ServerRole::Secondary)]);
        assert_eq!(servers.condition(Instant::now()), Condition::Up);
    }

    #[test]
    fn without_a_primary_it_can_be_read_and_without_any_server_it_is_away() {
        let read_only = servers(&[("a:1", failing()), ("b:1", ServerRole::Secondary), ("c:1", ServerRole::Other)]);
        let expected = "MongoDB has no primary, only b:1: nothing can be written";
        assert_eq!(read_only.condition(Instant::now()), Condition::ReadOnly(expected.to_owned()));
        let away = servers(&[("a:1", failing()), ("b:1", failing()), ("c:1", ServerRole::Other)]);
        let expected = "MongoDB at a:1 refuses connections; b:1 refuses connections; \
                        c:1 is starting, recovering or an arbiter";
        assert_eq!(away.condition(Instant::now()), Condition::Away(expected.to_owned()));
    }

    #[test]
    fn a_server_that_falls_silent_counts_as_gone() {
        let servers = servers(&[("a:1", ServerRole::Primary)]);
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

    #[test]
    fn an_outage_ends_when_a_server_answers_and_not_when_one_may_be_coming_back() {
        let outage = Condition::Away("one".to_owned()).state(&HealthState::Up);
        let coming_back = servers(&[("a:1", ServerRole::Unknown), ("b:1", failing())]);
        assert_eq!(coming_back.condition(Instant::now()).state(&outage), outage);
        assert_eq!(Condition::Up.state(&outage), HealthState::Up);
    }
}
