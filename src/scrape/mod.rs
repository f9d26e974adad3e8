//! What a scrape is made of: the page of the snapshot, rendered once per refresh, and the live part, rendered now.

mod body;
mod page;
mod permits;

pub use body::{Body, Exposition, carry_scrapes};
pub use page::Page;
pub use permits::ScrapePermits;
