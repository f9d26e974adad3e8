//! Batches of events out of a request's body: `{"batch_id": ..., "events": [...]}` or a line for each event.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::event::{Candidate, EventError, Text, quoted};
use crate::live::{Event, Label, LabelError};

/// How many events a batch may have.
pub const MAX_EVENTS: usize = 10_000;

/// Events to be counted together, once.
#[derive(Debug, Default, PartialEq)]
pub struct Batch<'a> {
    /// By which the batch is known when it is sent again.
    pub id: Option<Label<'a>>,
    /// What happened.
    pub events: Vec<Event<'a>>,
}

/// Why a body is no batch. Nothing of it is counted.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// JSON that is broken, or something else than a batch.
    #[error("{0}")]
    Json(String),
    /// Events that are none.
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
    /// A batch's id that is none.
    #[error("the batch_id is not accepted: {0}")]
    Id(#[from] LabelError),
    /// Two ids for one batch.
    #[error("the batch has one id in its body and another one in its headers; send one of them")]
    TwoIds,
}

/// What the parser says, without most of what it quotes.
fn said(error: &serde_json::Error) -> String {
    /// In bytes.
    const MOST: usize = 200;
    let said = error.to_string();
    if said.len() <= MOST {
        return said;
    }
    let place = format!(" at line {} column {}", error.line(), error.column());
    format!("{}...{place}", &said[..said.floor_char_boundary(MOST)])
}

impl<'a> Batch<'a> {
    /// A batch out of a JSON document.
    ///
    /// # Errors
    /// When it is none; then every bad event is named, as far as the document can be read.
    pub fn from_json(body: &'a [u8]) -> Result<Self, BatchError> {
        let mut reading = Reading::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        let read = (&mut reading).deserialize(&mut json).and_then(|()| json.end());
        reading.finish(read)
    }

    /// A batch out of lines with an event each; blank ones are skipped.
    ///
    /// # Errors
    /// When it is none; then every bad event is named.
    pub fn from_lines(body: &'a [u8]) -> Result<Self, BatchError> {
        let mut reading = Reading::default();
        for line in body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
        {
            let candidate = match serde_json::from_slice::<Candidate<'_>>(line) {
                Ok(Candidate(candidate)) => candidate,
                Err(error) => Err(EventError::Broken(said(&error))),
            };
            if !reading.take(candidate) {
                break;
            }
        }
        reading.finish(Ok(()))
    }
}

impl<'a> Batch<'a> {
    /// Gives the batch an id that came beside it.
    ///
    /// # Errors
    /// When it is none, or the batch has another one.
    pub fn name(&mut self, id: Option<&'a str>) -> Result<(), BatchError> {
        let Some(id) = id.map(Label::new).transpose()? else { return Ok(()) };
        if self.id.as_ref().is_some_and(|known| *known != id) {
            return Err(BatchError::TwoIds);
        }
        self.id = Some(id);
        Ok(())
    }
}

/// A batch as far as it was read.
#[derive(Default)]
struct Reading<'a> {
    id: Option<Cow<'a, str>>,
    events: Vec<Event<'a>>,
    bad: Vec<(usize, EventError)>,
    count: usize,
    /// Whether the events are being read right now.
    in_events: bool,
    too_many: bool,
}

impl<'a> Reading<'a> {
    /// Takes what stands where an event should; no more are taken if there are too many.
    fn take(&mut self, candidate: Result<Event<'a>, EventError>) -> bool {
        if self.count == MAX_EVENTS {
            self.too_many = true;
            return false;
        }
        match candidate {
            // After the first bad one nothing will be counted, so the good ones need not be kept.
            Ok(event) if self.bad.is_empty() => self.events.push(event),
            Ok(_) => {}
            Err(error) => self.bad.push((self.count, error)),
        }
        self.count += 1;
        true
    }

    fn finish(mut self, read: Result<(), serde_json::Error>) -> Result<Batch<'a>, BatchError> {
        if self.too_many {
            return Err(BatchError::TooMany);
        }
        match read {
            Err(error) if self.in_events => {
                self.bad.push((self.count, EventError::Broken(said(&error))));
                self.count += 1;
            }
            Err(error) => return Err(BatchError::Json(said(&error))),
            Ok(()) => {}
        }
        if !self.bad.is_empty() {
            return Err(BatchError::Events { all: self.count, bad: self.bad });
        }
        let id = self.id.map(Label::new).transpose()?;
        Ok(Batch { id, events: self.events })
    }
}

