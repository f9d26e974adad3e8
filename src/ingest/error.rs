//! What can be wrong with a batch and with an event.

use crate::live::{Event, LabelError};

use super::MAX_EVENTS;

/// The most that a message repeats of a text it complains about, in bytes.
const QUOTED_BYTES: usize = 40;

/// Why a body is no batch of events. Nothing of it is counted.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Broken JSON, or JSON that is no batch.
    #[error("{0}")]
    Json(String),
    /// Bad events.
    #[error("{} of {all} events cannot be counted, so none was; correct or leave out those named", .bad.len())]
    Events {
        /// How many events there were.
        all: usize,
        /// Each bad one, by its index; the last of them may be where the JSON is broken.
        bad: Vec<(usize, EventError)>,
    },
    /// More events than a batch may have.
    #[error("more than {MAX_EVENTS} events; send them in several batches")]
    TooMany,
    /// A batch id that is no label.
    #[error("the batch_id is not accepted: {0}")]
    Id(#[from] LabelError),
    /// Two ids for one batch.
    #[error("the batch has one id in its body and another one in its headers; send one of them")]
    TwoIds,
}

/// Why something is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Broken JSON.
    #[error("the JSON is broken: {0}")]
    Broken(String),
    /// JSON that is no object.
    #[error("an event is an object, but this is {0}")]
    NotAnObject(String),
    /// An object that does not say what happened.
    #[error("the field \"type\" is missing; an event says what happened")]
    NoType,
    /// A type that is no text.
    #[error("the field \"type\" is {0}; accepted is the name of an event")]
    TypeNotText(String),
    /// A type that no event has.
    #[error("there is no event of type {}; there are {}", quoted(.0), types())]
    UnknownType(String),
    /// A field that the event needs is not there.
    #[error("the field \"{field}\" is missing; accepted is {accepts}")]
    Missing {
        /// The field.
        field: &'static str,
        /// What it takes.
        accepts: String,
    },
    /// A field that the event does not have.
    #[error("there is no field {} in {event}, which has {known}", quoted(.field))]
    Unknown {
        /// The field.
        field: String,
        /// The type of the event.
        event: &'static str,
        /// The fields of the event.
        known: String,
    },
    /// A field that is there twice.
    #[error("the field {} is there twice", quoted(.0))]
    Twice(String),
    /// A field with a value that it does not take.
    #[error("the field \"{field}\" is {found}; accepted is {accepts}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it was.
        found: String,
        /// What it takes.
        accepts: String,
    },
}

fn types() -> String {
    Event::ALL.iter().map(|event| event.name).collect::<Vec<_>>().join(", ")
}

/// The beginning of a text in quotes, control characters escaped.
pub(super) fn quoted(text: &str) -> String {
    if text.len() <= QUOTED_BYTES {
        return format!("{text:?}");
    }
    format!("{:?}... ({} bytes)", &text[..text.floor_char_boundary(QUOTED_BYTES)], text.len())
}

/// The message of the JSON parser, without most of what it quotes.
pub(super) fn message(error: &serde_json::Error) -> String {
    const MAX_BYTES: usize = 200;
    let message = error.to_string();
    if message.len() <= MAX_BYTES {
        return message;
    }
    let position = format!(" at line {} column {}", error.line(), error.column());
    format!("{}...{position}", &message[..message.floor_char_boundary(MAX_BYTES)])
}
