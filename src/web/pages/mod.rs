//! What is on each page.

mod changes;
mod configuration;
mod custom_metrics;
mod explore;
mod login;
mod notice;
mod overview;
mod prometheus_yml;
mod settings_metrics;
mod setup;
mod target;
mod tokens;

pub(super) use changes::CHANGES;
pub use configuration::{Block, Configuration, configurations};
pub(super) use custom_metrics::CUSTOM_METRICS;
pub(super) use explore::EXPLORE;
pub(crate) use login::LoginPage;
pub(crate) use notice::NoticePage;
pub(super) use overview::OVERVIEW;
pub use prometheus_yml::prometheus_yml;
pub(super) use settings_metrics::SETTINGS_METRICS;
pub use setup::Setup;
pub use target::{Encryption, Target};
