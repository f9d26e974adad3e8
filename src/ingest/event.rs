//! Events out of JSON, one pass and no copies: a bad event is told apart from a bad document, so that the events after
//! it are still looked at and every bad one can be named.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::Serialize;

use crate::live::{ClosedSet, Event, Label, LabelError, StatusCode};

/// The most that a message repeats of a value it complains about, in bytes.
const QUOTED: usize = 40;

/// No event has more fields, `type` aside.
const MOST_FIELDS: usize = 6;

/// The largest count that every JSON implementation writes exactly: 2^53 - 1.
const MOST_COUNT: u64 = (1 << 53) - 1;

/// Why something is no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A line that is no JSON.
    #[error("the JSON is broken: {0}")]
    Broken(String),
    /// Something else than an object.
    #[error("an event is an object, but this is {0}")]
    NotAnObject(&'static str),
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
        accepts: &'static str,
    },
    /// A field that the event does not have.
    #[error("there is no field {} in {event}, which has {}", quoted(.field), .known.join(", "))]
    Unknown {
        /// The field.
        field: String,
        /// The type of the event.
        event: &'static str,
        /// Its fields.
        known: &'static [&'static str],
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
        accepts: &'static str,
    },
}

fn types() -> String {
    Event::ALL.iter().map(|event| event.name).collect::<Vec<_>>().join(", ")
}

/// The beginning of a text in quotes, control characters escaped.
pub(crate) fn quoted(text: &str) -> String {
    if text.len() <= QUOTED {
        return format!("{text:?}");
    }
    format!("{:?}... ({} bytes)", &text[..text.floor_char_boundary(QUOTED)], text.len())
}

/// A type that a field of an event can have.
pub(crate) trait Field<'a>: Sized {
    /// What is accepted, for people.
    const ACCEPTS: &'static str;

    /// The value, or none if this one is not accepted.
    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self>;

    /// The value for JSON.
    fn to_json(&self) -> impl Serialize;
}

impl<'a> Field<'a> for Label<'a> {
    const ACCEPTS: &'static str = "a text of 1 to 128 bytes without control characters";

    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self> {
        // One that does not fit stays: the message about it quotes it.
        let Scalar::Text(text) = scalar else { return None };
        Label::take(text)
    }

    fn to_json(&self) -> impl Serialize {
        self.as_str()
    }
}

impl<'a, T: ClosedSet> Field<'a> for T {
    const ACCEPTS: &'static str = <T as ClosedSet>::ACCEPTS;

    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self> {
        let Scalar::Text(text) = scalar else { return None };
        T::from_text(text)
    }

    fn to_json(&self) -> impl Serialize {
        (*self).as_str()
    }
}

impl<'a> Field<'a> for StatusCode {
    const ACCEPTS: &'static str = "a whole number from 100 to 999";

    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self> {
        Self::new(u16::try_from(scalar.whole()?).ok()?)
    }

    fn to_json(&self) -> impl Serialize {
        self.get()
    }
}

impl<'a> Field<'a> for Duration {
    const ACCEPTS: &'static str = "a number of seconds, 0 or more";

    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self> {
        let seconds = scalar.number()?;
        if !(seconds >= 0.0 && seconds.is_finite()) {
            return None;
        }
        // Beyond half a trillion years they are all the same.
        Some(Self::try_from_secs_f64(seconds).unwrap_or(Self::MAX))
    }

    fn to_json(&self) -> impl Serialize {
        self.as_secs_f64()
    }
}

impl<'a> Field<'a> for u64 {
    const ACCEPTS: &'static str = "a whole number from 0 to 9007199254740991";

    fn from_scalar(scalar: &mut Scalar<'a>) -> Option<Self> {
        scalar.whole().filter(|&count| count <= MOST_COUNT)
    }

    fn to_json(&self) -> impl Serialize {
        self
    }
}

/// A JSON value as far as a field can take it.
#[derive(Debug, Default)]
pub(crate) enum Scalar<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    Number(f64),
    Other(&'static str),
    #[default]
    Taken,
}

impl Scalar<'_> {
    fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "so many seconds are not told apart")]
            Self::Whole(whole) => Some(*whole as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A whole number: some write 200 as 200.0.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
    fn whole(&self) -> Option<u64> {
        match *self {
            Self::Whole(whole) => Some(whole),
            Self::Number(number) if number.fract() == 0.0 && (0.0..=MOST_COUNT as f64).contains(&number) => {
                Some(number as u64)
            }
            _ => None,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Text(text) => match Label::new(&**text) {
                Err(error @ LabelError::TooLong(_)) => format!("{error}: {}", quoted(text)),
                Err(error @ LabelError::Control(_)) => error.to_string(),
                Err(LabelError::Empty) => "an empty text".to_owned(),
                Ok(_) => format!("the text {}", quoted(text)),
            },
            Self::Whole(whole) => format!("the number {whole}"),
            Self::Number(number) => format!("the number {number}"),
            Self::Other(what) => (*what).to_owned(),
            Self::Taken => "taken already".to_owned(),
        }
    }
}

