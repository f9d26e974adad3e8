//! Accepts connections and answers them with the routes.
//!
//! warp could do this as well, but three things that slow scrapes down cannot be changed there: small packets wait for
//! the last large one (Nagle's algorithm), a body of more than about 400 KB is sent in several steps, and the routes
//! are copied for each request.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::request::peer::with_peer;
use super::router::Router;

/// The most bytes of a body that are sent together. This copies nothing.
const SEND_TOGETHER: usize = 64 << 20;

/// The most bytes that the headers of a request may have.
const MAX_HEADERS: usize = 32 << 10;

/// The time within which a new connection must send a request. A limit on the headers of each request would cost a
/// scrape several percent.
const FIRST_REQUEST_TIME: Duration = Duration::from_secs(30);

/// The pause before accepting again when the system has no file descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done, then accepts no new connections and returns when the requests under way are
/// answered. A connection that became a WebSocket is ended by its handler.
pub(crate) async fn serve(router: Router, listener: TcpListener, shutdown: impl Future<Output = ()>) {
    let router = Arc::new(router);
    let mut http = http1::Builder::new();
    http.max_buf_size(SEND_TOGETHER).max_header_size(MAX_HEADERS);
    let stop = watch::Sender::new(());
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // A connection works without it, only more slowly.
        let _ = stream.set_nodelay(true);
        let asked = Arc::new(AtomicBool::new(false));
        let service = {
            let (router, asked) = (router.clone(), asked.clone());
            service_fn(move |request| {
                asked.store(true, Ordering::Relaxed);
                let router = router.clone();
                async move { Ok::<_, Infallible>(router.answer(request).await) }
            })
        };
        let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let mut stopping = stop.subscribe();
        tokio::spawn(with_peer(peer, async move {
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                biased;
                ended = connection.as_mut() => ended,
                () = no_request(&asked) => return,
                _ = stopping.changed() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }));
    }
    drop(listener);
    stop.send_replace(());
    // Each connection has a receiver for as long as it lasts.
    stop.closed().await;
}

/// Is done if a connection has sent no request in time.
async fn no_request(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST_TIME).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
