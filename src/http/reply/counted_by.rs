//! Who counts an answer among the requests.

use futures_util::future::{BoxFuture, Either, Ready};
use warp::reply::Response;

/// Who records an answer as a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum CountedBy {
    /// The router, at once.
    Router,
    /// The handler, once the answer has been sent.
    Handler,
}

/// A response, and who counts it.
pub(in crate::http) type CountedResponse = (Response, CountedBy);

/// A response that is there at once, or when something else is done.
pub(in crate::http) type HeadAnswer = Either<Ready<CountedResponse>, BoxFuture<'static, CountedResponse>>;
