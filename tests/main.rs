//! The tests of the service as a whole, one file for each feature, all against a real MongoDB.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

mod accounts;
mod checkpoints;
mod collect;
mod commands;
mod events;
mod golden;
mod one_generation;
mod outage;
mod overview;
mod pages;
mod refresh;
mod scrape;
mod secrets;
mod sessions;
mod settings;
mod status;
mod tokens;
mod websocket;

#[cfg(feature = "system-tests")]
mod browser;
#[cfg(feature = "system-tests")]
mod browser_overview;
#[cfg(feature = "system-tests")]
mod node_client;
#[cfg(feature = "system-tests")]
mod system;
