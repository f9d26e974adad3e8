//! Batches of events out of a request's body: `{"batch_id": ..., "events": [...]}` or a line for each event.

use serde::Deserialize;

use super::diagnosis;
use super::error::{BatchError, MAX_EVENTS};
use crate::live::{Event, Label};

/// Events to be counted together, once.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch<'a> {
    /// Tells a batch that is sent again from a new one.
    #[serde(borrow, default, rename = "batch_id")]
    pub id: Option<Label<'a>>,
    /// What happened.
    #[serde(borrow)]
    pub events: Vec<Event<'a>>,
}

impl<'a> Batch<'a> {
    /// Reads a JSON document.
    ///
    /// # Errors
    /// When it is no batch; then every bad event is named, as far as the document can be read.
    pub fn from_json(body: &'a [u8]) -> Result<Self, BatchError> {
        let batch: Self = serde_json::from_slice(body).map_err(|error| diagnosis::of_document(body, &error))?;
        if batch.events.len() > MAX_EVENTS {
            return Err(BatchError::TooMany);
        }
        Ok(batch)
    }

    /// Reads lines with an event each; blank ones are skipped.
    ///
    /// # Errors
    /// When one is no event; then every bad one is named.
    pub fn from_lines(body: &'a [u8]) -> Result<Self, BatchError> {
        let mut events = Vec::new();
        for line in lines(body) {
            if events.len() == MAX_EVENTS {
                return Err(BatchError::TooMany);
            }
            let Ok(event) = serde_json::from_slice(line) else {
                return Err(diagnosis::of_lines(lines(body)));
            };
            events.push(event);
        }
        Ok(Self { id: None, events })
    }

    /// Gives the batch an id that came beside it.
    ///
    /// # Errors
    /// When it is no label, or the batch has another one.
    pub fn set_id(&mut self, id: Option<&'a str>) -> Result<(), BatchError> {
        let Some(id) = id.map(Label::new).transpose()? else { return Ok(()) };
        if self.id.as_ref().is_some_and(|known| *known != id) {
            return Err(BatchError::TwoIds);
        }
        self.id = Some(id);
        Ok(())
    }
}

fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HIT: &str = r#"{"type":"cache_operation","operation":"hit"}"#;

    fn complaint(body: &str) -> String {
        Batch::from_json(body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_document_and_lines_hold_the_same_events() {
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
    fn a_document_that_is_no_batch_is_refused_with_the_reason() {
        let twice = "the field \"events\" is there twice at line 1 column 21";
        let no_such_field = "there is no field \"event\" in a batch, which has batch_id, events at line 1 column 8";
        let no_object = "invalid type: sequence, expected an object {\"batch_id\": ..., \"events\": [...]} \
                         at line 1 column 0";
        for (body, expected) in [
            ("[]", no_object),
            ("{}", "the field \"events\" is missing at line 1 column 2"),
            (r#"{"events":[],"events":[]}"#, twice),
            (r#"{"event":[]}"#, no_such_field),
            (r#"{"events":{}}"#, "invalid type: map, expected an array of events at line 1 column 10"),
            (
                r#"{"batch_id":"","events":[]}"#,
                "the batch_id is not accepted: an empty text; a label has 1 to 128 bytes",
            ),
            (r#"{"batch_id":7,"events":[]}"#, "invalid type: integer `7`, expected a text at line 1 column 13"),
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
    fn broken_json_is_named_beside_the_events_that_are_bad() {
        for number in ["NaN", "1e999", "-", "0x1"] {
            let body = format!(r#"{{"events":[7,{HIT},{{"type":"job_execution","duration_seconds":{number}}},8]}}"#);
            let Err(BatchError::Events { bad, .. }) = Batch::from_json(body.as_bytes()) else { panic!() };
            assert_eq!(bad[..2].iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 2], "{number}");
            assert!(bad[1].1.to_string().starts_with("the JSON is broken: "), "{}", bad[1].1);
        }
    }

    #[test]
    fn ten_thousand_events_are_a_batch_and_one_more_is_too_many() {
        for event in [HIT, "7"] {
            let too_many = format!(r#"{{"events":[{}]}}"#, vec![event; MAX_EVENTS + 1].join(","));
            assert!(matches!(Batch::from_json(too_many.as_bytes()), Err(BatchError::TooMany)), "{event}");
            let lines = vec![event; MAX_EVENTS + 1].join("\n");
            assert!(matches!(Batch::from_lines(lines.as_bytes()), Err(BatchError::TooMany)), "{event}");
        }
        let most = format!(r#"{{"events":[{}]}}"#, vec![HIT; MAX_EVENTS].join(","));
        assert_eq!(Batch::from_json(most.as_bytes()).unwrap().events.len(), MAX_EVENTS);
    }
}
