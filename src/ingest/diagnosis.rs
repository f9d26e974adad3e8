//! What is wrong with a body that is no batch: it is read again, event by event and field by field.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::error::{BatchError, EventError, MAX_EVENTS, describe, kind, message, quoted};
use crate::live::{
    ApiCall, Count, Endpoint, Event, EventSpec, FieldKind, FieldSpec, Label, Seconds, StatusCode, TextVisitor,
};

/// Why this document is no batch; `error` is what the fast reader said.
pub(super) fn of_document(body: &[u8], error: &serde_json::Error) -> BatchError {
    let mut found = ReadBatch::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = (&mut found).deserialize(&mut json).and_then(|()| json.end());
    if found.too_many {
        return BatchError::TooMany;
    }
    let mut bad: Vec<_> =
        found.events.iter().enumerate().filter_map(|(index, event)| Some((index, of_event(event.get())?))).collect();
    let mut all = found.events.len();
    match read {
        Err(broken) if found.in_events => {
            bad.push((all, EventError::Broken(message(&broken))));
            all += 1;
        }
        Err(broken) => return BatchError::Json(message(&broken)),
        Ok(()) => {}
    }
    if !bad.is_empty() {
        return BatchError::Events { all, bad };
    }
    match found.id.map(Label::new) {
        Some(Err(error)) => BatchError::Id(error),
        _ => BatchError::Json(message(error)),
    }
}

/// Why these lines are no batch.
pub(super) fn of_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> BatchError {
    let (mut all, mut bad) = (0, Vec::new());
    for line in lines {
        if all == MAX_EVENTS {
            return BatchError::TooMany;
        }
        // Only broken JSON is reported here: `of_event` reads the same line once more.
        let error = match serde_json::from_slice::<&RawValue>(line) {
            Ok(event) => of_event(event.get()),
            Err(error) => Some(EventError::Broken(message(&error))),
        };
        bad.extend(error.map(|error| (all, error)));
        all += 1;
    }
    BatchError::Events { all, bad }
}

/// A document as far as it could be read.
#[derive(Default)]
struct ReadBatch<'a> {
    id: Option<Cow<'a, str>>,
    events: Vec<&'a RawValue>,
    /// Whether it is the events that are being read.
    in_events: bool,
    too_many: bool,
}

impl<'de> DeserializeSeed<'de> for &mut ReadBatch<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut ReadBatch<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {\"batch_id\": ..., \"events\": [...]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut has_id, mut has_events) = (false, false);
        while let Some(BorrowedText(name)) = map.next_key()? {
            match &*name {
                "batch_id" if !has_id => {
                    self.id = map.next_value::<Option<BorrowedText<'de>>>()?.map(|BorrowedText(id)| id);
                    has_id = true;
                }
                "events" if !has_events => {
                    map.next_value_seed(Events(self))?;
                    has_events = true;
                }
                "batch_id" | "events" => {
                    return Err(A::Error::custom(format_args!("the field \"{name}\" is there twice")));
                }
                _ => {
                    let name = quoted(&name);
                    return Err(A::Error::custom(format_args!(
                        "there is no field {name} in a batch, which has batch_id, events"
                    )));
                }
            }
        }
        if has_events { Ok(()) } else { Err(A::Error::custom("the field \"events\" is missing")) }
    }
}

struct Events<'f, 'a>(&'f mut ReadBatch<'a>);

impl<'de> DeserializeSeed<'de> for Events<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.in_events = true;
        while let Some(event) = seq.next_element()? {
            if self.0.events.len() == MAX_EVENTS {
                self.0.too_many = true;
                return Err(A::Error::custom("too many events"));
            }
            self.0.events.push(event);
        }
        self.0.in_events = false;
        Ok(())
    }
}

/// A text, borrowed from the document if it stands there as it is.
struct BorrowedText<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for BorrowedText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

/// Why this JSON is no event; `None` if it is one.
fn of_event(json: &str) -> Option<EventError> {
    let error = serde_json::from_str::<Event<'_>>(json).err()?;
    let value = match serde_json::from_str::<Value>(json) {
        Ok(value) => value,
        Err(error) => return Some(EventError::Broken(message(&error))),
    };
    Some(of_value(&value).err().unwrap_or_else(|| twice(&error)))
}

