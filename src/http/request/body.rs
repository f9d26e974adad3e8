//! Reading bodies, up to a limit and within a time.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use warp::Stream;

use crate::http::reply::error::ApiError;

/// Succeeds for the content type of JSON. A page of another site cannot send it without a preflight request.
pub(in crate::http) fn expect_json(content_type: Option<&str>) -> Result<(), ApiError> {
    let media_type = content_type.and_then(|content_type| content_type.split(';').next());
    match media_type {
        Some(media_type) if media_type.trim().eq_ignore_ascii_case("application/json") => Ok(()),
        _ => Err(ApiError::NotJson),
    }
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
