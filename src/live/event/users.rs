//! Users: their connections, their watchlists, and what administrators change.

use playarr_jobs::metric::{Kind, Monitoring, Panel, PanelKind, Section, Spec, Unit};

use super::amount::Count;
use super::closed::{AdminChange, ClosedLabel, MediaType, WatchlistChange};
use super::family::{ANY_TEXT, Sink, counter};
use super::label::Label;
use super::{Recorded, event};

event! {
    /// A process says how many WebSocket connections it has; the number counts until the next, at most five minutes.
    pub struct WebsocketConnections<'a>("websocket_connections") {
        /// The name of the process.
        #[serde(borrow)]
        pub reporter: Label<'a>,
        /// How many connections are open now.
        pub count: Count,
    }
}

impl Recorded for WebsocketConnections<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&WEBSOCKET_CONNECTIONS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        sink.set_connections(self.reporter.as_str(), self.count.get());
    }
}

pub(super) static WEBSOCKET_CONNECTIONS: Spec = Spec::new(
    Kind::Gauge,
    "playarr_websocket_connections",
    "connections",
    "Open WebSocket connections, of this service and of all processes that report theirs.",
)
.monitoring(Monitoring { panels: &[CONNECTIONS], ..Monitoring::NONE });

event! {
    /// A watchlist was changed.
    pub struct WatchlistOperation<'a>("watchlist_operation") {
        /// The change.
        pub operation: WatchlistChange,
        /// What was put on it or taken off it.
        pub media_type: MediaType,
        /// The name of the user whose watchlist it is.
        #[serde(borrow)]
        pub username: Label<'a>,
    }
}

impl Recorded for WatchlistOperation<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&WATCHLIST_OPERATIONS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        let family = const { counter(&WATCHLIST_OPERATIONS) };
        family.increment(sink, (&self.operation, &self.media_type, &self.username));
    }
}

static WATCHLIST_OPERATIONS: Spec =
    Spec::new(Kind::Counter, "playarr_watchlist_operations_total", "changes", "Changes of watchlists.")
        .labels(&["operation", "media_type", "username"])
        .values(&[WatchlistChange::TEXTS, MediaType::TEXTS, ANY_TEXT])
        .monitoring(Monitoring { panels: &[WATCHLIST_CHANGES], ..Monitoring::NONE });

event! {
    /// A provider was created, changed or deleted.
    pub struct ProviderOperation<'a>("provider_operation") {
        /// The change.
        pub operation: AdminChange,
        /// The name of the user who made it.
        #[serde(borrow)]
        pub username: Label<'a>,
    }
}

impl Recorded for ProviderOperation<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&PROVIDER_OPERATIONS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&PROVIDER_OPERATIONS) }.increment(sink, (&self.operation, &self.username));
    }
}

static PROVIDER_OPERATIONS: Spec = Spec::new(
    Kind::Counter,
    "playarr_provider_operations_total",
    "changes",
    "Changes of providers, by the user who made them.",
)
.labels(&["operation", "username"])
.values(&[AdminChange::TEXTS, ANY_TEXT]);

event! {
    /// A user was created, changed or deleted.
    pub struct UserOperation<'a>("user_operation") {
        /// The change.
        pub operation: AdminChange,
        /// The name of the user who made it.
        #[serde(borrow)]
        pub username: Label<'a>,
    }
}

impl Recorded for UserOperation<'_> {
    const FAMILIES: &'static [&'static Spec] = &[&USER_OPERATIONS];

    #[inline]
    fn record_into(&self, sink: &mut impl Sink) {
        const { counter(&USER_OPERATIONS) }.increment(sink, (&self.operation, &self.username));
    }
}

static USER_OPERATIONS: Spec = Spec::new(
    Kind::Counter,
    "playarr_user_operations_total",
    "changes",
    "Changes of users, by the user who made them.",
)
.labels(&["operation", "username"])
.values(&[AdminChange::TEXTS, ANY_TEXT])
.monitoring(Monitoring { panels: &[ADMINISTRATION], ..Monitoring::NONE });

const CONNECTIONS: Panel = Panel::new(
    Section::Users,
    PanelKind::Lines,
    Unit::Count,
    "WebSocket connections",
    "Open connections, of this service and of all processes that report theirs.",
    &[("sum(max by (job) (playarr_websocket_connections))", "connections")],
);

const WATCHLIST_CHANGES: Panel = Panel::new(
    Section::Users,
    PanelKind::Stacked,
    Unit::PerMinute,
    "Changes of watchlists",
    "What is put on watchlists and taken off them, per minute.",
    &[(
        "60 * sum by (operation, media_type) (max by (job, operation, media_type, username) (\
         rate(playarr_watchlist_operations_total{username=~\"$user\", media_type=~\"$media_type\"}\
         [$__rate_interval])))",
        "{{operation}} {{media_type}}",
    )],
);

const ADMINISTRATION: Panel = Panel::new(
    Section::Users,
    PanelKind::Table(&[Unit::Count, Unit::Count]),
    Unit::Count,
    "Administration",
    "Who changed users and providers in the time shown, and how often.",
    &[
        (
            "sum by (username, operation) (max by (job, operation, username) (\
             increase(playarr_user_operations_total{username=~\"$user\"}[$__range])))",
            "Users",
        ),
        (
            "sum by (username, operation) (max by (job, operation, username) (\
             increase(playarr_provider_operations_total{username=~\"$user\"}[$__range])))",
            "Providers",
        ),
    ],
);
