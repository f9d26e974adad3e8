//! The routes, a file for each resource.

pub(super) mod assets;
pub(super) mod auth;
pub(super) mod events;
pub(super) mod health;
pub(super) mod metrics;
pub(super) mod overview;
pub(super) mod pages;
pub(super) mod refresh;
pub(super) mod settings;
pub(super) mod status;
pub(super) mod websocket;
