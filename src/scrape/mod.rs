//! The body of a scrape: the snapshot's page, rendered once per refresh, and the live part; and how many scrapes are
//! answered at once.

mod body;
mod permits;
mod snapshot_page;

pub(crate) use body::{Body, Exposition};
pub(crate) use permits::{ScrapePermit, ScrapePermits};
pub(crate) use snapshot_page::SnapshotPage;
