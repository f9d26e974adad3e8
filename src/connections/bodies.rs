//! The memory of bodies that are being read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit of room, in bytes.
const BLOCK: usize = 1 << 10;

/// Room for bodies, in memory. A body takes its room before it is read, so that none waits for more while it holds
/// some.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// The room of one body, until it is dropped.
#[derive(Debug)]
pub(crate) struct HeldRoom(OwnedSemaphorePermit);

impl BodyRoom {
    /// Room for so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes / BLOCK)), waiting: AtomicUsize::new(0) }
    }

    /// Room for a body of so many bytes, as soon as there is some. Whoever came first gets it first.
    pub(crate) async fn take(&self, bytes: usize) -> Option<HeldRoom> {
        let blocks = u32::try_from(bytes.div_ceil(BLOCK)).ok()?;
        if let Ok(room) = self.free.clone().try_acquire_many_owned(blocks) {
            return Some(HeldRoom(room));
        }
        let _waiting = Waiting::one(&self.waiting);
        self.free.clone().acquire_many_owned(blocks).await.ok().map(HeldRoom)
    }

    /// Whether others wait for room.
    pub(crate) fn is_short(&self) -> bool {
        self.waiting.load(Relaxed) > 0
    }
}

impl HeldRoom {
    /// Returns what a body of so many bytes does not need.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        let spare = self.0.num_permits().saturating_sub(bytes.div_ceil(BLOCK));
        drop(self.0.split(spare));
    }
}

/// Counts one that waits, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn one(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_body_waits_for_room_and_one_that_was_smaller_returns_the_rest() {
        let room = BodyRoom::new(10 * BLOCK);
        let mut first = room.take(8 * BLOCK).await.unwrap();
        let mut second = Box::pin(room.take(5 * BLOCK));
        assert!(second.as_mut().now_or_never().is_none() && room.is_short());
        first.shrink(5 * BLOCK);
        let second = second.await.unwrap();
        assert!(!room.is_short() && room.take(1).now_or_never().is_none());
        assert!(!room.is_short(), "nobody waits any more");
        drop((first, second));
        assert!(room.take(10 * BLOCK).now_or_never().is_some());
    }
}
