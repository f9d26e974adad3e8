//! The body of a scrape: the snapshot's page, rendered once per refresh, and the live part; and how many scrapes are
//! answered at once.

mod body;
mod page;
mod permits;

pub(crate) use body::{Body, Exposition};
pub(crate) use page::Page;
pub(crate) use permits::{ScrapePermit, ScrapePermits};
