//! The JSON form of events as data, for documentation, for clients and for error messages.

use super::amount::{Count, MAX_COUNT, MAX_SECONDS, Seconds};
use super::api_call::ApiCall;
use super::endpoint::Endpoint;
use super::label::{Label, MAX_EVENT_LABEL_BYTES, StatusCode};

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
    /// What values it takes.
    pub kind: FieldKind,
}

/// What values a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text of 1 to [`MAX_EVENT_LABEL_BYTES`] bytes without control characters.
    Label,
    /// The template of a route.
    Endpoint,
    /// The name of a call of a provider's API.
    ApiCall,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An HTTP status code.
    StatusCode,
    /// A duration.
    Seconds,
    /// A number of things.
    Count,
}

impl FieldKind {
    /// What is accepted, for people.
    #[must_use]
    pub fn accepts(self) -> String {
        match self {
            Self::Label => format!("a text of 1 to {MAX_EVENT_LABEL_BYTES} bytes without control characters"),
            Self::Endpoint => {
                "the template of a route, such as \"/api/titles/:title_key\", or \"unmatched\"".to_owned()
            }
            Self::ApiCall => {
                "the name of a call, such as \"get_live_streams\": up to 40 lower-case letters, digits, _ and -"
                    .to_owned()
            }
            Self::OneOf(texts) => {
                let texts: Vec<_> = texts.iter().map(|text| format!("\"{text}\"")).collect();
                format!("one of {}", texts.join(", "))
            }
            Self::StatusCode => "a whole number from 100 to 999".to_owned(),
            Self::Seconds => format!("a number of seconds from 0 to {MAX_SECONDS}"),
            Self::Count => format!("a whole number from 0 to {MAX_COUNT}"),
        }
    }
}

/// A type that a field of an event can have.
pub(super) trait FieldType {
    /// What values it takes.
    const KIND: FieldKind;
}

impl FieldType for Label<'_> {
    const KIND: FieldKind = FieldKind::Label;
}

impl FieldType for Endpoint<'_> {
    const KIND: FieldKind = FieldKind::Endpoint;
}

impl FieldType for ApiCall<'_> {
    const KIND: FieldKind = FieldKind::ApiCall;
}

impl FieldType for StatusCode {
    const KIND: FieldKind = FieldKind::StatusCode;
}

impl FieldType for Seconds {
    const KIND: FieldKind = FieldKind::Seconds;
}

impl FieldType for Count {
    const KIND: FieldKind = FieldKind::Count;
}