/// What the field by field check finds; it does not see fields that are there twice.
fn of_value(value: &Value) -> Result<(), EventError> {
    let Value::Object(fields) = value else { return Err(EventError::NotAnObject(kind(value).to_owned())) };
    let name = match fields.get("type") {
        None => return Err(EventError::NoType),
        Some(Value::String(name)) => name,
        Some(other) => return Err(EventError::TypeNotText(describe(other))),
    };
    let Some(spec) = Event::ALL.iter().find(|spec| spec.name == name) else {
        return Err(EventError::UnknownType(name.clone()));
    };
    for field in spec.fields {
        let Some(value) = fields.get(field.name) else {
            return Err(EventError::Missing { field: field.name, accepts: field.kind.accepts() });
        };
        of_field(spec, field, value)?;
    }
    let is_known = |name: &str| name == "type" || spec.fields.iter().any(|field| field.name == name);
    match fields.keys().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(unknown) => {
            let known: Vec<_> = spec.fields.iter().map(|field| field.name).collect();
            Err(EventError::Unknown { field: unknown.clone(), event: spec.name, known: known.join(", ") })
        }
    }
}

fn of_field(event: &EventSpec, field: &FieldSpec, value: &Value) -> Result<(), EventError> {
    let is_accepted = match field.kind {
        FieldKind::Label => Label::deserialize(value).is_ok(),
        FieldKind::Endpoint => Endpoint::deserialize(value).is_ok(),
        FieldKind::ApiCall => ApiCall::deserialize(value).is_ok(),
        FieldKind::OneOf(texts) => value.as_str().is_some_and(|text| texts.contains(&text)),
        FieldKind::StatusCode => StatusCode::deserialize(value).is_ok(),
        FieldKind::Seconds => Seconds::deserialize(value).is_ok(),
        FieldKind::Count => Count::deserialize(value).is_ok(),
    };
    if is_accepted {
        return Ok(());
    }
    let found = match (field.kind, value) {
        // It may hold a key or a password.
        (FieldKind::Endpoint, Value::String(text)) => {
            Endpoint::new(&**text).err().map_or_else(|| kind(value).to_owned(), |error| error.to_string())
        }
        (FieldKind::ApiCall, Value::String(text)) => {
            ApiCall::new(&**text).err().map_or_else(|| kind(value).to_owned(), |error| error.to_string())
        }
        _ => describe(value),
    };
    let mut accepts = field.kind.accepts();
    if event.name == "provider_api_request" && field.kind == FieldKind::StatusCode && !value.is_number() {
        accepts.push_str("; report a request that was not answered as provider_api_error");
    }
    Err(EventError::Value { field: field.name, found, accepts })
}

