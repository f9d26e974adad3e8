//! The address that a request was sent from.

use std::net::{IpAddr, Ipv4Addr};

use crate::connections;

/// The address that the request under way was sent from; unspecified (0.0.0.0) outside of a connection's task.
pub(in crate::http) fn peer() -> IpAddr {
    connections::peer().unwrap_or(Ipv4Addr::UNSPECIFIED.into())
}
