//! What is on each page.

mod configuration;
mod login;
mod notice;
mod overview;
mod settings_metrics;
mod target;
mod tokens;

pub use configuration::{Block, Configuration, configurations};
pub(crate) use login::LoginPage;
pub(crate) use notice::NoticePage;
pub(super) use overview::OVERVIEW;
pub(super) use settings_metrics::SETTINGS_METRICS;
pub use target::Target;
