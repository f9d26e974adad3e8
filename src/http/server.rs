//! Accepts connections and answers them with the routes.
//!
//! warp would do it too, but leaves no say in what a scrape feels: small packets wait for the last large one (Nagle), a
//! body beyond some 400 KB is sent in several steps, and the routes are copied for each request.

use std::cell::RefCell;
use std::future::Future;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tower_service::Service;
use warp::{Filter, Reply};

/// How many bytes of a body may wait to be sent together. Nothing is copied for it.
const SEND_TOGETHER: usize = 64 << 20;

/// How long to wait before accepting again when the system is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `shutdown` is done, then takes no new connections and returns when those under way are done.
pub async fn serve<F>(routes: F, listener: TcpListener, shutdown: impl Future<Output = ()>)
where
    F: Filter<Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
    F::Extract: Reply,
{
    let mut http = http1::Builder::new();
    http.max_buf_size(SEND_TOGETHER);
    let connections = GracefulShutdown::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Without it a connection works as well, only slower.
        let _ = stream.set_nodelay(true);
        let routes = OwnRoutes(RefCell::new(warp::service(routes.clone())));
        let connection = http.serve_connection(TokioIo::new(stream), routes);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// The routes as one connection has them. A connection asks one thing at a time, so it needs no copy of them for each
/// request.
struct OwnRoutes<S>(RefCell<S>);

impl<S, R> hyper::service::Service<R> for OwnRoutes<S>
where
    S: Service<R>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: R) -> S::Future {
        // warp's routes are always ready, and borrowed only while they take the request.
        self.0.borrow_mut().call(request)
    }
}
