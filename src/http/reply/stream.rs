//! Answers that are made while they are sent, so that a large one takes no more memory than a small one.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::mpsc;
use tokio::time::timeout;
use warp::Reply;
use warp::reply::Response;

/// The time after which a client that takes nothing is cut off.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// The client has taken nothing for too long, or the parts could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the answer was broken off")]
struct BrokenOff;

enum StreamPart {
    Bytes(Bytes),
    End,
}

/// An answer of these parts. They are dropped when all are sent, when the client is gone, or when it has taken nothing
/// for `STALL_LIMIT`; then `ended` is told how many bytes there were.
pub(in crate::http) fn streamed(
    parts: impl Iterator<Item = Vec<u8>> + Send + 'static,
    ended: impl FnOnce(usize) + Send + 'static,
) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(send(parts, sender, STALL_LIMIT, ended));
    let body = unfold(Some(receiver), |receiver| async {
        let mut receiver: mpsc::Receiver<StreamPart> = receiver?;
        match receiver.recv().await {
            Some(StreamPart::Bytes(bytes)) => Some((Ok(bytes), Some(receiver))),
            Some(StreamPart::End) => None,
            // Without an error, the client would take what it has for all.
            None => Some((Err(BrokenOff), None)),
        }
    });
    warp::reply::stream(body).into_response()
}

/// Sends the parts, each within a time.
async fn send(
    parts: impl Iterator<Item = Vec<u8>>,
    sender: mpsc::Sender<StreamPart>,
    limit: Duration,
    ended: impl FnOnce(usize),
) {
    let mut bytes = 0;
    for part in parts.map(Bytes::from) {
        let length = part.len();
        match timeout(limit, sender.send(StreamPart::Bytes(part))).await {
            Ok(Ok(())) => bytes += length,
            _ => return ended(bytes),
        }
    }
    // The last part is taken when there is room for the end. The client must not see the end before `ended` has.
    let end = timeout(limit, sender.reserve()).await;
    ended(bytes);
    if let Ok(Ok(room)) = end {
        room.send(StreamPart::End);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_nobody_takes_is_dropped_after_a_while() {
        let held = Arc::new(());
        let parts = {
            let held = held.clone();
            (0..10_u8).map(move |number| vec![number; 1 + Arc::strong_count(&held)])
        };
        let (sender, mut receiver) = mpsc::channel(1);
        let mut sent = 0;
        send(parts, sender, STALL_LIMIT, |bytes| sent = bytes).await;
        assert_eq!((sent, Arc::strong_count(&held)), (3, 1), "one part waits in the channel");
        assert!(matches!(receiver.recv().await, Some(StreamPart::Bytes(_))));
        assert!(receiver.recv().await.is_none(), "no end, so the answer is broken off");
    }
}
