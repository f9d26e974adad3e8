//! The events: what is counted as it happens.
//!
//! An event is a struct in the file of its domain. Its fields are those of its JSON form, and its [`Recorded`] says
//! which families it moves. Families, and the panels, recording rules and alerts made of them, stand below it. From the
//! list at the end of this file follow the type [`Event`], the exposition, the JSON form and the documentation.
//!
//! All instances show the same totals, so queries take `max by` over the instances before they sum.
//!
//! To add an event, write it in the file of its domain and add it to the list. To add a family, write it below its
//! event, add it to the event's `FAMILIES` and say in `record_into` how the event moves it.

mod amount;
mod api_call;
mod buckets;
mod closed;
mod endpoint;
mod family;
mod http;
mod jobs;
mod json_form;
mod known;
mod label;
mod playback;
mod providers;
mod users;

use playarr_jobs::metric::Spec;
use serde::{Deserialize, Serialize};

pub use amount::{Count, MAX_COUNT, MAX_SECONDS, Seconds};
pub use api_call::{ApiCall, ApiCallError};
pub use buckets::HTTP;
pub use closed::{
    AdminChange, CacheOutcome, ClosedLabel, MediaType, ProviderErrorType, Status, TitlesKind, WatchlistChange,
};
pub use endpoint::{Endpoint, EndpointError};
pub(in crate::live) use family::{FamilyId, LabelKey, SEPARATOR, Sink, label_values, place_of};
pub use http::{AuthenticationFailure, HttpRequest, ManagedError};
pub use jobs::{CategoriesSynced, JobExecution, TitlesProcessed};
pub use json_form::{EventSpec, FieldKind, FieldSpec};
pub use label::{Label, LabelError, MAX_EVENT_LABEL_BYTES, StatusCode, TextVisitor};
pub use playback::{BestSourceSelected, CacheOperation, StreamRequest};
pub use providers::{ProviderApiError, ProviderApiRequest, ProviderSync};
pub use users::{ProviderOperation, UserOperation, WatchlistOperation, WebsocketConnections};

/// What an event moves.
trait Recorded {
    /// The families that it moves, in the order in which they are exposed.
    const FAMILIES: &'static [&'static Spec];

    /// Moves them.
    fn record_into(&self, sink: &mut impl Sink);
}

/// The JSON form of an event, besides its serde implementations.
trait Described {
    /// The name, the fields and what happened.
    const SPEC: EventSpec;
}

