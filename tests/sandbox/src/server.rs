//! One MongoDB, whichever way it came.

use std::{
    fmt::Write as _,
    io::{Write as _, stderr},
};

use crate::{
    Mongod, SandboxError, Settings, TestDatabase, Way,
    command::one_line,
    docker::{self, Container},
    probe, runtime, uri,
};

/// A MongoDB that answers. Dropping it ends the server, unless somebody else runs it.
#[derive(Debug)]
pub struct MongoDb {
    uri: String,
    way: Way,
    host: Host,
}

/// What has to end with the server.
#[derive(Debug)]
enum Host {
    Theirs,
    Container(Container),
    Process(Mongod),
}

impl MongoDb {
    /// Starts a server one way and no other. [`crate::mongodb`] is what most tests want.
    ///
    /// # Errors
    /// If that way leads to no server.
    pub async fn start(way: Way) -> Result<Self, SandboxError> {
        Settings::from_env().start(way).await
    }

    /// The URI to connect to.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The way it came.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// A new name for a database on this server. The server makes the database on the first write.
    #[must_use]
    pub fn database(&self) -> TestDatabase {
        TestDatabase::new(&self.uri, self.way == Way::Given)
    }

    /// The process id of the server, where it is a process of ours.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        match &self.host {
            Host::Process(mongod) => mongod.pid(),
            Host::Theirs | Host::Container(_) => None,
        }
    }

    /// The name of the container, where it is in one.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match &self.host {
            Host::Container(container) => Some(&container.name),
            Host::Theirs | Host::Process(_) => None,
        }
    }

    /// What it is, for the line on stderr.
    fn description(&self) -> String {
        match &self.host {
            Host::Theirs => uri::without_credentials(&self.uri),
            Host::Container(container) => {
                format!("image {} as {} on port {}", docker::image(), container.name, container.port)
            }
            Host::Process(mongod) => format!("{} on port {}", mongod.binary().display(), mongod.port()),
        }
    }
}

impl Settings {
    /// Starts a server one way and no other.
    ///
    /// # Errors
    /// If that way leads to no server.
    pub async fn start(&self, way: Way) -> Result<MongoDb, SandboxError> {
        let settings = self.clone();
        runtime::run(async move { settings.start_here(way).await }).await
    }

    /// Starts a server the first way that works, and says on stderr which that was and why.
    ///
    /// # Errors
    /// [`SandboxError::EveryWayFailed`] with the reason of each.
    pub async fn start_first(&self) -> Result<MongoDb, SandboxError> {
        let mut reasons = Vec::new();
        for way in Way::ALL {
            match self.start(way).await {
                Ok(server) => {
                    announce(&server, &reasons);
                    return Ok(server);
                }
                Err(reason) => reasons.push((way, reason)),
            }
        }
        Err(SandboxError::EveryWayFailed(reasons))
    }

    async fn start_here(&self, way: Way) -> Result<MongoDb, SandboxError> {
        let (uri, host) = match way {
            Way::Given => {
                let uri = self.uri.clone().ok_or(SandboxError::NotGiven)?;
                probe::given(&uri).await?;
                (uri, Host::Theirs)
            }
            Way::Docker => {
                let container = Container::start(&self.docker).await?;
                (probe::local_uri(container.port), Host::Container(container))
            }
            Way::Local => process(self.local_mongod().await?).await?,
            Way::Fetched => process(self.fetched_mongod().await?).await?,
        };
        Ok(MongoDb { uri, way, host })
    }
}

async fn process(binary: std::path::PathBuf) -> Result<(String, Host), SandboxError> {
    let mongod = Mongod::builder().binary(binary).start().await?;
    Ok((mongod.uri().to_owned(), Host::Process(mongod)))
}

/// One line on stderr: cargo hides what a test prints there through macros, so it is written.
fn announce(server: &MongoDb, passed_over: &[(Way, SandboxError)]) {
    let mut line = format!("playarr-sandbox: MongoDB {} ({})", server.way, server.description());
    for (way, reason) in passed_over {
        let reason = one_line(&reason.to_string(), 240);
        // Writing to a String cannot fail.
        write!(line, "; not {way}: {reason}").ok();
    }
    // Nobody to tell is no reason to fail.
    writeln!(stderr(), "{line}").ok();
}
