//! Whose login is checked next.
//!
//! Checking a password takes tens of milliseconds of a core, by design, so that few are checked at once and the others
//! wait. A queue by arrival would let whoever sends the most wait the least. Here
//! - those go first who have signed in before, under that name and from there, and
//! - of the others, the address whose last turn was the longest ago: one that sends a hundred logins waits for each of
//!   them as long as the others for their one.
//!
//! If too many wait, the latest of the address with the most gives way.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::connections::Network;

/// How many logins may wait.
const MAX_WAITING: usize = 256;

/// Of how many addresses the last turn is remembered.
const MAX_TURNS: usize = 4096;

/// More logins wait than there is room for.
#[derive(Debug)]
pub(super) struct Busy;

/// Gives turns, so many at a time.
#[derive(Debug)]
pub(super) struct LoginQueue(Mutex<Queue>);

#[derive(Debug)]
struct Queue {
    free: usize,
    waiting: Vec<Waiter>,
    /// The number of each address's last turn, while it is remembered.
    last_turns: HashMap<Network, u64>,
    turns: u64,
}

#[derive(Debug)]
struct Waiter {
    network: Network,
    is_known: bool,
    /// Gone if nobody waits any more.
    wake: oneshot::Sender<Turn>,
}

/// A turn, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Arc<LoginQueue>,
}

impl LoginQueue {
    /// A queue that gives this many turns at a time.
    pub(super) fn new(at_once: usize) -> Arc<Self> {
        let queue = Queue { free: at_once, waiting: Vec::new(), last_turns: HashMap::new(), turns: 0 };
        Arc::new(Self(Mutex::new(queue)))
    }

    /// Waits for a turn. `is_known` says whether the same name has signed in from there before.
    ///
    /// # Errors
    /// When too many wait.
    pub(super) async fn turn(self: &Arc<Self>, network: Network, is_known: bool) -> Result<Turn, Busy> {
        let (wake, woken) = oneshot::channel();
        let displaced = {
            let mut queue = self.0.lock();
            queue.waiting.push(Waiter { network, is_known, wake });
            queue.displace()
        };
        drop(displaced);
        self.give();
        woken.await.map_err(|_| Busy)
    }

    /// Gives the free turns to those who wait.
    fn give(self: &Arc<Self>) {
        loop {
            let next = {
                let mut queue = self.0.lock();
                if queue.free == 0 {
                    return;
                }
                let Some(next) = queue.next() else { return };
                queue.free -= 1;
                next
            };
            // If nobody waits any more, the turn comes back and is dropped, which frees it.
            let _ = next.wake.send(Turn { queue: self.clone() });
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.0.lock().free += 1;
        self.queue.give();
    }
}

impl Queue {
    /// Takes out whose turn it is.
    fn next(&mut self) -> Option<Waiter> {
        self.waiting.retain(|waiter| !waiter.wake.is_closed());
        let rank = |waiter: &Waiter| (!waiter.is_known, self.last_turns.get(&waiter.network).copied().unwrap_or(0));
        // Of several it is the first, and so the one that came first.
        let (at, _) = self.waiting.iter().enumerate().min_by_key(|(_, waiter)| rank(waiter))?;
        let next = self.waiting.remove(at);
        self.turns += 1;
        if self.last_turns.len() >= MAX_TURNS {
            self.last_turns.clear();
        }
        self.last_turns.insert(next.network, self.turns);
        Some(next)
    }

    /// Takes out one that gives way, if too many wait.
    fn displace(&mut self) -> Option<Waiter> {
        if self.waiting.len() <= MAX_WAITING {
            return None;
        }
        let mut counts: HashMap<Network, usize> = HashMap::new();
        for waiter in &self.waiting {
            *counts.entry(waiter.network).or_default() += 1;
        }
        let rank = |waiter: &Waiter| (!waiter.is_known, counts[&waiter.network]);
        // Of several it is the last.
        let (at, _) = self.waiting.iter().enumerate().max_by_key(|(_, waiter)| rank(waiter))?;
        Some(self.waiting.remove(at))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    fn network(n: u32) -> Network {
        IpAddr::from(Ipv4Addr::from_bits(n)).into()
    }

    fn wait(queue: &Arc<LoginQueue>, from: u32, is_known: bool) -> BoxFuture<'static, Result<Turn, Busy>> {
        let queue = queue.clone();
        let mut turn = async move { queue.turn(network(from), is_known).await }.boxed();
        assert!((&mut turn).now_or_never().is_none(), "it has to wait");
        turn
    }

    /// Gives one turn after the other and returns in which order they were had.
    fn order(first: Turn, waiting: Vec<BoxFuture<'static, Result<Turn, Busy>>>) -> Vec<usize> {
        let mut waiting: Vec<_> = waiting.into_iter().enumerate().collect();
        let (mut had, mut turn) = (Vec::new(), Some(first));
        while !waiting.is_empty() {
            drop(turn.take());
            let had_now = waiting.iter_mut().position(|(_, waiter)| match waiter.now_or_never() {
                Some(given) => {
                    turn = Some(given.unwrap());
                    true
                }
                None => false,
            });
            had.push(waiting.remove(had_now.expect("somebody has the turn")).0);
        }
        had
    }

    #[tokio::test]
    async fn who_sends_many_waits_for_each_as_long_as_others_for_their_one() {
        let queue = LoginQueue::new(1);
        let first = queue.turn(network(1), false).await.unwrap();
        let waiting = [1, 1, 1, 1, 2, 3, 2].map(|from| wait(&queue, from, false)).into();
        assert_eq!(order(first, waiting), [4, 5, 0, 6, 1, 2, 3]);
    }

    #[tokio::test]
    async fn who_has_signed_in_from_there_before_goes_first() {
        let queue = LoginQueue::new(1);
        let first = queue.turn(network(9), false).await.unwrap();
        let mut waiting: Vec<_> = (0..100).map(|from| wait(&queue, 100 + from, false)).collect();
        waiting.push(wait(&queue, 9, true));
        assert_eq!(order(first, waiting)[..2], [100, 0]);
    }

    #[tokio::test]
    async fn if_too_many_wait_the_latest_of_the_address_with_the_most_gives_way() {
        let queue = LoginQueue::new(1);
        let first = queue.turn(network(9), false).await.unwrap();
        let mut many: Vec<_> = (0..MAX_WAITING).map(|_| wait(&queue, 1, false)).collect();
        let other = wait(&queue, 2, false);
        assert!(many.pop().unwrap().now_or_never().unwrap().is_err());
        drop(first);
        assert!(many.remove(0).now_or_never().is_some() || other.now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_waits_for_goes_to_the_next() {
        let queue = LoginQueue::new(1);
        let first = queue.turn(network(1), false).await.unwrap();
        let gone = wait(&queue, 2, false);
        let next = wait(&queue, 3, false);
        drop(gone);
        drop(first);
        assert!(next.now_or_never().is_some());
    }
}
