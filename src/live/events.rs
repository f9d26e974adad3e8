//! The list of events. From it come the type [`Event`], the metric families that an event moves, the JSON form and
//! the documentation.
//!
//! A new live metric is a line below an event, a new event a paragraph. An entry reads:
//!
//! ```text
//! /// What happened.
//! Variant "type_in_json" { field: Type, field as "name_in_json": Type, }
//!     => verb Family "metric_name" [label: Type] of field, "HELP.";
//! ```
//!
//! The verbs: `count` adds one, or `of` a field; `observe` puts the event's duration into buckets; `report` sets the
//! number `of` a field for the process `by` which it comes. `when` makes a verb depend on the event.

use std::time::Duration;

use playarr_jobs::family::Kind;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::json::{EventError, Field, Fields};
use super::labels::{
    AdminOperation, CacheOperation, Key, Label, LabelValue, MediaType, ProviderErrorType, SEPARATOR, Status,
    StatusCode, TitlesKind, WatchlistOperation,
};
use super::recorder::Sink;

/// Bounds of the buckets, in seconds.
const PLAYBACK: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
const SYNC: &[f64] = &[1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
const PROVIDER_API: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];
const JOB: &[f64] = &[0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0];
/// Of HTTP requests; the service's own scrapes are sorted into these as well.
pub(super) const HTTP: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// A family of live metrics.
#[derive(Debug)]
pub struct FamilySpec {
    /// The name samples carry.
    pub name: &'static str,
    /// What it tells.
    pub help: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its labels, in order.
    pub labels: &'static [LabelSpec],
    /// The upper bounds of a histogram's buckets, in seconds.
    pub bounds: &'static [f64],
    /// The type of the event that moves it.
    pub event: &'static str,
}

impl FamilySpec {
    /// Whether it has a label that any text can be the value of.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.labels.iter().any(LabelSpec::is_open)
    }

    /// How many combinations its closed labels have.
    pub(super) fn combinations(&self) -> usize {
        self.labels.iter().map(|label| label.closed.len().max(1)).product()
    }

    /// How many counts a series has: those of its buckets, the last without a bound, or its own.
    pub(super) fn stride(&self) -> usize {
        if self.kind == Kind::Histogram { self.bounds.len() + 1 } else { 1 }
    }

    /// The values of the labels of a series, in order.
    pub(super) fn values<'k>(&self, key: &'k str, combination: usize) -> impl Iterator<Item = &'k str> {
        let mut open = key.split(SEPARATOR);
        let (mut rest, mut combinations) = (combination, self.combinations());
        self.labels.iter().map(move |label| {
            if label.is_open() {
                return open.next().unwrap_or_default();
            }
            combinations /= label.closed.len();
            let value = label.closed[rest / combinations];
            rest %= combinations;
            value
        })
    }
}

/// A label of a family.
#[derive(Debug)]
pub struct LabelSpec {
    /// Its name.
    pub name: &'static str,
    /// Its values, if they are known beforehand; empty for an open label.
    pub closed: &'static [&'static str],
}

impl LabelSpec {
    /// Whether any text can be its value.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.closed.is_empty()
    }
}

/// An event in its JSON form.
#[derive(Debug)]
pub struct EventSpec {
    /// The value of `type`.
    pub name: &'static str,
    /// What happened.
    pub doc: &'static str,
    /// Its fields, all of them required.
    pub fields: &'static [FieldSpec],
}

/// A field of an event in its JSON form.
#[derive(Debug)]
pub struct FieldSpec {
    /// Its name.
    pub name: &'static str,
    /// What is accepted.
    pub accepts: &'static str,
}