/// The fields of an object that may be an event.
pub(crate) struct Fields<'a> {
    fields: [Option<(Cow<'a, str>, Scalar<'a>)>; MOST_FIELDS],
    length: usize,
    /// The first of those that there is no room for. No event has so many, so one of all these is unknown.
    surplus: Option<Cow<'a, str>>,
}

impl<'a> Fields<'a> {
    fn new() -> Self {
        Self { fields: Default::default(), length: 0, surplus: None }
    }

    fn push(&mut self, name: Cow<'a, str>, value: Scalar<'a>) {
        match self.fields.get_mut(self.length) {
            Some(place) => {
                *place = Some((name, value));
                self.length += 1;
            }
            None => _ = self.surplus.get_or_insert(name),
        }
    }

    /// Takes a field out.
    pub(crate) fn take<T: Field<'a>>(&mut self, field: &'static str) -> Result<T, EventError> {
        let found = self.fields[..self.length].iter_mut().flatten().find(|(name, _)| *name == field);
        let Some((_, value)) = found else {
            return Err(EventError::Missing { field, accepts: T::ACCEPTS });
        };
        let Some(taken) = T::from_scalar(value) else {
            return Err(EventError::Value { field, found: value.describe(), accepts: T::ACCEPTS });
        };
        *value = Scalar::Taken;
        Ok(taken)
    }

    /// Succeeds if every field was taken.
    pub(crate) fn finish(
        self,
        event: &'static str,
        known: &'static [&'static str],
    ) -> Result<(), EventError> {
        if self.length == known.len() && self.surplus.is_none() {
            // As many as there should be, and each of those was there.
            return Ok(());
        }
        let left = self.fields.into_iter().flatten().filter(|(_, value)| !matches!(value, Scalar::Taken));
        match left.map(|(name, _)| name).chain(self.surplus).next() {
            Some(name) if name == "type" || known.contains(&&*name) => {
                Err(EventError::Twice(name.into_owned()))
            }
            Some(name) => Err(EventError::Unknown { field: name.into_owned(), event, known }),
            None => Ok(()),
        }
    }
}

/// What stands where an event should. Fails only if the JSON itself is broken.
pub(crate) struct Candidate<'a>(pub(crate) Result<Event<'a>, EventError>);

impl<'de> Deserialize<'de> for Candidate<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CandidateVisitor)
    }
}

struct CandidateVisitor;

