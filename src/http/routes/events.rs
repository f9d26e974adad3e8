//! Live events from other processes.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use serde_json::json;
use warp::reply::Json;
use warp::{Filter, Rejection, Stream};

use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::request::body;
use crate::http::request::headers::header;
use crate::ingest::Batch;
use crate::journal::RecordError;
use crate::live::{Delta, Live};

use super::joined;

/// The largest body, before and after it is unpacked, in bytes.
const MAX_BODY: usize = 4 << 20;

/// The time that a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies from this size on are parsed on a thread for blocking work, so that no other request waits behind them.
const LARGE_BODY: usize = 16 << 10;

/// `POST /api/metrics/events`
pub(in crate::http) async fn record(app: Arc<App>, packed: Result<PackedBatch, ApiError>) -> Result<Json, ApiError> {
    let packed = packed?;
    let is_small = packed.body.len() < LARGE_BODY && !packed.is_gzip;
    let journal = app.journal.get().ok_or(RecordError::Starting)?;
    // Before the batch is summed up, which takes room for its series.
    journal.check()?;
    let (permits, live) = (app.unpacking.clone(), app.live.clone());
    let sum = move || packed.sum(&live);
    let batch = if is_small {
        sum()?
    } else {
        // The permit moves to the thread: it is returned when the work is done, even if nobody waits for that.
        let permit = permits.acquire_owned().await.map_err(|_| ApiError::Stopping)?;
        let sum = move || {
            let _permit = permit;
            sum()
        };
        joined(tokio::task::spawn_blocking(sum).await)??
    };
    let events = journal.record(batch.id.as_deref(), batch.delta, batch.events).await?;
    Ok(warp::reply::json(&json!({ "accepted": events })))
}

/// A batch as it came.
pub(in crate::http) struct PackedBatch {
    layout: Layout,
    is_gzip: bool,
    id: Option<String>,
    body: Bytes,
}

#[derive(Clone, Copy)]
enum Layout {
    Document,
    Lines,
}

/// The batch of a request whose caller may send one.
pub(in crate::http) fn batch() -> impl Filter<Extract = (Result<PackedBatch, ApiError>,), Error = Rejection> + Copy {
    header("content-type")
        .and(header("content-encoding"))
        // An id that cannot be read is refused: without it the batch could be counted twice.
        .and(warp::header::optional("x-batch-id"))
        .and(header("content-length"))
        .and(warp::body::stream())
        .then(PackedBatch::read)
}

impl PackedBatch {
    async fn read(
        content_type: Option<String>,
        encoding: Option<String>,
        id: Option<String>,
        length: Option<usize>,
        body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    ) -> Result<Self, ApiError> {
        let content_type = content_type.unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let layout = match &*media_type {
            "application/json" => Layout::Document,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Layout::Lines,
            _ => return Err(ApiError::ContentType(content_type)),
        };
        let encoding = encoding.unwrap_or_default();
        let is_gzip = match &*encoding.trim().to_ascii_lowercase() {
            "" | "identity" => false,
            "gzip" | "x-gzip" => true,
            _ => return Err(ApiError::ContentEncoding(encoding)),
        };
        let body = body::read(body, length, MAX_BODY, PATIENCE).await?;
        Ok(Self { layout, is_gzip, id, body })
    }

    /// Parses the batch and sums it up.
    fn sum(self, live: &Live) -> Result<SummedBatch, ApiError> {
        let body = if self.is_gzip { unpack(&self.body)? } else { self.body };
        let mut batch = match self.layout {
            Layout::Document => Batch::from_json(&body),
            Layout::Lines => Batch::from_lines(&body),
        }?;
        batch.set_id(self.id.as_deref())?;
        let id = batch.id.as_ref().map(|id| id.as_str().to_owned());
        Ok(SummedBatch { id, delta: live.sum(&batch.events), events: batch.events.len() })
    }
}

/// What a batch counts.
struct SummedBatch {
    id: Option<String>,
    delta: Delta,
    events: usize,
}

/// A gzip body, unpacked up to the limit.
fn unpack(body: &[u8]) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::with_capacity(body.len().saturating_mul(4).min(MAX_BODY));
    MultiGzDecoder::new(body)
        .take(MAX_BODY as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| ApiError::BrokenGzip(error.to_string()))?;
    if unpacked.len() > MAX_BODY {
        return Err(ApiError::BodyTooLarge(MAX_BODY));
    }
    Ok(unpacked.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use playarr_fuzz::{fuzz, kind_of};

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text).unwrap();
        packed.finish().unwrap()
    }

    #[test]
    fn a_packed_body_may_hold_anything() {
        let live = Live::new();
        let event = packed(br#"{"events":[{"type":"cache_operation","operation":"hit"}]}"#);
        let twice = [&*packed(br#"{"events":"#), &packed(b"[]}")].concat();
        let words = ["\x1f", "\u{8b}", "\x08", "\0\0\0\0"];
        fuzz("gzip bodies", &[&event, &twice, &packed(&[b' '; 70_000])], &words, |body| {
            let body = Bytes::copy_from_slice(body);
            let batch = PackedBatch { layout: Layout::Document, is_gzip: true, id: None, body };
            batch.sum(&live).map_or_else(|error| kind_of(&error.to_string()), |batch| batch.events.to_string())
        });
    }

    #[test]
    fn a_body_that_unpacks_to_too_much_is_refused() {
        let zeros = packed(&vec![b' '; MAX_BODY + 1]);
        assert!(zeros.len() < 10_000);
        assert!(matches!(unpack(&zeros), Err(ApiError::BodyTooLarge(MAX_BODY))));
    }
}
