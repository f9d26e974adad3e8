//! The answers of a service whose MongoDB servers are still being looked up: it is alive, and not ready.

use std::convert::Infallible;
use std::future::Future;

use serde_json::json;
use tower_service::Service;
use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, RETRY_AFTER};
use warp::reply::{json as json_reply, with_header, with_status};
use warp::{Filter, Rejection, Reply};

use super::reply::error::ApiError;
use super::request::base::enter;
use super::server::{Acceptor, serve_with};

/// After how many seconds it is worth asking again.
const RETRY_SECONDS: u32 = 5;

/// Serves until `started` is done, and returns when the requests under way are answered.
pub(crate) async fn serve_while_starting(acceptor: Acceptor, started: impl Future<Output = ()> + Send + 'static) {
    let answers = warp::service(answers());
    let base = acceptor.base.clone();
    let answer = move |mut request| {
        let mut answers = answers.clone();
        let is_below = enter(&base, &mut request);
        async move {
            if !is_below {
                return ApiError::NoSuchRoute.response();
            }
            answers.call(request).await.unwrap_or_else(|never| match never {})
        }
    };
    serve_with(answer, acceptor, started).await;
}

fn answers() -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone {
    let asked = warp::get().or(warp::head()).unify();
    let healthy = warp::path!("-" / "healthy").and(asked).map(|| json_reply(&json!({ "status": "healthy" })));
    healthy.recover(|_: Rejection| async {
        let error = "Starting: the servers of MongoDB are being looked up in the DNS; the log says more";
        let reply = with_status(json_reply(&json!({ "error": error })), StatusCode::SERVICE_UNAVAILABLE);
        let reply = with_header(reply, RETRY_AFTER, RETRY_SECONDS);
        Ok::<_, Infallible>(with_header(reply, CACHE_CONTROL, "no-store"))
    })
}
