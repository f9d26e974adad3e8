//! The connection that the request under way came over.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use super::OpenConnection;

tokio::task_local! {
    /// The connection whose task this is. An extension of each request would be the usual place, and three allocations
    /// a scrape.
    static CONNECTION: Arc<OpenConnection>;
}

/// Runs the task of a connection.
pub(crate) fn with_connection<F: Future>(connection: Arc<OpenConnection>, task: F) -> impl Future<Output = F::Output> {
    CONNECTION.scope(connection, task)
}

/// The connection of the request under way; `None` outside of a connection's task.
pub(crate) fn current() -> Option<Arc<OpenConnection>> {
    CONNECTION.try_with(Arc::clone).ok()
}

/// The address that the request under way was sent from; `None` outside of a connection's task.
pub(crate) fn peer() -> Option<IpAddr> {
    CONNECTION.try_with(|connection| connection.peer()).ok()
}

/// Whether the request under way came over TLS.
pub(crate) fn is_encrypted() -> bool {
    CONNECTION.try_with(|connection| connection.is_encrypted()).unwrap_or(false)
}

/// The connection of the request under way may be ended for a new one until this is dropped: it waits for its client,
/// or does what costs the client nothing to ask for again.
pub(crate) fn give_way() -> Option<GivesWay> {
    let connection = current()?;
    connection.set_gives_way(true);
    Some(GivesWay(connection))
}

/// See [`give_way`].
#[must_use = "it gives way for as long as this is held"]
pub(crate) struct GivesWay(Arc<OpenConnection>);

impl Drop for GivesWay {
    fn drop(&mut self) {
        self.0.set_gives_way(false);
    }
}
