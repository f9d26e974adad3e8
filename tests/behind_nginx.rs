//! The stories in a browser once more, with nginx between browser and service: it has TLS, and the service is below a
//! path of its host name.

#![expect(clippy::duplicate_mod, reason = "the same stories, on another stage")]

use crate::support::stage::Stage;

const STAGE: Stage = Stage::BehindNginx;

#[path = "browser.rs"]
mod browser;
#[path = "browser_changes.rs"]
mod browser_changes;
#[path = "browser_custom.rs"]
mod browser_custom;
#[path = "browser_explore.rs"]
mod browser_explore;
#[path = "browser_outage.rs"]
mod browser_outage;
#[path = "browser_overview.rs"]
mod browser_overview;
