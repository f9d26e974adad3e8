//! Snapshot to HTTP: the service around the snapshots of [`playarr_jobs`].
//!
//! Data flows one way: MongoDB, rows, families, snapshot, page, answer. A scrape starts at the page and never looks
//! back. `docs/ARCHITECTURE.md` walks through one refresh and one scrape.

pub mod accounts;
pub mod app;
pub mod catalog;
mod changes;
pub mod commands;
pub mod config;
mod connections;
pub mod custom;
pub mod database;
mod explore;
mod exposition;
mod http;
pub mod ingest;
mod journal;
pub mod live;
pub mod logging;
mod memory;
mod overview;
mod scrape;
mod selector;
pub mod serve;
mod telemetry;
pub mod tls;
pub mod web;

pub use connections::raise_open_files;
pub use memory::return_large_blocks_at_once;
pub use telemetry::count_panics;
