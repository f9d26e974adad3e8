//! The connection to MongoDB.

use std::time::Duration;

use mongodb::bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use playarr_jobs::database::{Contents, DatabaseError, Health, ask};
use tokio::sync::watch;

use crate::config::{Config, ConfigError, MongoUri};

/// How long the driver looks for a server, and waits for a connection, unless the connection string says otherwise.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// Playarr's database, its health and its contents.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The database.
    pub database: Database,
    /// Whether its server answers.
    pub health: Health,
    /// Whether it is Playarr's.
    pub contents: watch::Sender<Contents>,
}

impl Connection {
    /// Keeps `health` and `contents` true and logs what is wrong. Never returns.
    pub async fn watch(&self) {
        tokio::join!(self.health.watch(&self.database), Contents::watch(&self.database, &self.contents));
    }
}

/// No connection can be made.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The servers of a `mongodb+srv` connection string cannot be looked up. Trying again may help.
    #[error("the servers of MONGODB_URI={uri} cannot be looked up in the DNS: {error}")]
    Lookup {
        /// The connection string without its secrets.
        uri: String,
        /// Why.
        error: String,
    },
    /// Parts of the connection string contradict each other.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database does not answer.
    #[error("{error}; is MongoDB running, and is MONGODB_URI={uri} right?")]
    Unreachable {
        /// The connection string without its secrets.
        uri: String,
        /// Why.
        error: DatabaseError,
    },
}

/// The database of the configuration. Nothing is sent yet: the driver connects when it is first asked something. Only
/// the servers of a `mongodb+srv` connection string are looked up.
///
/// # Errors
/// When servers cannot be looked up, or parts of the connection string contradict each other.
pub async fn connect(config: &Config) -> Result<Connection, ConnectError> {
    let uri = &config.mongodb_uri;
    let mut options = ClientOptions::parse(uri.reveal()).await.map_err(|error| connect_error(uri, &error))?;
    options.app_name.get_or_insert_with(|| "playarr-metrics".to_owned());
    options.server_selection_timeout.get_or_insert(CONNECT_TIME);
    options.connect_timeout.get_or_insert(CONNECT_TIME);
    let health = Health::of_client(&mut options);
    let client = Client::with_options(options).map_err(|error| connect_error(uri, &error))?;
    let contents = watch::Sender::new(Contents::Unknown);
    Ok(Connection { database: client.database(&config.mongodb_db_name), health, contents })
}

/// Succeeds if the database answers.
///
/// # Errors
/// When it does not.
pub async fn ping(config: &Config, database: &Database) -> Result<(), ConnectError> {
    let ping = ask(2 * CONNECT_TIME, database.run_command(doc! { "ping": 1 })).await;
    ping.map(|_| ()).map_err(|error| ConnectError::Unreachable { uri: config.mongodb_uri.to_string(), error })
}

/// What is wrong with an option was found when the configuration was read; now it is about how they go together.
fn connect_error(uri: &MongoUri, error: &Error) -> ConnectError {
    match &*error.kind {
        ErrorKind::InvalidArgument { message, .. } | ErrorKind::InvalidTlsConfig { message, .. } => {
            ConfigError::Invalid { name: "MONGODB_URI", value: uri.to_string(), complaint: message.clone() }.into()
        }
        kind => ConnectError::Lookup { uri: uri.to_string(), error: lookup_failure(&kind.to_string()) },
    }
}

/// Why servers cannot be looked up, in plain words. The driver shows the query as its library holds it.
fn lookup_failure(text: &str) -> String {
    if text.contains("no records found") {
        return "it has no SRV records for this name".to_owned();
    }
    let is_silent = ["timed out", "no connections available", "io error"].iter().any(|sign| text.contains(sign));
    if is_silent { "no DNS server answers".to_owned() } else { text.to_owned() }
}
