//! What is on each page.

mod configuration;
mod login;
mod notice;
mod overview;
mod settings_metrics;
mod target;
mod tokens;

pub use configuration::{Block, Configuration, configurations};
pub use login::LoginPage;
pub use notice::NoticePage;
pub(super) use overview::OVERVIEW;
pub(super) use settings_metrics::SETTINGS_METRICS;
pub use target::Target;

use super::sidebar::{GROUPS, Group};
use super::text::visible;

/// A page in the side bar. Only admins see it.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// The path of its route.
    pub path: &'static str,
    pub(super) label: &'static str,
    /// An SVG element of our own; the template does not escape it.
    pub(super) icon: &'static str,
    render: fn(&Page, &Visit<'_>) -> askama::Result<String>,
}

impl Page {
    /// The HTML of the page.
    ///
    /// # Errors
    /// When the template fails.
    pub fn render(&self, visit: &Visit<'_>) -> askama::Result<String> {
        (self.render)(self, visit)
    }
}

/// The request that a page answers.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// The admin who asks.
    pub username: &'a str,
    /// Where the service was found.
    pub target: &'a Target,
}

/// The frame around a page: side bar, account and title.
#[derive(Debug)]
struct Shell<'p> {
    username: String,
    page: &'p Page,
}

impl<'p> Shell<'p> {
    fn new(page: &'p Page, visit: &Visit<'_>) -> Self {
        Self { username: visible(visit.username), page }
    }

    fn groups(&self) -> &'static [Group] {
        GROUPS
    }

    fn is_current(&self, page: &Page) -> bool {
        page.path == self.page.path
    }

    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// Stands for the user where there is no picture.
    fn initial(&self) -> String {
        let initial = self.username.chars().find(|c| c.is_alphanumeric());
        initial.map_or("?".to_owned(), |initial| initial.to_uppercase().collect())
    }
}
