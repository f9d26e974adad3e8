use askama::Template;

use crate::config::BasePath;
use crate::web::sidebar::HOME;
use crate::web::text::visible;

/// A page that says why another one is not shown.
#[derive(Debug, Template)]
#[template(path = "notice.html", config = "src/web/askama.toml")]
pub(crate) struct NoticePage {
    base: BasePath,
    title: &'static str,
    paragraphs: Vec<String>,
    action: Action,
}

/// What the button of a notice does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Ends the session and signs in as somebody else.
    SignOut,
    /// Loads the page again. Its script does so by itself as soon as the page is available.
    Retry,
    /// Leads to the first page.
    Home,
}

impl NoticePage {
    /// For a user who is no admin.
    #[must_use]
    pub(crate) fn admins_only(base: &BasePath, username: &str) -> Self {
        let text = format!(
            "You are signed in as {}. This page is for admins: ask one to give you the role, or sign in as one.",
            visible(username)
        );
        Self { base: base.clone(), title: "For admins only", paragraphs: vec![text], action: Action::SignOut }
    }

    /// For a page that will be there again, with the reason as a phrase without its full stop.
    #[must_use]
    pub(crate) fn unavailable(base: &BasePath, reason: &str) -> Self {
        let paragraphs = vec![format!("{}.", visible(reason)), "This page comes back by itself.".to_owned()];
        Self { base: base.clone(), title: "Not available at the moment", paragraphs, action: Action::Retry }
    }

    /// The same while MongoDB does not answer. Scrapes depend on whether there is a snapshot.
    #[must_use]
    pub(crate) fn without_database(base: &BasePath, reason: &str, has_snapshot: bool) -> Self {
        let scrapes = if has_snapshot {
            "Scrapes go on with the last numbers."
        } else {
            "Scrapes are refused until it does: there are no numbers yet."
        };
        let mut notice = Self::unavailable(base, reason);
        notice.paragraphs.insert(1, scrapes.to_owned());
        notice
    }

    /// For a path that leads nowhere.
    #[must_use]
    pub(crate) fn not_found(base: &BasePath, path: &str) -> Self {
        let text = format!("There is no page at {}.", visible(path));
        Self { base: base.clone(), title: "Page not found", paragraphs: vec![text], action: Action::Home }
    }

    /// For any other request of a browser that fails, with the reason as a phrase without its full stop.
    #[must_use]
    pub(crate) fn failed(base: &BasePath, reason: &str) -> Self {
        Self {
            base: base.clone(),
            title: "That did not work",
            paragraphs: vec![format!("{}.", visible(reason))],
            action: Action::Home,
        }
    }

    fn base(&self) -> &str {
        self.base.as_str()
    }

    fn home(&self) -> &'static str {
        HOME.link()
    }
}
