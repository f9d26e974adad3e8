//! How far one connection has come.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use tokio::task::AbortHandle;

use super::{
    BATCHES, BodyRoom, HEADERS_TIME, IDLE_TIME, LARGE_HEADERS, MAX_LARGE_HEADERS, Network, SLOW_AFTER, SMALL_BODIES,
    SMALL_BODY, STALLED_AFTER,
};

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The sweeps so far: seconds, and fewer where the process is too busy to sweep. Reading it costs next to nothing.
    pub(super) clock: AtomicU32,
    /// How many connections have sent much of the headers of a request and not all.
    large_headers: AtomicUsize,
    small_bodies: BodyRoom,
    batches: BodyRoom,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            clock: AtomicU32::new(0),
            large_headers: AtomicUsize::new(0),
            small_bodies: BodyRoom::new(SMALL_BODIES),
            batches: BodyRoom::new(BATCHES),
        }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing has been received yet.
    New,
    /// It waits for its next request.
    Idle,
    /// The headers of a request are being received.
    Headers,
    /// A request is being answered, and its body received.
    Answering,
    /// It became a WebSocket, which has times of its own.
    Upgraded,
}

const PHASES: [Phase; 5] = [Phase::New, Phase::Idle, Phase::Headers, Phase::Answering, Phase::Upgraded];

/// An open connection. Its task notes what happens; others read it, at most a moment old.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    peer: IpAddr,
    shared: Arc<Shared>,
    phase: AtomicU8,
    /// When the phase began.
    since: AtomicU32,
    read_at: AtomicU32,
    /// The bytes of the headers so far.
    headers: AtomicUsize,
    written_at: AtomicU32,
    /// Bytes.
    written: AtomicU64,
    /// Whether the client does not take what there is to be sent.
    blocked: AtomicBool,
    /// Whether the request under way may be given up for a new connection.
    gives_way: AtomicBool,
    /// Whether it is one of TLS.
    encrypted: AtomicBool,
    /// Places among the scrapes at once that its answers hold.
    scrapes: AtomicU32,
    task: OnceLock<AbortHandle>,
}

impl OpenConnection {
    pub(super) fn new(peer: IpAddr, shared: Arc<Shared>) -> Self {
        let now = shared.clock.load(Relaxed);
        Self {
            peer,
            shared,
            phase: AtomicU8::new(Phase::New as u8),
            since: AtomicU32::new(now),
            read_at: AtomicU32::new(now),
            headers: AtomicUsize::new(0),
            written_at: AtomicU32::new(now),
            written: AtomicU64::new(0),
            blocked: AtomicBool::new(false),
            gives_way: AtomicBool::new(false),
            encrypted: AtomicBool::new(false),
            scrapes: AtomicU32::new(0),
            task: OnceLock::new(),
        }
    }

    /// The address of the other end.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The room for bodies of at most so many bytes each. Small ones, which anybody may send, take none from batches of
    /// events.
    pub(crate) fn room_for_bodies(&self, limit: usize) -> &BodyRoom {
        if limit <= SMALL_BODY { &self.shared.small_bodies } else { &self.shared.batches }
    }

    /// The task that serves the connection; only with it the connection can be ended from outside.
    pub(crate) fn served_by(&self, task: AbortHandle) {
        let _ = self.task.set(task);
    }

    /// So many bytes were received. Returns whether there is room for them: few connections at once may have sent much
    /// of a request's headers and not all, since each keeps several times as much in memory.
    #[must_use]
    pub(crate) fn received(&self, bytes: usize) -> bool {
        self.read_at.store(self.now(), Relaxed);
        match self.phase() {
            Phase::New | Phase::Idle => self.enter(Phase::Headers),
            Phase::Headers => {}
            Phase::Answering | Phase::Upgraded => return true,
        }
        // Only the connection's own task writes it.
        let before = self.headers.load(Relaxed);
        self.headers.store(before + bytes, Relaxed);
        let is_large = before < LARGE_HEADERS && before + bytes >= LARGE_HEADERS;
        !is_large || self.shared.large_headers.fetch_add(1, Relaxed) < MAX_LARGE_HEADERS
    }

    /// The handshake of TLS is done: the headers of the first request are awaited, as on a connection that is new.
    pub(crate) fn encrypted(&self) {
        self.encrypted.store(true, Relaxed);
        self.forget_headers();
        self.enter(Phase::New);
    }

