//! A database of a test's own.

use std::{sync::mpsc, time::Duration};

use mongodb::{Client, Database, error::Error};

use crate::{SandboxError, probe, runtime, uri};

/// The name of a database that no other test uses.
///
/// A server of ours is thrown away with all it holds. One that was given stays, so there dropping
/// this value drops the database too: from its own thread, since a destructor cannot await, and
/// for five seconds at most. [`Self::drop_database`] does the same anywhere and can fail loudly.
/// What a killed test leaves on a given server is named `test_` and 16 hexadecimal digits.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    uri: String,
    drop_at_end: bool,
}

impl TestDatabase {
    pub(crate) fn new(server: &str, drop_at_end: bool) -> Self {
        let name = format!("test_{:016x}", rand::random::<u64>());
        let uri = uri::with_database(server, &name);
        Self { name, uri, drop_at_end }
    }

    /// The name of the database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The URI of the server, with this database as the default one.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The database through a client of its own.
    ///
    /// # Errors
    /// If the server's URI is none the driver takes.
    pub async fn connect(&self) -> Result<Database, Error> {
        Ok(Client::with_uri_str(&self.uri).await?.database(&self.name))
    }

    /// Drops the database.
    ///
    /// # Errors
    /// If the server does not answer or refuses.
    pub async fn drop_database(mut self) -> Result<(), SandboxError> {
        self.drop_at_end = false;
        drop_named(self.uri.clone(), self.name.clone()).await
    }
}

const DROP_LIMIT: Duration = Duration::from_secs(5);

async fn drop_named(uri: String, name: String) -> Result<(), SandboxError> {
    let drop_it = async {
        let client = probe::client(&uri, DROP_LIMIT).await?;
        let dropped = client.database(&name).drop().await;
        client.shutdown().immediate(true).await;
        dropped
    };
    drop_it.await.map_err(|source| SandboxError::NotDropped { name: name.clone(), source })
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if !self.drop_at_end {
            return;
        }
        let Ok(runtime) = runtime::lasting() else { return };
        let (sender, receiver) = mpsc::channel();
        let work = drop_named(self.uri.clone(), self.name.clone());
        runtime.spawn(async move { sender.send(work.await) });
        if let Ok(Err(failure)) = receiver.recv_timeout(DROP_LIMIT) {
            // The test itself is done; whoever owns the server should still know.
            eprintln!("playarr-sandbox: {failure}");
        }
    }
}
