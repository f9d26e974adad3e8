//! The open WebSocket connections of this service.

use std::sync::atomic::Ordering;

use super::Live;

/// An open WebSocket connection; closed when it is dropped, for whatever reason.
#[must_use = "the connection counts for as long as this is held"]
pub struct WebSocketConnection {
    live: Live,
}

impl WebSocketConnection {
    pub(super) fn open(live: Live) -> Self {
        live.inner.connections.fetch_add(1, Ordering::Relaxed);
        live.mark_recorded();
        Self { live }
    }
}

impl Drop for WebSocketConnection {
    fn drop(&mut self) {
        self.live.inner.connections.fetch_sub(1, Ordering::Relaxed);
        self.live.mark_recorded();
    }
}
