//! Reading requests: who sends them, and what they ask for.

pub(super) mod access;
pub(super) mod base;
pub(super) mod bearer;
pub(super) mod body;
pub(super) mod caller;
pub(super) mod choice;
pub(super) mod headers;
pub(super) mod negotiate;
pub(super) mod parameter;
pub(super) mod peer;

use serde::de::DeserializeOwned;
use warp::{Filter, Rejection};

/// The query string as a handler takes it. One that does not fit is a 400.
pub(super) fn query<T>() -> impl Filter<Extract = (T,), Error = Rejection> + Copy
where
    T: DeserializeOwned + Send + 'static,
{
    warp::query()
}
