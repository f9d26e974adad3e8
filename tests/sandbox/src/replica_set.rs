//! A replica set of one's own, to stop members of and to start them again.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Client, error::Error};
use tokio::time::{Instant, sleep};

use crate::{Mongod, SandboxError};

const NAME: &str = "playarr";
const ELECTION_LIMIT: Duration = Duration::from_secs(60);

/// What a member of a [`ReplicaSet`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member {
    /// The first one that is elected, and preferred later.
    Primary,
    /// Holds data.
    Secondary,
    /// Only votes.
    Arbiter,
}

/// Running members on this machine. Dropping it ends them.
#[derive(Debug)]
pub struct ReplicaSet {
    /// In the order they were asked for.
    pub members: Vec<Mongod>,
    /// The port by which the others and the clients find each member.
    ports: Vec<u16>,
}

impl ReplicaSet {
    /// Starts the members and returns when the primary accepts writes.
    ///
    /// # Errors
    /// If a member does not come up, or none is elected.
    pub async fn start(members: &[Member]) -> Result<Self, SandboxError> {
        Self::start_behind(members, async |port| port).await
    }

    /// As [`Self::start`], with something before each member: `before` is given the port of a member, and returns the
    /// one by which all others find it.
    ///
    /// # Errors
    /// If a member does not come up, or none is elected.
    pub async fn start_behind(
        members: &[Member],
        mut before: impl AsyncFnMut(u16) -> u16,
    ) -> Result<Self, SandboxError> {
        let arguments = ["--replSet", NAME, "--setParameter", "enableTestCommands=1", "--oplogSize", "16"];
        let (mut started, mut ports) = (Vec::new(), Vec::new());
        for _ in members {
            let mongod = Mongod::builder().arguments(&arguments).start().await?;
            ports.push(before(mongod.port()).await);
            started.push(mongod);
        }
        let configured = members.iter().zip(&ports).enumerate().map(|(id, (member, port))| {
            doc! {
                "_id": i32::try_from(id).unwrap_or(i32::MAX),
                "host": format!("127.0.0.1:{port}"),
                "arbiterOnly": *member == Member::Arbiter,
                "priority": match member { Member::Primary => 2, Member::Secondary => 1, Member::Arbiter => 0 },
            }
        });
        let config = doc! {
            "_id": NAME,
            "members": configured.collect::<Vec<_>>(),
            "settings": { "electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500 },
        };
        let set = Self { members: started, ports };
        let failed = SandboxError::replica_set;
        set.run(0, doc! { "replSetInitiate": config }).await.map_err(failed)?;
        set.until_writable(0).await?;
        // A primary with an arbiter refuses to be asked for what it cannot promise unless a default is set.
        let default = doc! { "setDefaultRWConcern": 1, "defaultWriteConcern": { "w": 1 } };
        set.run(0, default).await.map_err(failed)?;
        Ok(set)
    }

    /// The URI of the whole set. Servers are given up soon, so that a test sees an outage soon.
    #[must_use]
    pub fn uri(&self) -> String {
        let hosts: Vec<_> = self.ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("mongodb://{}/?replicaSet={NAME}&serverSelectionTimeoutMS=2000", hosts.join(","))
    }

    /// Waits until a member accepts writes.
    ///
    /// # Errors
    /// If it does not within a minute.
    pub async fn until_writable(&self, member: usize) -> Result<(), SandboxError> {
        let is_writable = |reply: &Document| reply.get_bool("isWritablePrimary").is_ok_and(|is_primary| is_primary);
        self.until(member, is_writable).await
    }

    /// Waits until a member follows a primary.
    ///
    /// # Errors
    /// If it does not within a minute.
    pub async fn until_secondary(&self, member: usize) -> Result<(), SandboxError> {
        self.until(member, |reply| reply.get_bool("secondary").is_ok_and(|is_secondary| is_secondary)).await
    }

    async fn until(&self, member: usize, holds: impl Fn(&Document) -> bool) -> Result<(), SandboxError> {
        let deadline = Instant::now() + ELECTION_LIMIT;
        loop {
            let reply = self.run(member, doc! { "hello": 1 }).await;
            if reply.as_ref().is_ok_and(&holds) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(SandboxError::replica_set(format!("after a minute hello says {reply:?}")));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a command on the admin database of one member.
    ///
    /// # Errors
    /// If the member does not answer, or refuses.
    pub async fn run(&self, member: usize, command: Document) -> Result<Document, Error> {
        let uri = format!("{}&serverSelectionTimeoutMS=2000", self.members[member].uri());
        let client = Client::with_uri_str(&uri).await?;
        let reply = client.database("admin").run_command(command).await;
        client.shutdown().immediate(true).await;
        reply
    }
}
