use askama::Template;

/// `GET /login`: signing in.
#[derive(Debug, Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
pub(crate) struct LoginPage<'a> {
    /// The path of this service to go on to.
    pub(crate) next: &'a str,
    /// The browser came from another site and may hold a session that it did not send.
    pub(crate) from_elsewhere: bool,
}
