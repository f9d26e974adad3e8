//! Accepts connections and answers them with the routes.
//!
//! warp could do this as well, but four things cannot be changed there: small packets wait for the last large one
//! (Nagle's algorithm), a body of more than about 400 KB is sent in several steps, the routes are copied for each
//! request, and nothing limits connections.

mod answer;
mod stream;
mod transport;

use std::convert::Infallible;
use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use playarr_jobs::tasks::restart_after_panics;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use warp::http::{Request, StatusCode};
use warp::reply::Response;

use answer::Answer;
use stream::Watched;
use transport::Transport;

use super::reply::error::ApiError;
use super::router::Router;
use crate::config::BasePath;
use crate::connections::{ConnectionTable, with_connection};
use crate::tls::Tls;

/// The most bytes of a body that are sent together. This copies nothing.
const SEND_TOGETHER: usize = 64 << 20;

/// The most bytes that the headers of a request may have: as many as Node, behind which Playarr's own pages are.
const MAX_HEADERS: usize = 16 << 10;

/// What may be asked without a certificate where clients need one: orchestrators have none for their probes.
const HEALTH: [&str; 2] = ["/-/healthy", "/-/ready"];

/// The time between looks at the connections.
const SWEEP: Duration = Duration::from_secs(1);

/// The pause before accepting again when a connection could not be accepted, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The pause for ended connections to close their sockets.
const CLOSE_PAUSE: Duration = Duration::from_millis(1);

/// How many such pauses there are at most before the next connection is accepted.
const MAX_CLOSE_PAUSES: usize = 50;

/// Where connections come from, and how they are accepted.
pub(crate) struct Acceptor {
    /// The socket that is listened on.
    pub(crate) listener: TcpListener,
    /// TLS, without which it is plain HTTP.
    pub(crate) tls: Option<Arc<Tls>>,
    /// The path below which everything is served.
    pub(crate) base: BasePath,
    /// Which connections are open.
    pub(crate) connections: Arc<ConnectionTable>,
}

/// Serves until `shutdown` is done, then accepts no new connections and returns when the requests under way are
/// answered. A connection that became a WebSocket is ended by its handler.
pub(crate) async fn serve(router: Router, acceptor: Acceptor, shutdown: impl Future<Output = ()>) {
    let router = Arc::new(router);
    let answer = move |request| {
        let router = router.clone();
        async move { router.answer(request).await }
    };
    serve_with(answer, acceptor, shutdown).await;
}

/// As [`serve`], with what `answer` says to each request.
pub(super) async fn serve_with<A, F>(
    answer: A,
    Acceptor { listener, tls, base, connections }: Acceptor,
    shutdown: impl Future<Output = ()>,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response> + Send + 'static,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(SEND_TOGETHER).max_header_size(MAX_HEADERS);
    let stop = watch::Sender::new(());
    let mut sweeping = JoinSet::new();
    let swept = connections.clone();
    sweeping.spawn(restart_after_panics(move || sweep(swept.clone())));
    let mut shutdown = pin!(shutdown);
    let mut accepts = true;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let (stream, peer) = match accepted {
            Ok((stream, peer)) => (stream, peer.ip()),
            Err(error) => {
                if std::mem::take(&mut accepts) {
                    tracing::warn!(%error, "connections cannot be accepted; trying again until they can");
                }
                connections.displace();
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if !std::mem::replace(&mut accepts, true) {
            tracing::info!("connections are accepted again");
        }
        // The socket is closed where there is no place for it.
        let Some(place) = connections.admit(peer) else { continue };
        // A connection works without it, only more slowly.
        let _ = stream.set_nodelay(true);
        let connection = place.connection().clone();
        let (http, answer, tls, base) = (http.clone(), answer.clone(), tls.clone(), base.clone());
        let noted = connection.clone();
        let mut stopping = stop.subscribe();
        let task = tokio::spawn(with_connection(connection.clone(), async move {
            let asks_clients = tls.as_ref().is_some_and(|tls| tls.asks_clients());
            let established = tokio::select! {
                established = Transport::establish(Watched { stream, place }, tls) => established,
                _ = stopping.changed() => return,
            };
            let transport = match established {
                Ok(transport) => transport,
                Err(error) => {
                    tracing::debug!(%error, "a connection ended before or during its handshake");
                    return;
                }
            };
            let may_ask = !asks_clients || transport.has_certificate();
            let service = service_fn(move |request: Request<Incoming>| {
                noted.requested();
                let refused = !may_ask && !is_of_health(&base, request.uri().path());
                // Boxed, because hyper moves it several times and it is some kilobytes large.
                let answered =
                    if refused { ready(ApiError::NoCertificate.response()).boxed() } else { answer(request).boxed() };
                let connection = noted.clone();
                async move {
                    let response = answered.await;
                    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                        connection.upgraded();
                    }
                    Ok::<_, Infallible>(response.map(|body| Answer { body, connection }))
                }
            });
            let mut http = pin!(http.serve_connection(TokioIo::new(transport), service).with_upgrades());
            let ended = tokio::select! {
                biased;
                ended = http.as_mut() => ended,
                _ = stopping.changed() => {
                    http.as_mut().graceful_shutdown();
                    http.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended early");
            }
        }));
        connection.served_by(task.abort_handle());
        for _ in 0..MAX_CLOSE_PAUSES {
            if !connections.is_overfull() {
                break;
            }
            tokio::time::sleep(CLOSE_PAUSE).await;
        }
    }
    drop(listener);
    stop.send_replace(());
    // Each connection has a receiver for as long as it lasts.
    stop.closed().await;
}

/// Whether a path is one of those that may be asked without a certificate.
fn is_of_health(base: &BasePath, path: &str) -> bool {
    base.below(path).is_some_and(|path| HEALTH.contains(&path.trim_end_matches('/')))
}

/// Ends connections whose time is up, for ever.
async fn sweep(connections: Arc<ConnectionTable>) {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        connections.sweep();
    }
}