/// Declares the struct of an event together with its JSON form: the name in parentheses is the value of `type`.
macro_rules! event {
    (
        $(#[doc = $doc:literal])+
        pub struct $event:ident$(<$life:lifetime>)? ($name:literal) {
            $($(#[$attribute:meta])+ pub $field:ident: $kind:ty,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $event$(<$life>)? {
            $($(#[$attribute])+ pub $field: $kind,)+
        }

        impl$(<$life>)? crate::live::event::Described for $event$(<$life>)? {
            const SPEC: crate::live::event::EventSpec = crate::live::event::EventSpec {
                name: $name,
                doc: concat!($($doc),+).trim_ascii(),
                fields: &[$(crate::live::event::FieldSpec {
                    name: stringify!($field),
                    kind: <$kind as crate::live::event::json_form::FieldType>::KIND,
                }),+],
            };
        }
    };
}
use event;

/// Makes [`Event`] and [`FAMILIES`] of the list of events.
macro_rules! events {
    ($($(#[$attribute:meta])? $event:ident$(<$life:lifetime>)?,)+) => {
        /// Something that happened, one of the events of all domains.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant holds the struct of its name")]
        pub enum Event<'a> {
            $($(#[$attribute])? $event($event$(<$life>)?),)+
        }

        $(impl<'a> From<$event$(<$life>)?> for Event<'a> {
            fn from(event: $event$(<$life>)?) -> Self {
                Self::$event(event)
            }
        })+

        impl<'a> Event<'a> {
            /// Every event in its JSON form.
            pub const ALL: &'static [EventSpec] = &[$(<$event as Described>::SPEC),+];

            /// The value of `type` in JSON.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $(Self::$event(_) => <$event as Described>::SPEC.name,)+ }
            }

            /// Moves the families that this event moves.
            #[inline]
            pub(in crate::live) fn record_into(&self, sink: &mut impl Sink) {
                match self { $(Self::$event(event) => event.record_into(sink),)+ }
            }
        }

        const BY_EVENT: &[&[&Spec]] = &[$(<$event as Recorded>::FAMILIES),+];
    };
}

/// Every family that events move, in the order in which they are exposed.
pub const FAMILIES: &[&Spec] = {
    const LENGTH: usize = {
        let (mut length, mut event) = (0, 0);
        while event < BY_EVENT.len() {
            length += BY_EVENT[event].len();
            event += 1;
        }
        length
    };
    const ALL: [&Spec; LENGTH] = {
        let mut families = [BY_EVENT[0][0]; LENGTH];
        let (mut at, mut event) = (0, 0);
        while event < BY_EVENT.len() {
            let mut family = 0;
            while family < BY_EVENT[event].len() {
                families[at] = BY_EVENT[event][family];
                (at, family) = (at + 1, family + 1);
            }
            event += 1;
        }
        families
    };
    &ALL
};

// The list of events, in the order in which their families are exposed.
events! {
    #[serde(borrow)] StreamRequest<'a>,
    #[serde(borrow)] BestSourceSelected<'a>,
    CacheOperation,
    #[serde(borrow)] ProviderSync<'a>,
    #[serde(borrow)] ProviderApiError<'a>,
    #[serde(borrow)] ProviderApiRequest<'a>,
    #[serde(borrow)] JobExecution<'a>,
    #[serde(borrow)] WebsocketConnections<'a>,
    #[serde(borrow)] TitlesProcessed<'a>,
    #[serde(borrow)] CategoriesSynced<'a>,
    #[serde(borrow)] WatchlistOperation<'a>,
    #[serde(borrow)] ProviderOperation<'a>,
    #[serde(borrow)] UserOperation<'a>,
    #[serde(borrow)] HttpRequest<'a>,
    #[serde(borrow)] ManagedError<'a>,
    #[serde(borrow)] AuthenticationFailure<'a>,
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::Kind;

    use super::*;

    #[test]
    fn histograms_have_bounds_and_all_others_have_none() {
        for family in FAMILIES {
            assert_eq!(family.kind == Kind::Histogram, !family.bounds.is_empty(), "{}", family.name);
            assert!(family.bounds.is_sorted(), "{}", family.name);
            assert_eq!(family.kind == Kind::Counter, family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.') && !family.help.contains('"'), "{}", family.name);
            assert_eq!(family.labels.len(), family.values.len(), "{}", family.name);
        }
    }

    #[test]
    fn an_event_is_documented_by_its_own_words() {
        let event = &Event::ALL[0];
        assert_eq!((event.name, event.doc), ("stream_request", "A stream was requested."));
        let fields: Vec<_> = event.fields.iter().map(|field| field.name).collect();
        assert_eq!(fields, ["user", "media_type", "duration_seconds"]);
    }

    #[test]
    fn every_event_is_read_by_its_name_and_fields_and_written_in_the_same_way() {
        for spec in Event::ALL {
            let mut json = serde_json::Map::from_iter([("type".to_owned(), spec.name.into())]);
            for field in spec.fields {
                let value: serde_json::Value = match field.kind {
                    FieldKind::Label => "a label".into(),
                    FieldKind::Endpoint => "/api/titles/:id".into(),
                    FieldKind::ApiCall => "get_series".into(),
                    FieldKind::OneOf(texts) => texts[texts.len() - 1].into(),
                    FieldKind::StatusCode => 404.into(),
                    FieldKind::Seconds => 0.25.into(),
                    FieldKind::Count => 7.into(),
                };
                json.insert(field.name.to_owned(), value);
            }
            let text = serde_json::to_string(&json).unwrap();
            let event: Event<'_> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(event.type_name(), spec.name);
            assert_eq!(serde_json::to_value(&event).unwrap(), serde_json::Value::Object(json));
        }
    }
}
