//! What can go wrong, and what to do about it.

use std::{fmt, io, sync::Arc};

use crate::Way;

/// Why there is no MongoDB. Clonable, so that every test that asked can be told.
///
/// `Debug` shows the same text as `Display`: a test that unwraps prints that.
#[derive(Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// No way led to a server.
    #[error("no MongoDB for the tests, all four ways failed:{}", list(.0))]
    EveryWayFailed(Vec<(Way, SandboxError)>),

    /// Nobody named a server.
    #[error("PLAYARR_TEST_MONGODB_URI is not set; set it to use a MongoDB that runs already")]
    NotGiven,

    /// A server was named or started, but does not answer.
    #[error("MongoDB at {uri} did not answer a ping within {seconds} s, last: {found}; {remedy}")]
    NoAnswer {
        /// The server, without its password.
        uri: String,
        /// How long it had.
        seconds: u64,
        /// The last answer, or what came in its place.
        found: String,
        /// What to do.
        remedy: &'static str,
    },

    /// No `mongod` is installed.
    #[error("MONGOD_BIN is not set and no directory of PATH holds a mongod; install one or name it in MONGOD_BIN")]
    NoLocalMongod,

    /// There is no `mongod` to make a process of.
    #[error("no mongod to run:{}", list(.0))]
    NoMongod(Vec<(Way, SandboxError)>),

    /// A program could not be run at all.
    #[error("`{program}` cannot be run: {source}; {remedy}")]
    NotRunnable {
        /// The program.
        program: String,
        /// The system's reason.
        source: Arc<io::Error>,
        /// What to do.
        remedy: &'static str,
    },

    /// A program ran and failed.
    #[error("`{command}` failed: {found}; {remedy}")]
    CommandFailed {
        /// The command.
        command: String,
        /// Its exit status and the end of what it wrote.
        found: String,
        /// What to do.
        remedy: &'static str,
    },

    /// The container could not be started.
    #[error("Docker runs but image {image} could not be started: {found}; {remedy}")]
    Container {
        /// The image.
        image: String,
        /// What Docker said.
        found: String,
        /// What to do.
        remedy: &'static str,
    },

    /// `mongod` ended when it should have served.
    #[error("{program} ended instead of serving on port {port}; the end of its output:\n{log}")]
    Ended {
        /// The program.
        program: String,
        /// The port it was to serve.
        port: u16,
        /// The last lines it wrote.
        log: String,
    },

    /// A file, directory or pipe of ours failed us.
    #[error("could not {doing}: {source}; check that the place exists, is writable and has room")]
    Io {
        /// What was to be done, with the path.
        doing: String,
        /// The system's reason.
        source: Arc<io::Error>,
    },

    /// The user's cache directory is unknown.
    #[error("neither XDG_CACHE_HOME nor HOME is set, so there is nowhere to keep a fetched mongod; set one of them")]
    NoCacheDirectory,

    /// A replica set did not come up.
    #[error("the replica set of the tests is not ready: {0}; the machine may be too busy: try again")]
    ReplicaSet(String),

    /// A test database could not be dropped.
    #[error("could not drop test database {name}: {source}; drop it by hand if the server is to stay")]
    NotDropped {
        /// The database.
        name: String,
        /// The driver's reason.
        source: mongodb::error::Error,
    },
}

impl fmt::Debug for SandboxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SandboxError {
    pub(crate) fn replica_set(found: impl fmt::Display) -> Self {
        Self::ReplicaSet(found.to_string())
    }

    /// For use in `map_err`: what was being done when the system said no.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { doing: doing.into(), source: Arc::new(source) }
    }
}

/// The reasons as a numbered list, one way a line.
fn list(reasons: &[(Way, SandboxError)]) -> String {
    reasons.iter().enumerate().fold(String::new(), |text, (index, (way, reason))| {
        let reason = reason.to_string().replace('\n', "\n     ");
        format!("{text}\n  {}. {way}: {reason}", index + 1)
    })
}
