//! Fuzz targets: bodies of events.

use std::collections::BTreeSet;

use playarr_fuzz::{fuzz, kind_of};

use super::{Batch, BatchError};
use crate::live::{Event, Live};

const DOCUMENT: &[u8] = br#"{"batch_id":"a-1","events":[
    {"type":"stream_request","user":"alice","media_type":"movies","duration_seconds":0.25},
    {"type":"cache_operation","operation":"hit"},
    {"type":"provider_api_request","provider_id":"p1","endpoint":"get_live_streams","status":"success",
     "duration_seconds":1e-3}]}"#;
const LINES: &[u8] = b"{\"type\":\"authentication_failure\",\"endpoint\":\"/api/stats\",\"reason\":\"bad_password\"}\n\
    {\"type\":\"http_request\",\"endpoint\":\"/metrics\",\"status_code\":200,\"duration_seconds\":12}\n\n\
    {\"type\":\"job_execution\",\"job_type\":\"SyncLiveTVJob\",\"status\":\"failure\",\"duration_seconds\":5}\r\n";
const WORDS: &[&str] = &[
    "\"batch_id\":",
    "\"events\":",
    "\"type\":",
    "\"duration_seconds\":",
    "\"user\":",
    "\"provider_id\":",
    "{",
    "}",
    "[",
    "],",
    "null",
    "true",
    "\"websocket_connections\"",
    "\"best_source_selected\"",
    "\"provider_sync\"",
    "\\u0000",
    "\\ud800",
    "\"report\"",
    "\"error\"",
    "2592001",
];

/// Reads a body, counts what it holds, and says how it went.
fn outcome<'a>(live: &Live, read: Result<Batch<'a>, BatchError>) -> String {
    match read {
        Ok(batch) => {
            let delta = live.sum(&batch.events);
            live.put_back(&delta);
            let types: BTreeSet<_> = batch.events.iter().map(Event::type_name).collect();
            format!("{} {types:?}", batch.id.is_some())
        }
        Err(BatchError::Events { bad, .. }) => {
            bad.iter().take(2).map(|(_, error)| kind_of(&error.to_string())).collect::<Vec<_>>().join(", then ")
        }
        Err(error) => kind_of(&error.to_string()),
    }
}

#[test]
fn a_document_of_events_may_hold_anything() {
    let live = Live::new();
    fuzz("events in JSON", &[DOCUMENT, b"{\"events\":[]}"], WORDS, |body| outcome(&live, Batch::from_json(body)));
    let _ = live.gather();
}

#[test]
fn lines_of_events_may_hold_anything() {
    let live = Live::new();
    fuzz("events in lines", &[LINES, b"\n"], WORDS, |body| outcome(&live, Batch::from_lines(body)));
    let _ = live.gather();
}