    /// Whether it is one of TLS.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted.load(Relaxed)
    }

    /// The headers of a request are complete.
    pub(crate) fn requested(&self) {
        self.forget_headers();
        self.enter(Phase::Answering);
    }

    /// The answer was handed over to be sent.
    pub(crate) fn answered(&self) {
        if self.phase() == Phase::Answering {
            self.enter(Phase::Idle);
        }
    }

    /// The connection is no longer one of HTTP.
    pub(crate) fn upgraded(&self) {
        self.enter(Phase::Upgraded);
    }

    /// So many bytes were taken by the client, or by the system for it.
    pub(crate) fn sent(&self, bytes: usize) {
        self.written_at.store(self.now(), Relaxed);
        // Only the connection's own task writes it.
        self.written.store(self.written.load(Relaxed) + bytes as u64, Relaxed);
        if self.blocked.load(Relaxed) {
            self.blocked.store(false, Relaxed);
        }
    }

    /// The client takes nothing at the moment.
    pub(crate) fn not_taken(&self) {
        self.blocked.store(true, Relaxed);
    }

    pub(super) fn set_gives_way(&self, gives_way: bool) {
        self.gives_way.store(gives_way, Relaxed);
    }

    /// An answer to a scrape begins.
    pub(crate) fn begin_scrape(&self) {
        self.scrapes.fetch_add(1, Relaxed);
    }

    /// An answer to a scrape has ended. Returns whether its place still belonged to this connection.
    pub(crate) fn end_scrape(&self) -> bool {
        self.scrapes.fetch_update(Relaxed, Relaxed, |held| held.checked_sub(1)).is_ok()
    }

    /// Takes all places of its scrapes away from it.
    pub(super) fn take_scrapes(&self) -> u32 {
        self.scrapes.swap(0, Relaxed)
    }

    /// How many places its scrapes hold.
    pub(super) fn scrapes(&self) -> u32 {
        self.scrapes.load(Relaxed)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked.load(Relaxed)
    }

    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    pub(super) fn network(&self) -> Network {
        self.peer.into()
    }

    /// Whether its time is up, by what it is doing.
    pub(super) fn is_overdue(&self) -> bool {
        let elapsed = self.elapsed(&self.since);
        match self.phase() {
            Phase::New | Phase::Headers => elapsed >= HEADERS_TIME,
            Phase::Idle => !self.is_blocked() && elapsed.min(self.elapsed(&self.written_at)) >= IDLE_TIME,
            Phase::Answering | Phase::Upgraded => false,
        }
    }

    /// Whether an answer has been under way for so long that it is slow, and the client does not take it.
    pub(super) fn is_slow(&self) -> bool {
        self.is_blocked() && self.elapsed(&self.since) >= SLOW_AFTER
    }

    /// Since when the client has been taking the present answer, for a comparison.
    pub(super) fn began(&self) -> u32 {
        self.since.load(Relaxed)
    }

    /// How readily the connection is given up for another one; `None` if the service is at work for it. The larger, the
    /// sooner: first those that have never asked for anything, then those that have not sent all of a request, then
    /// those that wait for the next one, then those with a request under way that wait for their client; and in each
    /// group those that have stood still for longest.
    pub(super) fn idleness(&self) -> Option<(u8, u32)> {
        self.task.get()?;
        let still = self.still();
        match self.phase() {
            Phase::New => Some((3, still)),
            Phase::Headers => Some((2, self.elapsed(&self.since))),
            Phase::Idle if !self.is_blocked() => Some((1, still)),
            Phase::Idle | Phase::Answering if self.waits_for_client() && still >= STALLED_AFTER => Some((0, still)),
            _ => None,
        }
    }

    fn waits_for_client(&self) -> bool {
        self.is_blocked() || self.gives_way.load(Relaxed)
    }

    /// The time without progress in either direction, in seconds; for a client that does not take its answer, whatever
    /// it sends meanwhile.
    pub(super) fn still(&self) -> u32 {
        let unsent = self.elapsed(&self.written_at);
        if self.is_blocked() { unsent } else { unsent.min(self.elapsed(&self.read_at)) }
    }

    /// Ends the connection, unless it became a WebSocket.
    pub(super) fn end(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }

    fn now(&self) -> u32 {
        self.shared.clock.load(Relaxed)
    }

    fn forget_headers(&self) {
        if self.headers.load(Relaxed) >= LARGE_HEADERS {
            self.shared.large_headers.fetch_sub(1, Relaxed);
        }
        self.headers.store(0, Relaxed);
    }

    fn elapsed(&self, moment: &AtomicU32) -> u32 {
        self.now().saturating_sub(moment.load(Relaxed))
    }

    fn phase(&self) -> Phase {
        PHASES[usize::from(self.phase.load(Relaxed))]
    }

    fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.since.store(self.now(), Relaxed);
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.forget_headers();
    }
}
