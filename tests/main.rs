//! The tests of the service as a whole, one file for each feature, all against a real MongoDB.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod support;

/// How a browser reaches the service in the stories of this file's modules.
#[cfg(feature = "system-tests")]
const STAGE: support::stage::Stage = support::stage::Stage::Direct;

mod accounts;
mod base_path;
mod catalog;
mod changes;
mod chaos;
mod collect;
mod command_line;
mod commands;
mod custom;
mod custom_collectors;
mod custom_commands;
mod custom_examples;
mod custom_service;
mod damaged;
mod database_up;
mod docs;
mod doctor;
mod events;
mod export;
mod first_day;
mod freshness;
mod golden;
mod health;
mod history;
mod http;
mod invalid_utf8;
mod journal;
mod lease;
mod ledger;
mod limits;
mod logging;
mod missed_writes;
mod one_generation;
mod one_moment;
mod openapi;
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
mod series;
mod sessions;
mod settings;
mod sharing;
mod sharing_faults;
mod soak;
mod starting;
mod status;
mod summary;
mod tls;
mod token_file;
mod tokens;
mod websocket;

#[cfg(feature = "system-tests")]
mod behind_nginx;
#[cfg(feature = "system-tests")]
mod browser;
#[cfg(feature = "system-tests")]
mod browser_changes;
#[cfg(feature = "system-tests")]
mod browser_custom;
#[cfg(feature = "system-tests")]
mod browser_explore;
#[cfg(feature = "system-tests")]
mod browser_outage;
#[cfg(feature = "system-tests")]
mod browser_overview;
#[cfg(feature = "system-tests")]
mod clock;
#[cfg(feature = "system-tests")]
mod container;
#[cfg(feature = "system-tests")]
mod contract;
#[cfg(feature = "system-tests")]
mod debian;
#[cfg(feature = "system-tests")]
mod demo;
#[cfg(feature = "system-tests")]
mod first_day_prometheus;
#[cfg(feature = "system-tests")]
mod kubernetes;
#[cfg(feature = "system-tests")]
mod node_client;
#[cfg(feature = "system-tests")]
mod packages_checked;
#[cfg(feature = "system-tests")]
mod prometheus;
#[cfg(feature = "system-tests")]
mod rules;
#[cfg(feature = "system-tests")]
mod stand_in;
#[cfg(feature = "system-tests")]
mod system;
