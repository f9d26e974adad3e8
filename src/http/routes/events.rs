//! Live events from other processes.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures_util::Stream;
use serde_json::json;
use warp::{Filter, Rejection, Reply};

use crate::accounts::TokenKind;
use crate::app::App;
use crate::http::observe::authentication_failed;
use crate::http::reply::error::{ApiError, respond};
use crate::http::request::bearer::{Bearer, header};
use crate::http::request::body;
use crate::http::with;
use crate::ingest::Batch;

pub(in crate::http) const TEMPLATE: &str = "/api/metrics/events";

/// The largest body, before and after it is unpacked, in bytes.
const MAX_BODY: usize = 4 << 20;

/// How long a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bodies from this size on are read on a thread for blocking work, so that nobody waits behind them.
const LARGE_BODY: usize = 16 << 10;

/// `POST /api/metrics/events` by the bearer of the ingest token
pub(in crate::http) fn record(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "metrics" / "events")
        .and(warp::post())
        .and(with(app))
        .and(header("authorization"))
        .and(Headers::filter())
        .and(warp::body::stream())
        .then(|app: Arc<App>, token: Option<Bearer>, headers: Headers, body| async move {
            let recorded = take(&app, token.as_ref(), headers, body).await;
            respond(recorded.map(|events| warp::reply::json(&json!({ "accepted": events }))))
        })
}

async fn take(
    app: &Arc<App>,
    token: Option<&Bearer>,
    headers: Headers,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<usize, ApiError> {
    // Nothing is read of a body from somebody who may not send one.
    Bearer::check(token, &app.tokens, TokenKind::Ingest).inspect_err(|error| {
        let reason = match error {
            ApiError::MissingToken => "missing_token",
            ApiError::WrongToken(_) => "wrong_token",
            _ => return,
        };
        authentication_failed(app, TEMPLATE, reason);
    })?;
    let (layout, is_packed, batch_id) = headers.understood()?;
    let body = body::read(body, MAX_BODY, PATIENCE).await?;
    let packed = body.len();
    let count = {
        let app = app.clone();
        move || -> Result<usize, ApiError> {
            let body = if is_packed { unpack(&body)? } else { body };
            let mut batch = match layout {
                Layout::Document => Batch::from_json(&body),
                Layout::Lines => Batch::from_lines(&body),
            }?;
            batch.set_id(batch_id.as_deref())?;
            Ok(app.live.record_batch(batch.id.as_ref(), &batch.events)?)
        }
    };
    if packed < LARGE_BODY && !is_packed {
        return count();
    }
    // The place moves to the thread: it is free when the work is done, even if nobody waits for that any more.
    let place = app.unpacking.clone().acquire_owned().await.map_err(|_| ApiError::Internal)?;
    let count = move || {
        let _place = place;
        count()
    };
    tokio::task::spawn_blocking(count).await.map_err(|_| ApiError::Internal)?
}

/// A gzip body unpacked, unless that is too large: then what is packed in it stays packed.
fn unpack(body: &[u8]) -> Result<Bytes, ApiError> {
    let mut unpacked = Vec::with_capacity(body.len().saturating_mul(4).min(MAX_BODY));
    let most = MAX_BODY as u64 + 1;
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|error| ApiError::BrokenGzip(error.to_string()))?;
    if unpacked.len() > MAX_BODY {
        return Err(ApiError::BodyTooLarge(MAX_BODY));
    }
    Ok(unpacked.into())
}

#[derive(Clone, Copy)]
enum Layout {
    Document,
    Lines,
}

/// What the headers say of the body.
struct Headers {
    content_type: Option<String>,
    encoding: Option<String>,
    batch_id: Option<String>,
}

impl Headers {
    fn filter() -> impl Filter<Extract = (Self,), Error = Rejection> + Copy {
        header("content-type")
            .and(header("content-encoding"))
            // One that cannot be read is refused: without it the batch could be counted twice.
            .and(warp::header::optional("x-batch-id"))
            .map(|content_type, encoding, batch_id| Self { content_type, encoding, batch_id })
    }

    fn understood(&self) -> Result<(Layout, bool, Option<String>), ApiError> {
        let content_type = self.content_type.as_deref().unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let layout = match &*media_type {
            "application/json" => Layout::Document,
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Layout::Lines,
            _ => return Err(ApiError::ContentType(content_type.to_owned())),
        };
        let encoding = self.encoding.as_deref().unwrap_or_default();
        let is_packed = match &*encoding.trim().to_ascii_lowercase() {
            "" | "identity" => false,
            "gzip" | "x-gzip" => true,
            _ => return Err(ApiError::ContentEncoding(encoding.to_owned())),
        };
        Ok((layout, is_packed, self.batch_id.clone()))
    }
}
