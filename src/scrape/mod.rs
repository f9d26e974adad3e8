//! The body of a scrape: the snapshot's page, rendered once per refresh, and the live part; and how many scrapes are
//! answered at once.

mod body;
mod page;
mod permits;

pub use body::{Body, Exposition, carry_scrapes};
pub use page::Page;
pub use permits::{ScrapePermit, ScrapePermits};
