//! The connection to MongoDB.

use std::time::Duration;

use mongodb::bson::doc;
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use playarr_jobs::database::plain_message;

use crate::app::AppError;
use crate::config::{Config, ConfigError, redacted_uri};

/// How long the driver looks for a server, and waits for a connection, unless the connection string says otherwise.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// The database of the configuration. Nothing is sent yet: the driver connects when it is first asked something.
///
/// # Errors
/// When the connection string is none, or names a host that cannot be looked up (`mongodb+srv`).
pub async fn connect(config: &Config) -> Result<Database, AppError> {
    let uri = config.mongodb_uri.reveal();
    // The driver's own message may quote the connection string, password and all.
    let refused = |error: Error| match *error.kind {
        ErrorKind::DnsResolve { .. } => AppError::Unreachable {
            uri: redacted_uri(uri),
            error: "its servers could not be looked up in the DNS".to_owned(),
        },
        _ => ConfigError::Uri { redacted: redacted_uri(uri) }.into(),
    };
    let mut options = ClientOptions::parse(uri).await.map_err(refused)?;
    options.app_name.get_or_insert_with(|| "playarr-metrics".to_owned());
    options.server_selection_timeout.get_or_insert(CONNECT_PATIENCE);
    options.connect_timeout.get_or_insert(CONNECT_PATIENCE);
    let client = Client::with_options(options).map_err(refused)?;
    Ok(client.database(&config.mongodb_db_name))
}

/// Succeeds if the database answers.
///
/// # Errors
/// When it does not.
pub async fn ping(config: &Config, database: &Database) -> Result<(), AppError> {
    let unreachable = |error| AppError::Unreachable { uri: redacted_uri(config.mongodb_uri.reveal()), error };
    let ping = database.run_command(doc! { "ping": 1 }).into_future();
    match tokio::time::timeout(2 * CONNECT_PATIENCE, ping).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(plain_message(&error))),
        Err(_) => Err(unreachable("no answer in time".to_owned())),
    }
}
