//! The web pages: what is on them, rendered by the server. What moves on them is plain JavaScript, embedded as it is.
//!
//! A new page is a template that extends `shell.html`, a struct for it here, its line in [`shell::GROUPS`] and in the
//! pages of the HTTP interface.
//! Templates escape what they show; scripts put it into the page as text. Nothing is loaded from elsewhere.

pub mod assets;
pub mod configuration;
pub mod overview;
pub mod shell;
pub mod target;
pub mod tokens;

use askama::Template;

use configuration::Configuration;
use overview::Section;
use shell::Shell;
use target::Target;
use tokens::TokenCard;

/// `GET /login`: signing in.
#[derive(Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
pub struct Login<'a> {
    /// The path to go on to.
    pub next: &'a str,
    /// The browser came from another site and may be signed in without saying so.
    pub from_elsewhere: bool,
}

/// A page that only says something: why another is not shown.
#[derive(Template)]
#[template(path = "notice.html", config = "src/web/askama.toml")]
pub struct Notice<'a> {
    /// What is the matter.
    pub title: &'a str,
    /// More about it.
    pub paragraphs: Vec<String>,
    /// Offers to sign in as somebody else; if not, to try again.
    pub signed_in: bool,
}

/// `GET /overview`: the library in pictures.
#[derive(Template)]
#[template(path = "overview.html", config = "src/web/askama.toml")]
pub struct Overview<'a> {
    /// What surrounds it.
    pub shell: Shell<'a>,
    /// The pictures by what they are about.
    pub sections: &'a [Section],
}

/// `GET /settings/metrics`: tokens, configuration, snapshot and scrapes.
#[derive(Template)]
#[template(path = "settings_metrics.html", config = "src/web/askama.toml")]
pub struct SettingsMetrics<'a> {
    /// What surrounds it.
    pub shell: Shell<'a>,
    /// Where Prometheus finds the service.
    pub target: &'a Target,
    /// The two tokens.
    pub tokens: &'a [TokenCard],
    /// What to put into Prometheus, the best first.
    pub configurations: &'a [Configuration],
}