impl<'de> Visitor<'de> for CandidateVisitor {
    type Value = Candidate<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Candidate<'de>, A::Error> {
        let mut fields = Fields::new();
        let mut event = None;
        while let Some(Text(name)) = map.next_key()? {
            let value = map.next_value()?;
            if name == "type" && event.is_none() { event = Some(value) } else { fields.push(name, value) }
        }
        Ok(Candidate(match event {
            Some(Scalar::Text(name)) => Event::from_fields(&name, fields),
            Some(other) => Err(EventError::TypeNotText(other.describe())),
            None => Err(EventError::NoType),
        }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Candidate<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(not_an_object("an array"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("a text"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("a number"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("true or false"))
    }

    fn visit_unit<E>(self) -> Result<Candidate<'de>, E> {
        Ok(not_an_object("null"))
    }
}

fn not_an_object<'a>(found: &'static str) -> Candidate<'a> {
    Candidate(Err(EventError::NotAnObject(found)))
}

/// A text, borrowed from the document if it stands there as it is.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de> Deserialize<'de> for Scalar<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl<'de> Visitor<'de> for ScalarVisitor {
            type Value = Scalar<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Whole(number))
            }

            #[expect(clippy::cast_precision_loss, reason = "negative, and refused as such")]
            fn visit_i64<E>(self, number: i64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Number(number))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other(if value { "true" } else { "false" }))
            }

            fn visit_unit<E>(self) -> Result<Scalar<'de>, E> {
                Ok(Scalar::Other("null"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Scalar<'de>, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("an array"))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Scalar::Other("an object"))
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::{CacheOperation, MediaType};

    fn parse(text: &str) -> Result<Event<'_>, EventError> {
        serde_json::from_str::<Candidate<'_>>(text).expect("JSON").0
    }

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_event_reads_as_it_is_written_in_any_order() {
        let expected = Event::StreamRequest {
            user: Label::new("alice").unwrap(),
            media_type: MediaType::Movies,
            duration: Duration::from_millis(231),
        };
        let text =
            r#"{"duration_seconds":0.231,"user":"al\u0069ce","type":"stream_request","media_type":"movies"}"#;
        assert_eq!(parse(text).as_ref(), Ok(&expected));
        assert_eq!(parse(&serde_json::to_string(&expected).unwrap()).unwrap(), expected);
        assert_eq!(
            parse(r#"{"type":"cache_operation","operation":"hit"}"#),
            Ok(Event::CacheOperation { operation: CacheOperation::Hit })
        );
    }

    #[test]
    fn what_is_wrong_with_an_event_is_said_with_what_was_found_and_what_is_accepted() {
        for (text, expected) in [
            ("[1, [2]]", "an event is an object, but this is an array"),
            ("\"hit\"", "an event is an object, but this is a text"),
            ("{}", "the field \"type\" is missing; an event says what happened"),
            (r#"{"type":1}"#, "the field \"type\" is the number 1; accepted is the name of an event"),
            (
                r#"{"type":"cache_operation"}"#,
                "the field \"operation\" is missing; accepted is one of \"hit\" \"miss\"",
            ),
            (
                r#"{"type":"cache_operation","operation":"maybe"}"#,
                "the field \"operation\" is the text \"maybe\"; accepted is one of \"hit\" \"miss\"",
            ),
            (
                r#"{"type":"cache_operation","operation":"hit","user":"a"}"#,
                "there is no field \"user\" in cache_operation, which has operation",
            ),
            (
                r#"{"type":"cache_operation","operation":"hit","operation":"hit"}"#,
                "the field \"operation\" is there twice",
            ),
            (
                r#"{"type":"cache_operation","type":"cache_operation","operation":"hit"}"#,
                "the field \"type\" is there twice",
            ),
            (
                r#"{"type":"provider_operation","operation":"create","username":""}"#,
                "the field \"username\" is an empty text; accepted is a text of 1 to 128 bytes without control characters",
            ),
            (
                r#"{"type":"provider_operation","operation":"create","username":"a\u0000b"}"#,
                "the field \"username\" is a text with the control character U+0000; a label has none; accepted is a text of 1 to 128 bytes without control characters",
            ),
            (
                r#"{"type":"job_execution","job_type":"a","status":"success","duration_seconds":-0.1}"#,
                "the field \"duration_seconds\" is the number -0.1; accepted is a number of seconds, 0 or more",
            ),
            (
                r#"{"type":"job_execution","job_type":"a","status":"success","duration_seconds":"NaN"}"#,
                "the field \"duration_seconds\" is the text \"NaN\"; accepted is a number of seconds, 0 or more",
            ),
            (
                r#"{"type":"websocket_connections","reporter":"a","count":1.5}"#,
                "the field \"count\" is the number 1.5; accepted is a whole number from 0 to 9007199254740991",
            ),
            (
                r#"{"type":"http_request","endpoint":"/","status_code":99,"duration_seconds":0}"#,
                "the field \"status_code\" is the number 99; accepted is a whole number from 100 to 999",
            ),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
        assert!(
            complaint(r#"{"type":"stream"}"#)
                .starts_with("there is no event of type \"stream\"; there are stream_request, ")
        );
        let many =
            r#"{"type":"cache_operation","a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"operation":"hit"}"#;
        assert!(parse(many).is_err());
    }

    #[test]
    fn a_long_value_is_not_repeated_in_full() {
        let text =
            format!(r#"{{"type":"user_operation","operation":"create","username":"{}"}}"#, "ä".repeat(5_000));
        let complaint = complaint(&text);
        assert!(complaint.len() < 300 && complaint.contains("10000 bytes"), "{complaint}");
    }

    #[test]
    fn durations_are_exact_to_the_nanosecond_and_never_too_long() {
        let duration = |seconds: &str| {
            let text = format!(
                r#"{{"type":"job_execution","job_type":"a","status":"success","duration_seconds":{seconds}}}"#
            );
            match parse(&text) {
                Ok(Event::JobExecution { duration, .. }) => Some(duration),
                _ => None,
            }
        };
        assert_eq!(duration("63.2"), Some(Duration::from_millis(63_200)));
        assert_eq!(duration("0"), Some(Duration::ZERO));
        assert_eq!(duration("-0.0"), Some(Duration::ZERO));
        assert_eq!(duration("1e300"), Some(Duration::MAX));
        assert_eq!(duration("null"), None);
    }
}
