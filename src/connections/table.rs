//! All open connections: letting new ones in, and ending those whose time is up.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use super::connection::{OpenConnection, Shared};
use super::{IDLE_AFTER, MAX_SLOW, MIN_TAKEN, Network, STALL_TIME, STALLED_AFTER};
use crate::memory;

/// The open files that are kept for other things than connections: MongoDB, logs, and files that are read.
const OTHER_FILES: usize = 64;

/// Once so many connections have ended, freed memory is returned to the system.
const RELEASE_AFTER: usize = 64;

/// The time without a refused connection after which the log says that it is over, in seconds.
const QUIET: u32 = 60;

/// How many connections may be open.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionLimits {
    /// From all addresses.
    pub(crate) total: usize,
    /// From one address, or one IPv6 network of 64 bits.
    pub(crate) per_address: usize,
}

impl ConnectionLimits {
    /// These limits, as far as a process may have them that may open so many files.
    #[must_use]
    pub(crate) fn within(self, open_files: usize) -> Self {
        let others = OTHER_FILES.min(open_files / 2);
        Self { total: self.total.min(open_files - others).max(1), ..self }
    }
}

/// The open connections.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    limits: ConnectionLimits,
    shared: Arc<Shared>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<u64, TableEntry>,
    /// Those that were not ended, by where they come from.
    by_network: HashMap<Network, usize>,
    /// How many were not ended.
    open: usize,
    next: u64,
    /// The most entries since memory was last returned.
    most: usize,
    /// When a limit was last reached, while the log has not said that it is over.
    limited_at: Option<u32>,
}

#[derive(Debug)]
struct TableEntry {
    connection: Arc<OpenConnection>,
    network: Network,
    /// Whether it was ended. It stays until its task has noticed.
    is_ended: bool,
    /// When it was last seen to have taken enough, and the bytes it had taken until then.
    took: (u32, u64),
}

/// The place of one connection among those that may be open, for as long as its socket is.
#[derive(Debug)]
pub(crate) struct ConnectionPlace {
    connections: Arc<ConnectionTable>,
    id: u64,
    connection: Arc<OpenConnection>,
}

impl ConnectionTable {
    /// No connections yet.
    #[must_use]
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self { limits, shared: Arc::default(), table: Mutex::default() })
    }

    /// A place for a new connection, if need be that of another one. `None` if the limit is reached and all that could
    /// make room are at work.
    #[must_use]
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<ConnectionPlace> {
        let connection = Arc::new(OpenConnection::new(peer, self.shared.clone()));
        let network = connection.network();
        let mut table = self.table.lock();
        let own = table.count(network);
        // Those that are at work or about to be do not count here, so they are only looked at where there are many.
        let per_address = self.limits.per_address;
        let is_full = own >= per_address && table.idle_of(network).len() >= per_address;
        if is_full || table.open >= self.limits.total {
            if table.limited_at.replace(self.shared.clock.load(Relaxed)).is_none() {
                let (open, from_there) = (table.open, own);
                tracing::warn!(open, address = %peer, from_there, "too many connections: idle ones end for new ones");
            }
            table.displace(own, is_full.then_some(network))?;
        }
        let id = table.next;
        table.next += 1;
        table.open += 1;
        *table.by_network.entry(network).or_default() += 1;
        let took = (self.shared.clock.load(Relaxed), 0);
        table.entries.insert(id, TableEntry { connection: connection.clone(), network, is_ended: false, took });
        table.most = table.most.max(table.entries.len());
        Some(ConnectionPlace { connections: self.clone(), id, connection })
    }

    /// Ends a connection that makes no progress, for want of something else that each needs. Returns whether there was
    /// one.
    pub(crate) fn displace(&self) -> bool {
        self.table.lock().displace(0, None).is_some()
    }

    /// Whether more sockets are open than may be, since ended connections have not noticed yet.
    pub(crate) fn is_overfull(&self) -> bool {
        self.table.lock().entries.len() > self.limits.total
    }

    /// Takes the places among the scrapes at once from a connection whose client does not take its answer, and ends
    /// it: one that has taken nothing for a moment, or one of an address other than `peer` that holds half of the
    /// `all` places. Returns how many places that are.
    pub(crate) fn take_scrape_places(&self, peer: IpAddr, all: usize) -> Option<usize> {
        let mut table = self.table.lock();
        let network = Network::from(peer);
        let mut held: HashMap<Network, u32> = HashMap::new();
        for entry in table.entries.values() {
            *held.entry(entry.network).or_default() += entry.connection.scrapes();
        }
        let holds_half = |from: Network| from != network && 2 * held[&from] as usize >= all;
        let stalled = table.entries.iter().filter(|(_, entry)| {
            let connection = &entry.connection;
            let is_stalled = connection.still() >= STALLED_AFTER || holds_half(entry.network);
            !entry.is_ended && connection.scrapes() > 0 && connection.is_blocked() && is_stalled
        });
        let id = stalled.max_by_key(|(_, entry)| entry.connection.still()).map(|(id, _)| *id)?;
        let places = table.entries[&id].connection.take_scrapes();
        table.end(id);
        Some(places as usize)
    }

    /// Ends the connections whose time is up. Called once a second.
    pub(crate) fn sweep(&self) {
        // Sweeps are counted, not seconds: while the process does not get to read, nobody is slow.
        self.sweep_at(self.shared.clock.load(Relaxed).saturating_add(1));
    }

    fn sweep_at(&self, now: u32) {
        self.shared.clock.store(now, Relaxed);
        let mut table = self.table.lock();
        for id in table.overdue(now) {
            table.end(id);
        }
        for id in table.beyond(self.limits.per_address) {
            table.end(id);
        }
        if table.limited_at.is_some_and(|at| now.saturating_sub(at) >= QUIET) {
            table.limited_at = None;
            tracing::info!(open = table.open, "the connections are within their limits again");
        }
        let left = table.entries.len();
        let release = table.most >= left + RELEASE_AFTER;
        if release {
            table.most = left;
        }
        drop(table);
        if release {
            memory::release();
        }
    }
}

