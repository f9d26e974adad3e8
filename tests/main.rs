//! The tests of the service as a whole, one file for each feature, all against a real MongoDB.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

mod accounts;
mod catalog;
mod collect;
mod commands;
mod database_up;
mod docs;
mod events;
mod golden;
mod health;
mod http;
mod invalid_utf8;
mod journal;
mod ledger;
mod logging;
mod one_generation;
mod outage;
mod overview;
mod packages;
mod pages;
mod privileges;
mod refresh;
mod reload;
mod replica_set;
mod scrape;
mod secrets;
mod sessions;
mod settings;
mod starting;
mod status;
mod token_file;
mod tokens;
mod websocket;

#[cfg(feature = "system-tests")]
mod browser;
#[cfg(feature = "system-tests")]
mod browser_outage;
#[cfg(feature = "system-tests")]
mod browser_overview;
#[cfg(feature = "system-tests")]
mod clock;
#[cfg(feature = "system-tests")]
mod container;
#[cfg(feature = "system-tests")]
mod demo;
#[cfg(feature = "system-tests")]
mod node_client;
#[cfg(feature = "system-tests")]
mod packages_checked;
#[cfg(feature = "system-tests")]
mod prometheus;
#[cfg(feature = "system-tests")]
mod rules;
#[cfg(feature = "system-tests")]
mod system;
