//! The handlers, a file for each resource.
#![expect(clippy::needless_pass_by_value, reason = "a handler is handed what its filters extract")]

pub(super) mod assets;
pub(super) mod auth;
pub(super) mod changes;
pub(super) mod custom;
pub(super) mod events;
pub(super) mod export;
pub(super) mod health;
pub(super) mod live;
pub(super) mod metrics;
pub(super) mod openapi;
pub(super) mod overview;
pub(super) mod pages;
pub(super) mod refresh;
pub(super) mod series;
pub(super) mod settings;
pub(super) mod setup;
pub(super) mod status;
pub(super) mod summary;
pub(super) mod websocket;

use tokio::task::JoinError;

use super::reply::error::ApiError;

/// The outcome of a task. If the task panicked, so does the handler.
fn joined<T>(outcome: Result<T, JoinError>) -> Result<T, ApiError> {
    outcome.map_err(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => ApiError::Stopping,
    })
}