impl Table {
    fn count(&self, network: Network) -> usize {
        self.by_network.get(&network).copied().unwrap_or_default()
    }

    /// Ends the connection that is given up most readily, of this network only if one is named: one of the network with
    /// the most connections. A network that has no more than the `own` connections of the new one keeps those with a
    /// request under way.
    fn displace(&mut self, own: usize, only: Option<Network>) -> Option<()> {
        let candidates = self.entries.iter().filter(|(_, entry)| !entry.is_ended);
        let ranked = candidates.filter_map(|(id, entry)| {
            let (class, still) = entry.connection.idleness()?;
            let count = self.count(entry.network);
            let may_end = match only {
                Some(only) => only == entry.network,
                None => count > own || class > 0,
            };
            may_end.then_some(((count, class, still), *id))
        });
        let (_, id) = ranked.max()?;
        self.end(id);
        Some(())
    }

    /// The connections of a network that have no request under way and have stood still for a moment, those first that
    /// are given up most readily.
    fn idle_of(&self, network: Network) -> Vec<u64> {
        let of_network = self.entries.iter().filter(|(_, entry)| !entry.is_ended && entry.network == network);
        let idle = of_network.filter_map(|(id, entry)| {
            let (class, still) = entry.connection.idleness()?;
            (class > 0 && entry.connection.still() >= IDLE_AFTER).then_some((class, still, *id))
        });
        let mut idle: Vec<_> = idle.collect();
        idle.sort_unstable_by(|one, other| other.cmp(one));
        idle.into_iter().map(|(_, _, id)| id).collect()
    }

    /// The idle connections that are more than one address may have: they were at work when others came.
    fn beyond(&self, per_address: usize) -> Vec<u64> {
        let many = self.by_network.iter().filter(|(_, count)| **count > per_address);
        many.flat_map(|(network, _)| {
            let idle = self.idle_of(*network);
            let beyond = idle.len().saturating_sub(per_address);
            idle.into_iter().take(beyond)
        })
        .collect()
    }

    /// The connections whose time is up.
    fn overdue(&mut self, now: u32) -> Vec<u64> {
        let (mut overdue, mut slow) = (Vec::new(), Vec::new());
        for (id, entry) in self.entries.iter_mut().filter(|(_, entry)| !entry.is_ended) {
            let connection = &entry.connection;
            let (since, before) = entry.took;
            let written = connection.written();
            if !connection.is_blocked() || written - before >= MIN_TAKEN {
                entry.took = (now, written);
            } else if now.saturating_sub(since) >= STALL_TIME {
                overdue.push(*id);
                continue;
            }
            if connection.is_overdue() {
                overdue.push(*id);
            } else if connection.is_slow() {
                slow.push((connection.began(), *id));
            }
        }
        // The newest stay.
        slow.sort_unstable();
        let too_many = slow.len().saturating_sub(MAX_SLOW);
        overdue.extend(slow.into_iter().take(too_many).map(|(_, id)| id));
        overdue
    }

    fn end(&mut self, id: u64) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.is_ended = true;
        entry.connection.end();
        let network = entry.network;
        self.forget(network);
    }

    /// One connection less counts.
    fn forget(&mut self, network: Network) {
        self.open -= 1;
        if let Some(count) = self.by_network.get_mut(&network) {
            *count -= 1;
            if *count == 0 {
                self.by_network.remove(&network);
            }
        }
    }
}

impl ConnectionPlace {
    /// The connection that has this place.
    pub(crate) fn connection(&self) -> &Arc<OpenConnection> {
        &self.connection
    }
}

impl Drop for ConnectionPlace {
    fn drop(&mut self) {
        let mut table = self.connections.table.lock();
        if let Some(entry) = table.entries.remove(&self.id)
            && !entry.is_ended
        {
            table.forget(entry.network);
        }
    }
}

#[cfg(test)]
mod tests;