macro_rules! events {
    ($(
        $(#[doc = $doc:literal])+
        $event:ident $type:literal { $($(#[doc = $field_doc:literal])+ $field:ident $(as $json:literal)?: $kind:ty,)+ }
        $(=> $verb:ident $family:ident $name:literal [$($label:ident: $label_kind:ty),*] $(of $amount:ident)? $(by $reporter:ident)? $(in $bounds:ident)? $(when $guard:expr)?, $help:literal;)+
    )+) => {
        /// Something that happened.
        ///
        /// Durations are shown in seconds, to the nanosecond.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event<'a> {
            $($(#[doc = $doc])+ $event { $($(#[doc = $field_doc])+ $field: $kind,)+ },)+
        }

        /// A family of live metrics, as an index into [`FAMILIES`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum FamilyId { $($($family,)+)+ }

        impl FamilyId {
            /// Every family, in the order of [`FAMILIES`].
            pub(super) const ALL: &'static [Self] = &[$($(Self::$family,)+)+];
        }

        /// Every family that events move, in the order in which they are exposed.
        pub static FAMILIES: &[FamilySpec] = &[$($(
            FamilySpec {
                name: $name,
                help: $help,
                kind: events!(@kind $verb),
                labels: &[$(LabelSpec { name: stringify!($label), closed: <$label_kind as LabelValue>::CLOSED }),*],
                bounds: events!(@bounds $($bounds)?),
                event: $type,
            },
        )+)+];

        impl<'a> Event<'a> {
            /// Every event in its JSON form.
            pub const ALL: &'static [EventSpec] = &[$(
                EventSpec {
                    name: $type,
                    doc: concat!($($doc),+).trim_ascii(),
                    fields: &[$(FieldSpec {
                        name: events!(@json $field $($json)?),
                        accepts: <$kind as Field<'a>>::ACCEPTS,
                    }),+],
                },
            )+];

            /// The event's name in JSON.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self { $(Self::$event { .. } => $type,)+ }
            }

            /// The event of this type with these fields.
            pub(super) fn from_fields(name: &str, mut fields: Fields<'a>) -> Result<Self, EventError> {
                match name {
                    $($type => {
                        let event = Self::$event { $($field: fields.take(events!(@json $field $($json)?))?,)+ };
                        fields.finish($type, &[$(events!(@json $field $($json)?)),+])?;
                        Ok(event)
                    })+
                    _ => Err(EventError::UnknownType(name.to_owned())),
                }
            }

            /// Moves the families that this event moves.
            #[inline]
            pub(super) fn pour(&self, sink: &mut Sink<'_>) {
                match self {
                    $(Self::$event { $($field),+ } => {
                        let _ = ($($field,)+);
                        $(if events!(@when $($guard)?) {
                            let (mut key, mut combination) = (Key::new_const(), 0);
                            $(
                                // The type in the family's list of labels is that of the field.
                                let label: &$label_kind = $label;
                                label.place(&mut key, &mut combination);
                            )*
                            events!(@pour $verb sink, FamilyId::$family, key, combination $(, $amount)? $(, $reporter)?);
                        })+
                    })+
                }
            }
        }

        impl Serialize for Event<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$event { $($field),+ } => {
                        let mut map = serializer.serialize_map(None)?;
                        map.serialize_entry("type", $type)?;
                        $(map.serialize_entry(events!(@json $field $($json)?), &Field::to_json($field))?;)+
                        map.end()
                    })+
                }
            }
        }
    };
    (@kind count) => { Kind::Counter };
    (@kind observe) => { Kind::Histogram };
    (@kind report) => { Kind::Gauge };
    (@bounds) => { &[] };
    (@bounds $bounds:ident) => { $bounds };
    (@json $field:ident) => { stringify!($field) };
    (@json $field:ident $json:literal) => { $json };
    (@when) => { true };
    (@when $guard:expr) => { $guard };
    (@pour count $sink:ident, $family:expr, $key:ident, $combination:ident) => {
        $sink.count($family, &$key, $combination, 1)
    };
    (@pour count $sink:ident, $family:expr, $key:ident, $combination:ident, $amount:ident) => {
        $sink.count($family, &$key, $combination, *$amount)
    };
    (@pour observe $sink:ident, $family:expr, $key:ident, $combination:ident, $amount:ident) => {
        $sink.observe($family, &$key, $combination, *$amount)
    };
    (@pour report $sink:ident, $family:expr, $key:ident, $combination:ident, $count:ident, $reporter:ident) => {{
        let _: (&mut Key, &mut usize) = (&mut $key, &mut $combination);
        $sink.report($reporter.as_str(), *$count)
    }};
}

