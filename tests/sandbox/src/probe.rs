//! Is there a MongoDB? Only a ping through the real driver counts.

use std::time::Duration;

use mongodb::{
    Client,
    bson::{Bson, doc},
    error::{Error, ErrorKind},
    options::ClientOptions,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep},
};

use crate::{SandboxError, uri};

/// One ping of a server somebody else runs.
pub(crate) async fn given(uri: &str) -> Result<(), SandboxError> {
    let limit = Duration::from_secs(5);
    ping(uri, limit, None).await.map_err(|found| SandboxError::NoAnswer {
        uri: uri::without_credentials(uri),
        seconds: limit.as_secs(),
        found,
        remedy: "start that server, or correct or unset PLAYARR_TEST_MONGODB_URI",
    })
}

/// Waits until the server we started on a port of this machine answers. Where its process id is
/// known the one that answers must have it: another test's server may have taken the port.
pub(crate) async fn started(port: u16, pid: Option<u32>, limit: Duration) -> Result<(), SandboxError> {
    let uri = local_uri(port);
    let deadline = Instant::now() + limit;
    let mut found;
    loop {
        found = match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(_) => match ping(&uri, Duration::from_secs(5), pid).await {
                Ok(()) => return Ok(()),
                Err(found) => found,
            },
            Err(refusal) => refusal.to_string(),
        };
        if Instant::now() >= deadline {
            let remedy = "the machine may be too busy: try again with fewer things running";
            return Err(SandboxError::NoAnswer { uri, seconds: limit.as_secs(), found, remedy });
        }
        // The driver would look again only after half a second; mongod needs about that to start.
        sleep(Duration::from_millis(20)).await;
    }
}

/// The URI of a server on this machine. Direct: there is nothing to discover.
pub(crate) fn local_uri(port: u16) -> String {
    format!("mongodb://127.0.0.1:{port}/?directConnection=true")
}

async fn ping(uri: &str, limit: Duration, pid: Option<u32>) -> Result<(), String> {
    let client = client(uri, limit).await.map_err(|error| error.to_string())?;
    let answer = answer(&client, pid).await;
    client.shutdown().immediate(true).await;
    answer
}

async fn answer(client: &Client, pid: Option<u32>) -> Result<(), String> {
    let admin = client.database("admin");
    admin.run_command(doc! { "ping": 1 }).await.map_err(|error| error.to_string())?;
    let Some(pid) = pid else { return Ok(()) };
    let status = match admin.run_command(doc! { "serverStatus": 1 }).await {
        Ok(status) => status,
        // One with access control tells strangers nothing about itself.
        Err(error) if is_refusal(&error) => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    match status.get("pid") {
        Some(Bson::Int64(found)) if *found == i64::from(pid) => Ok(()),
        found => Err(format!("a server with process id {found:?} instead of {pid}")),
    }
}

/// Whether the server answered that one may not ask this.
fn is_refusal(error: &Error) -> bool {
    /// The server's code for it.
    const UNAUTHORIZED: i32 = 13;
    matches!(&*error.kind, ErrorKind::Command(command) if command.code == UNAUTHORIZED)
}

/// A client that gives up after `limit`.
pub(crate) async fn client(uri: &str, limit: Duration) -> Result<Client, Error> {
    let mut options = ClientOptions::parse(uri).await?;
    options.server_selection_timeout = Some(limit);
    options.connect_timeout = Some(limit);
    Client::with_options(options)
}
