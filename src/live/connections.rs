//! The open WebSocket connections of this service.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Live;

#[derive(Default)]
pub(super) struct Connections(AtomicU64);

impl Connections {
    pub(super) fn open(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// An open WebSocket connection; closed when it is dropped, for whatever reason.
#[must_use = "the connection counts for as long as this is held"]
pub struct Connection {
    live: Live,
}

impl Connection {
    pub(super) fn open(live: Live) -> Self {
        live.inner.connections.0.fetch_add(1, Ordering::Relaxed);
        live.mark_recorded();
        Self { live }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.live.inner.connections.0.fetch_sub(1, Ordering::Relaxed);
        self.live.mark_recorded();
    }
}
