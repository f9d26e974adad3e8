//! The events for programs that report them: `clients/node/events.json`.

use serde_json::{Value, json};

use super::json::pretty;
use crate::live::{Event, EventSpec, FieldKind, FieldSpec, MAX_COUNT, MAX_EVENT_LABEL_BYTES, MAX_SECONDS};

/// Every event with its fields, and the limits of their values.
pub(super) fn document() -> String {
    let events: Vec<_> = Event::ALL.iter().map(event).collect();
    let limits = json!({ "count": MAX_COUNT, "label_bytes": MAX_EVENT_LABEL_BYTES, "seconds": MAX_SECONDS });
    pretty(&json!({ "events": events, "limits": limits }))
}

fn event(spec: &EventSpec) -> Value {
    let fields: Vec<_> = spec.fields.iter().map(field).collect();
    json!({ "type": spec.name, "meaning": spec.doc, "fields": fields })
}

fn field(spec: &FieldSpec) -> Value {
    let kind = match spec.kind {
        FieldKind::Label => "label",
        FieldKind::Endpoint => "endpoint",
        FieldKind::ApiCall => "api_call",
        FieldKind::OneOf(values) => {
            return json!({ "name": spec.name, "kind": "one_of", "values": values });
        }
        FieldKind::StatusCode => "status_code",
        FieldKind::Seconds => "seconds",
        FieldKind::Count => "count",
    };
    json!({ "name": spec.name, "kind": kind })
}