impl<'de> DeserializeSeed<'de> for &mut Reading<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Reading<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object {\"batch_id\": ..., \"events\": [...]}")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut has_id, mut has_events) = (false, false);
        while let Some(Text(name)) = map.next_key()? {
            match &*name {
                "batch_id" if !has_id => {
                    self.id = map.next_value::<Option<Text<'de>>>()?.map(|Text(id)| id);
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
                    return Err(A::Error::custom(format_args!(
                        "there is no field {} in a batch, which has batch_id, events",
                        quoted(&name)
                    )));
                }
            }
        }
        if has_events { Ok(()) } else { Err(A::Error::custom("the field \"events\" is missing")) }
    }
}

struct Events<'r, 'a>(&'r mut Reading<'a>);

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
        while let Some(Candidate(candidate)) = seq.next_element()? {
            if !self.0.take(candidate) {
                return Err(A::Error::custom("too many events"));
            }
        }
        self.0.in_events = false;
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Event<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Candidate::deserialize(deserializer)?.0.map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: &str = r#"{"type":"cache_operation","operation":"hit"}"#;

    fn complaint(body: &str) -> String {
        Batch::from_json(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_and_lines_say_the_same() {
        let document = format!(r#"{{"batch_id":"7","events":[{HIT},{HIT}]}}"#);
        let document = Batch::from_json(document.as_bytes()).unwrap();
        assert_eq!(document.id, Some(Label::new("7").unwrap()));
        let lines = format!("{HIT}\r\n\n  {HIT}");
        assert_eq!(Batch::from_lines(lines.as_bytes()).unwrap().events, document.events);
        assert_eq!(Batch::from_json(br#"{"events":[],"batch_id":null}"#).unwrap(), Batch::default());
        assert_eq!(Batch::from_lines(b"\n").unwrap(), Batch::default());
    }

    #[test]
    fn every_bad_event_is_named_by_its_index() {
        let body = format!(r#"{{"events":[{HIT},7,{HIT},{{"type":"x"}}]}}"#);
        let Err(BatchError::Events { all: 4, bad }) = Batch::from_json(body.as_bytes()) else { panic!() };
        assert_eq!(bad.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 3]);
        let lines = format!("{HIT}\n{{\"type\":\n\n7");
        let Err(BatchError::Events { all: 3, bad }) = Batch::from_lines(lines.as_bytes()) else { panic!() };
        assert_eq!(bad.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn a_document_that_is_no_batch_is_told_why() {
        for (body, expected) in [
            (
                "[]",
                "invalid type: sequence, expected an object {\"batch_id\": ..., \"events\": [...]} at line 1 column 0",
            ),
            ("{}", "the field \"events\" is missing at line 1 column 2"),
            (r#"{"events":[],"events":[]}"#, "the field \"events\" is there twice at line 1 column 21"),
            (
                r#"{"event":[]}"#,
                "there is no field \"event\" in a batch, which has batch_id, events at line 1 column 8",
            ),
            (r#"{"events":{}}"#, "invalid type: map, expected an array of events at line 1 column 10"),
            (
                r#"{"batch_id":"","events":[]}"#,
                "the batch_id is not accepted: an empty text; a label has 1 to 128 bytes",
            ),
            (r#"{"events":[]} x"#, "trailing characters at line 1 column 15"),
        ] {
            assert_eq!(complaint(body), expected, "{body}");
        }
        let endless = format!(r#"{{"events":"{}"}}"#, "x".repeat(4_000_000));
        assert!(complaint(&endless).len() < 300);
        let unknown = format!(r#"{{"{}":1}}"#, "\u{7f}".repeat(1_000_000));
        assert!(complaint(&unknown).len() < 400);
    }

    #[test]
    fn where_the_json_is_broken_is_named_beside_the_events_that_are_bad() {
        for number in ["NaN", "1e999", "-", "0x1"] {
            let body =
                format!(r#"{{"events":[7,{HIT},{{"type":"job_execution","duration_seconds":{number}}},8]}}"#);
            let Err(BatchError::Events { bad, .. }) = Batch::from_json(body.as_bytes()) else { panic!() };
            assert_eq!(bad.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2], "{number}");
            assert!(bad[1].1.to_string().starts_with("the JSON is broken: "), "{}", bad[1].1);
        }
    }

    #[test]
    fn ten_thousand_events_are_a_batch_and_one_more_is_too_many() {
        let body = |count| format!(r#"{{"events":[{}]}}"#, vec![HIT; count].join(","));
        assert_eq!(Batch::from_json(body(MAX_EVENTS).as_bytes()).unwrap().events.len(), MAX_EVENTS);
        let too_many = body(MAX_EVENTS + 1);
        assert!(matches!(Batch::from_json(too_many.as_bytes()), Err(BatchError::TooMany)));
        let lines = vec![HIT; MAX_EVENTS + 1].join("\n");
        assert!(matches!(Batch::from_lines(lines.as_bytes()), Err(BatchError::TooMany)));
    }
}
