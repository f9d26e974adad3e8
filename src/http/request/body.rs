//! Reading bodies, up to a limit and within a time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use warp::{Filter, Rejection, Stream};

use super::headers::header;
use crate::http::reply::error::ApiError;

/// The largest small JSON document, in bytes.
const MAX_JSON: usize = 16 << 10;

/// The time that a small JSON document may take.
const JSON_TIME_LIMIT: Duration = Duration::from_secs(10);

/// Succeeds for the content type of JSON. A page of another site cannot send it without a preflight request.
fn expect_json(content_type: Option<&str>) -> Result<(), ApiError> {
    let media_type = content_type.and_then(|content_type| content_type.split(';').next());
    match media_type {
        Some(media_type) if media_type.trim().eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(ApiError::NotJson),
    }
}

/// The body of a small JSON document. Errors are left to the handler, which first checks who calls it.
pub(in crate::http) fn json() -> impl Filter<Extract = (Result<Bytes, ApiError>,), Error = Rejection> + Copy {
    header("content-type").and(warp::body::stream()).then(read_json)
}

async fn read_json(
    content_type: Option<String>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Bytes, ApiError> {
    expect_json(content_type.as_deref())?;
    read(body, MAX_JSON, JSON_TIME_LIMIT).await
}

/// The whole body, of `limit` bytes at most, read within `time_limit`.
pub(in crate::http) async fn read(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
    time_limit: Duration,
) -> Result<Bytes, ApiError> {
    let all = async {
        let (mut body, mut bytes) = (pin!(body), BytesMut::new());
        while let Some(part) = body.next().await {
            let part = part.map_err(|_| ApiError::BodyCutShort)?;
            if bytes.len() + part.remaining() > limit {
                return Err(ApiError::BodyTooLarge(limit));
            }
            bytes.put(part);
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(time_limit, all).await.unwrap_or(Err(ApiError::BodyTooSlow))
}
