//! Which connections are open, how far each has come, and which one ends when there are too many.
//!
//! A timer for each connection would cost every scrape, so there is none: a connection only notes, in atomics, when it
//! last made progress, and [`ConnectionTable::sweep`] looks at all of them once a second. It ends
//! - those that have begun a request and not finished its headers within [`HEADERS_TIME`],
//! - those that wait for a request longer than [`IDLE_TIME`], or for their first one longer than [`HEADERS_TIME`],
//! - those that take too little of their answer ([`MIN_TAKEN`] in [`STALL_TIME`]), and
//! - of those that take more than [`SLOW_AFTER`] for an answer, all but the last [`MAX_SLOW`]: each may hold a snapshot
//!   that has long been replaced.
//!
//! A new connection is let in where it can be. If a limit is reached, one that waits for its client ends for it, and
//! one of the address that has the most: so whoever opens many connections displaces their own. Connections for which
//! the service is at work are never ended for others. Those with a request under way do not count against the limit of
//! their address: they end with it, and a program that sends much at once is no attack. That limit holds a few seconds
//! after a burst.

mod bodies;
mod connection;
mod current;
mod network;
mod open_files;
mod table;
mod websockets;

pub(crate) use bodies::{BodyRoom, HeldRoom};
pub(crate) use connection::OpenConnection;
pub(crate) use current::{current, give_way, is_encrypted, peer, with_connection};
pub(crate) use network::Network;
pub(crate) use open_files::open_files;
pub use open_files::raise_open_files;
pub(crate) use table::{ConnectionLimits, ConnectionPlace, ConnectionTable};
pub(crate) use websockets::MAX_WEBSOCKETS;

/// The time for the headers of a request, in seconds.
const HEADERS_TIME: u32 = 30;

/// Headers from this size on are large, in bytes: they take more than the first buffer of a connection.
const LARGE_HEADERS: usize = 8 << 10;

/// How many connections at once may have sent large headers that are not complete. Further ones end.
const MAX_LARGE_HEADERS: usize = 64;

/// Bodies of routes with a limit up to this are small, in bytes.
const SMALL_BODY: usize = 64 << 10;

/// The bytes of small bodies, which anybody may send, that are being read at once.
const SMALL_BODIES: usize = 4 << 20;

/// The bytes of batches of events that are being read at once. Four of the largest; further ones wait for a moment.
const BATCHES: usize = 16 << 20;

/// The time for which a connection may wait for its next request, in seconds.
const IDLE_TIME: u32 = 75;

/// The time in which a client that is slow to take its answer must have taken [`MIN_TAKEN`], in seconds.
const STALL_TIME: u32 = 30;

/// What a slow client must have taken in [`STALL_TIME`], in bytes.
const MIN_TAKEN: u64 = 64 << 10;

/// The time after which an answer that is still being taken is slow, in seconds.
const SLOW_AFTER: u32 = 5;

/// How many answers may be slow at once. Each may keep the memory of one snapshot.
const MAX_SLOW: usize = 8;

/// A connection counts against the limit of its address when it has stood still for this long, in seconds: a burst of
/// requests on new connections is none of idle ones.
const IDLE_AFTER: u32 = 2;

/// A connection with a request under way may be ended for a new one when it waits for its client this long, in seconds.
const STALLED_AFTER: u32 = 2;
