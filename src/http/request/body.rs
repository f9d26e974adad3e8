//! Reading bodies, up to a limit, within a time, and within the memory that there is for all of them.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};
use warp::{Filter, Rejection, Stream};

use super::headers::header;
use crate::connections::{self, BodyRoom, HeldRoom};
use crate::http::reply::error::ApiError;

/// The largest small JSON document, in bytes.
const MAX_JSON: usize = 16 << 10;

/// The largest other JSON document, in bytes.
const MAX_LARGE_JSON: usize = 256 << 10;

/// The time that a small JSON document may take.
const JSON_TIME_LIMIT: Duration = Duration::from_secs(10);

/// The time that a body may wait for room.
const ROOM_TIME_LIMIT: Duration = Duration::from_secs(5);

/// While others wait for room, a body that is being read must go on: each [`PACE_TIME`] so many bytes.
const PACE: usize = 64 << 10;

/// See [`PACE`].
const PACE_TIME: Duration = Duration::from_secs(1);

/// Of a body that is too large, so many bytes are read and thrown away. A connection that is closed while its client
/// still sends would lose the answer (RFC 9112, section 9.6).
const MAX_DISCARDED: usize = 16 << 20;

/// The time for that.
const DISCARD_TIME_LIMIT: Duration = Duration::from_secs(5);

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
    header("content-type")
        .and(header("content-length"))
        .and(warp::body::stream())
        .then(|kind, length, body| read_json(kind, length, body, MAX_JSON))
}

/// The body of a JSON document that may hold a text of an admin's own.
pub(in crate::http) fn large_json() -> impl Filter<Extract = (Result<Bytes, ApiError>,), Error = Rejection> + Copy {
    header("content-type")
        .and(header("content-length"))
        .and(warp::body::stream())
        .then(|kind, length, body| read_json(kind, length, body, MAX_LARGE_JSON))
}

async fn read_json(
    content_type: Option<String>,
    length: Option<usize>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
) -> Result<Bytes, ApiError> {
    expect_json(content_type.as_deref())?;
    read(body, length, limit, JSON_TIME_LIMIT).await
}

/// The whole body, of `limit` bytes at most and of `length` bytes if it says so, read within `time_limit`. Its part of
/// the memory for bodies is free again when it is dropped.
pub(in crate::http) async fn read(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    length: Option<usize>,
    limit: usize,
    time_limit: Duration,
) -> Result<Bytes, ApiError> {
    if length.is_some_and(|length| length > limit) {
        discard(body).await;
        return Err(ApiError::BodyTooLarge(limit));
    }
    let connection = connections::current();
    let _gives_way = connections::give_way();
    let room = connection.as_ref().map(|connection| connection.room_for_bodies(limit));
    let held = match room {
        Some(room) => {
            let held = timeout(ROOM_TIME_LIMIT, room.take(length.unwrap_or(limit))).await.ok().flatten();
            Some(held.ok_or(ApiError::TooManyBodies)?)
        }
        None => None,
    };
    let bytes = timeout(time_limit, read_all(body, limit, room)).await.unwrap_or(Err(ApiError::BodyTooSlow))?;
    Ok(match held {
        Some(mut held) => {
            held.shrink(bytes.len());
            Bytes::from_owner(HeldBody { bytes, _held: held })
        }
        None => bytes,
    })
}

async fn read_all(
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
    limit: usize,
    room: Option<&BodyRoom>,
) -> Result<Bytes, ApiError> {
    let (mut body, mut bytes) = (pin!(body), BytesMut::new());
    let (mut since, mut before) = (Instant::now(), 0);
    loop {
        match timeout(PACE_TIME, body.next()).await {
            Ok(None) => return Ok(bytes.freeze()),
            Ok(Some(part)) => {
                let part = part.map_err(|_| ApiError::BodyCutShort)?;
                if bytes.len() + part.remaining() > limit {
                    drop(bytes);
                    discard(body).await;
                    return Err(ApiError::BodyTooLarge(limit));
                }
                bytes.put(part);
            }
            Err(_) => {}
        }
        if since.elapsed() >= PACE_TIME {
            if bytes.len() - before < PACE && room.is_some_and(BodyRoom::is_short) {
                return Err(ApiError::BodyTooSlow);
            }
            (since, before) = (Instant::now(), bytes.len());
        }
    }
}

/// Reads what is left of a body and keeps nothing of it.
async fn discard(body: impl Stream<Item = Result<impl Buf, warp::Error>>) {
    let mut body = pin!(body);
    let reading = async {
        let mut discarded = 0;
        while let Some(Ok(part)) = body.next().await {
            discarded += part.remaining();
            if discarded > MAX_DISCARDED {
                break;
            }
        }
    };
    // Whoever sends for longer may lose the answer.
    let _ = timeout(DISCARD_TIME_LIMIT, reading).await;
}

/// A body with its room.
struct HeldBody {
    bytes: Bytes,
    _held: HeldRoom,
}

impl AsRef<[u8]> for HeldBody {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    type Part = Result<Bytes, warp::Error>;

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_time_and_its_limit() {
        let parts = |parts: &'static [&'static str]| stream::iter(parts.iter().map(|part| Part::Ok((*part).into())));
        let read_to_10 = |body| read(body, None, 10, Duration::from_secs(10));
        assert_eq!(read_to_10(parts(&["01234", "56789"])).await.unwrap(), "0123456789");
        assert!(matches!(read_to_10(parts(&["01234", "567890"])).await, Err(ApiError::BodyTooLarge(10))));
        let announced = read(parts(&[]), Some(11), 10, Duration::from_secs(10)).await;
        assert!(matches!(announced, Err(ApiError::BodyTooLarge(10))));
        let endless = read(stream::pending::<Part>(), None, 10, Duration::from_secs(10)).await;
        assert!(matches!(endless, Err(ApiError::BodyTooSlow)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stands_still_gives_way_once_another_one_waits() {
        let table = crate::connections::ConnectionTable::new(crate::connections::ConnectionLimits {
            total: 10,
            per_address: 10,
        });
        let place = table.admit([127, 0, 0, 1].into()).unwrap();
        let room = place.connection().room_for_bodies(4 << 20);
        let started = Instant::now();
        let stalled = read_all(stream::pending::<Part>(), 4 << 20, Some(room));
        let waiting = async {
            let _all = room.take(16 << 20).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
            let _ = timeout(Duration::from_secs(5), room.take(1)).await;
        };
        let (stalled, ()) = tokio::join!(stalled, waiting);
        assert!(matches!(stalled, Err(ApiError::BodyTooSlow)));
        let elapsed = started.elapsed();
        assert!(elapsed > Duration::from_secs(59) && elapsed < Duration::from_secs(66), "{elapsed:?}");
    }
}
