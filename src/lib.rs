//! Snapshot to HTTP: the service around the snapshots of [`playarr_jobs`].
//!
//! Data flows one way: MongoDB, rows, families, snapshot, page, answer. A scrape starts at the page and never looks
//! back. `docs/ARCHITECTURE.md` walks through one refresh and one scrape.

pub mod accounts;
pub mod app;
pub mod catalog;
pub mod commands;
pub mod config;
pub mod database;
mod exposition;
mod http;
pub mod ingest;
mod journal;
pub mod live;
pub mod logging;
mod overview;
mod scrape;
mod selector;
pub mod serve;
pub mod telemetry;
pub mod web;