/// A field that is there twice is all that is left, and serde names it in backticks.
fn twice(error: &serde_json::Error) -> EventError {
    let message = message(error);
    match message.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`')) {
        Some((field, _)) => EventError::Twice(field.to_owned()),
        None => EventError::Broken(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        of_event(text).unwrap_or_else(|| panic!("{text} is an event")).to_string()
    }

    const LABEL: &str = "accepted is a text of 1 to 128 bytes without control characters";
    const ENDPOINT: &str = "accepted is the template of a route, such as \"/api/titles/:title_key\", or \"unmatched\"";
    const SECONDS: &str = "accepted is a number of seconds from 0 to 2592000";

    #[test]
    fn an_event_that_can_be_read_has_nothing_wrong() {
        assert_eq!(of_event(r#"{"operation":"hit","type":"cache_operation"}"#), None);
    }

    #[test]
    fn a_message_says_what_was_found_and_what_is_accepted() {
        for (text, expected) in [
            ("[1, [2]]", "an event is an object, but this is an array"),
            ("\"hit\"", "an event is an object, but this is a text"),
            ("{}", "the field \"type\" is missing; an event says what happened"),
            (r#"{"type":1}"#, "the field \"type\" is the number 1; accepted is the name of an event"),
            (
                r#"{"type":"cache_operation"}"#,
                "the field \"operation\" is missing; accepted is one of \"hit\", \"miss\"",
            ),
            (
                r#"{"type":"cache_operation","operation":"maybe"}"#,
                "the field \"operation\" is the text \"maybe\"; accepted is one of \"hit\", \"miss\"",
            ),
            (
                r#"{"type":"cache_operation","operation":{"hit":null}}"#,
                "the field \"operation\" is an object; accepted is one of \"hit\", \"miss\"",
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
                r#"{"type":"websocket_connections","reporter":"a","count":1.5}"#,
                "the field \"count\" is the number 1.5; accepted is a whole number from 0 to 1000000000",
            ),
            (
                r#"{"type":"http_request","endpoint":"/","status_code":99,"duration_seconds":0}"#,
                "the field \"status_code\" is the number 99; accepted is a whole number from 100 to 999",
            ),
        ] {
            assert_eq!(complaint(text), expected, "{text}");
        }
        for (username, found) in [
            ("\"\"", "an empty text"),
            (r#""a\u0000b""#, "a text with the control character U+0000; a label has none"),
            ("7", "the number 7"),
            ("null", "null"),
        ] {
            let text = format!(r#"{{"type":"provider_operation","operation":"create","username":{username}}}"#);
            assert_eq!(complaint(&text), format!("the field \"username\" is {found}; {LABEL}"));
        }
        let unknown = complaint(r#"{"type":"stream"}"#);
        assert!(unknown.starts_with("there is no event of type \"stream\"; there are stream_request, "), "{unknown}");
    }

    #[test]
    fn a_duration_of_more_than_thirty_days_is_refused() {
        for (seconds, found) in [
            ("-0.1", "the number -0.1"),
            ("2592000.5", "the number 2592000.5"),
            ("1e308", "the number 1e308"),
            ("\"NaN\"", "the text \"NaN\""),
        ] {
            let text =
                format!(r#"{{"type":"job_execution","job_type":"a","status":"success","duration_seconds":{seconds}}}"#);
            let expected = format!("the field \"duration_seconds\" is {found}; {SECONDS}");
            assert_eq!(complaint(&text).replace("e+308", "e308"), expected);
        }
    }

    #[test]
    fn a_raw_path_is_refused_and_not_repeated() {
        for (event, rest) in [
            ("http_request", r#""status_code":401,"duration_seconds":0"#),
            ("managed_error", r#""error_type":"NotFoundError""#),
            ("authentication_failure", r#""reason":"wrong_key""#),
        ] {
            for path in ["/SECRETKEY1/manifest.json", "/movie/alice/PASSWORD/1.mp4", "PASSWORD", "/a\\u0000PASSWORD"] {
                let text = format!(r#"{{"type":"{event}","endpoint":"{path}",{rest}}}"#);
                let complaint = complaint(&text);
                assert!(complaint.starts_with("the field \"endpoint\" is a "), "{complaint}");
                assert!(complaint.ends_with(ENDPOINT), "{complaint}");
                assert!(!complaint.contains("SECRET") && !complaint.contains("PASSWORD"), "{complaint}");
            }
            let long = format!(r#"{{"type":"{event}","endpoint":"/{}",{rest}}}"#, "PASSWORD".repeat(100));
            assert!(!complaint(&long).contains("PASSWORD"));
        }
    }

    #[test]
    fn a_request_that_was_not_answered_is_referred_to_the_event_for_errors() {
        let request = |code: &str| {
            complaint(&format!(
                r#"{{"type":"provider_api_request","provider_id":"a","endpoint":"b","duration_seconds":1,
                     "status_code":{code}}}"#
            ))
        };
        let timeout = request("\"timeout\"");
        assert!(timeout.ends_with("report a request that was not answered as provider_api_error"), "{timeout}");
        assert!(!request("1000").contains("provider_api_error"));
    }

    #[test]
    fn a_long_value_is_not_repeated_in_full() {
        let text = format!(r#"{{"type":"user_operation","operation":"create","username":"{}"}}"#, "ä".repeat(5_000));
        let complaint = complaint(&text);
        assert!(complaint.len() < 300 && complaint.contains("10000 bytes"), "{complaint}");
    }
}
