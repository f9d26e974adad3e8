//! Accepts connections and answers them with the routes.
//!
//! warp would do it too, but leaves no say in what a scrape feels: small packets wait for the last large one (Nagle), a
//! body beyond some 400 KB is sent in several steps, and the routes are copied for each request.

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

/// How many bytes of a body may wait to be sent together. Nothing is copied for it.
const SEND_TOGETHER: usize = 64 << 20;

/// How many bytes the headers of a request may have.
const MAX_HEADERS: usize = 32 << 10;

/// How long a new connection may take to ask for something. A limit on the headers of each request would cost a scrape
/// several percent.
const FIRST_REQUEST: Duration = Duration::from_secs(30);

/// How long to wait before accepting again when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done, then takes no new connections and returns when those under way are done.
/// Connections that became WebSockets are their handlers' to end.
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
        // Without it a connection works as well, only slower.
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
                () = silence(&asked) => return,
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

/// Ends if a connection has asked for nothing in time.
async fn silence(asked: &AtomicBool) {
    tokio::time::sleep(FIRST_REQUEST).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending::<()>().await;
    }
}
