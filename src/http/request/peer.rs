//! The address that a request was sent from.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};

tokio::task_local! {
    /// The other end of the connection whose task this is. An extension of each request would be the usual place, and
    /// three allocations a scrape.
    static PEER: IpAddr;
}

/// Runs the task of a connection whose other end is `peer`.
pub(in crate::http) fn with_peer<F: Future>(peer: IpAddr, connection: F) -> impl Future<Output = F::Output> {
    PEER.scope(peer, connection)
}

/// The address that the request under way was sent from; unspecified (0.0.0.0) outside of a connection's task.
pub(in crate::http) fn peer() -> IpAddr {
    PEER.try_with(|peer| *peer).unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}