events! {
    /// A stream was requested.
    StreamRequest "stream_request" {
        /// The name of the user.
        user: Label<'a>,
        /// What was to be played.
        media_type: MediaType,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count StreamRequests "playarr_stream_requests_total" [user: Label], "Stream requests, by user.";
    => observe StreamRequestDuration "playarr_stream_request_duration_seconds" [media_type: MediaType] of duration in PLAYBACK,
        "How long stream requests took to be answered.";

    /// The best source of a title was selected.
    BestSourceSelected "best_source_selected" {
        /// Whose source it is.
        provider_id: Label<'a>,
        /// What is to be played.
        media_type: MediaType,
        /// From the question to the choice.
        duration as "duration_seconds": Duration,
    }
    => count BestSourceSelections "playarr_best_source_selections_total" [provider_id: Label],
        "How often a provider's source was selected as the best.";
    => observe BestSourceSelectionDuration "playarr_best_source_selection_duration_seconds" [media_type: MediaType] of duration in PLAYBACK,
        "How long it took to find a valid source.";

    /// The cache of best sources was asked.
    CacheOperation "cache_operation" {
        /// Whether it had an answer.
        operation: CacheOperation,
    }
    => count CacheOperations "playarr_cache_operations_total" [operation: CacheOperation],
        "Look-ups in the cache of best sources.";

    /// A provider was synchronised.
    ProviderSync "provider_sync" {
        /// Which one.
        provider_id: Label<'a>,
        /// How it ended.
        status: Status,
        /// From start to end.
        duration as "duration_seconds": Duration,
    }
    => count ProviderSyncs "playarr_provider_sync_total" [provider_id: Label, status: Status],
        "Synchronisations of providers, by how they ended.";
    => observe ProviderSyncDuration "playarr_provider_sync_duration_seconds" [provider_id: Label] of duration in SYNC,
        "How long synchronisations of providers took.";

    /// A provider's API failed.
    ProviderApiError "provider_api_error" {
        /// Whose.
        provider_id: Label<'a>,
        /// How.
        error_type: ProviderErrorType,
    }
    => count ProviderApiErrors "playarr_provider_api_errors_total" [provider_id: Label, error_type: ProviderErrorType],
        "Errors of providers' APIs.";

    /// A provider's API was asked and answered.
    ProviderApiRequest "provider_api_request" {
        /// Whose.
        provider_id: Label<'a>,
        /// What was asked for: the name of an action, never an address.
        endpoint: Label<'a>,
        /// What it answered.
        status_code: StatusCode,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count ProviderApiRequests "playarr_provider_api_requests_total" [provider_id: Label, endpoint: Label, status_code: StatusCode],
        "Requests to providers' APIs, by what they answered.";
    => observe ProviderApiRequestDuration "playarr_provider_api_request_duration_seconds" [provider_id: Label, endpoint: Label] of duration in PROVIDER_API,
        "How long providers' APIs took to answer.";

    /// A job ran.
    JobExecution "job_execution" {
        /// Which one.
        job_type: Label<'a>,
        /// How it ended.
        status: Status,
        /// From start to end.
        duration as "duration_seconds": Duration,
    }
    => count JobExecutions "playarr_job_executions_total" [job_type: Label, status: Status],
        "Runs of jobs, by how they ended.";
    => observe JobDuration "playarr_job_duration_seconds" [job_type: Label] of duration in JOB,
        "How long runs of jobs took.";

    /// A process tells how many WebSocket connections it has; the number counts until the next, at most five minutes.
    WebsocketConnections "websocket_connections" {
        /// The process.
        reporter: Label<'a>,
        /// How many there are now.
        count: u64,
    }
    => report WebsocketConnections "playarr_websocket_connections" [] of count by reporter,
        "Open WebSocket connections, of this service and of all that report theirs.";

    /// Titles were processed.
    TitlesProcessed "titles_processed" {
        /// Whose.
        kind: TitlesKind,
        /// The provider they come from.
        provider_id: Label<'a>,
        /// What they are.
        media_type: MediaType,
        /// How many.
        count: u64,
    }
    => count ProviderTitlesProcessed "playarr_provider_titles_processed_total" [provider_id: Label, media_type: MediaType] of count
        when *kind == TitlesKind::Provider, "Titles of providers that were processed.";
    => count MainTitlesProcessed "playarr_main_titles_processed_total" [provider_id: Label, media_type: MediaType] of count
        when *kind == TitlesKind::Main, "Titles of the merged library that were processed, by the provider they come from.";

    /// Categories of a provider were synchronised.
    CategoriesSynced "categories_synced" {
        /// Which provider.
        provider_id: Label<'a>,
        /// What they hold.
        media_type: MediaType,
        /// How many.
        count: u64,
    }
    => count CategoriesSynced "playarr_provider_categories_synced_total" [provider_id: Label, media_type: MediaType] of count,
        "Categories of providers that were synchronised.";

    /// A watchlist was changed.
    WatchlistOperation "watchlist_operation" {
        /// In which way.
        operation: WatchlistOperation,
        /// What was put on it or taken off.
        media_type: MediaType,
        /// Whose it is.
        username: Label<'a>,
    }
    => count WatchlistOperations "playarr_watchlist_operations_total" [operation: WatchlistOperation, media_type: MediaType, username: Label],
        "Changes of watchlists.";

    /// A provider was created, changed or deleted.
    ProviderOperation "provider_operation" {
        /// Which of these.
        operation: AdminOperation,
        /// Who did it.
        username: Label<'a>,
    }
    => count ProviderOperations "playarr_provider_operations_total" [operation: AdminOperation, username: Label],
        "Changes of providers, by who made them.";

    /// A user was created, changed or deleted.
    UserOperation "user_operation" {
        /// Which of these.
        operation: AdminOperation,
        /// Who did it.
        username: Label<'a>,
    }
    => count UserOperations "playarr_user_operations_total" [operation: AdminOperation, username: Label],
        "Changes of users, by who made them.";

    /// An HTTP request was answered.
    HttpRequest "http_request" {
        /// The template of the route, never a path as it was asked for.
        endpoint: Label<'a>,
        /// The answer's.
        status_code: StatusCode,
        /// Until the answer.
        duration as "duration_seconds": Duration,
    }
    => count HttpRequests "playarr_http_requests_total" [endpoint: Label, status_code: StatusCode],
        "HTTP requests, by route and what was answered.";
    => observe HttpRequestDuration "playarr_http_request_duration_seconds" [endpoint: Label] of duration in HTTP,
        "How long HTTP requests took to be answered.";

    /// An error was handled where the API expects it.
    ManagedError "managed_error" {
        /// The template of the route.
        endpoint: Label<'a>,
        /// The name of the error.
        error_type: Label<'a>,
    }
    => count ManagedErrors "playarr_managed_errors_total" [endpoint: Label, error_type: Label],
        "Errors that the API handled, by route and kind.";

    /// Somebody could not prove who they are, or may not do what they asked for.
    AuthenticationFailure "authentication_failure" {
        /// The template of the route.
        endpoint: Label<'a>,
        /// Why not.
        reason: Label<'a>,
    }
    => count AuthenticationFailures "playarr_authentication_failures_total" [endpoint: Label, reason: Label],
        "Failed authentications, by route and reason.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_bounds_and_all_others_have_none() {
        for family in FAMILIES {
            assert_eq!(family.kind == Kind::Histogram, !family.bounds.is_empty(), "{}", family.name);
            assert!(family.bounds.is_sorted(), "{}", family.name);
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.') && !family.help.contains('"'), "{}", family.name);
        }
    }

    #[test]
    fn an_event_is_documented_by_its_own_words() {
        let event = &Event::ALL[0];
        assert_eq!((event.name, event.doc), ("stream_request", "A stream was requested."));
        let fields: Vec<_> = event.fields.iter().map(|field| field.name).collect();
        assert_eq!(fields, ["user", "media_type", "duration_seconds"]);
    }
}
