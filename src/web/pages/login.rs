use askama::Template;

/// `GET /login`: signing in.
#[derive(Debug, Template)]
#[template(path = "login.html", config = "src/web/askama.toml")]
pub(crate) struct LoginPage<'a> {
    /// The path below which everything is.
    pub(crate) base: &'a str,
    /// The path of this service to go on to, the base included.
    pub(crate) next: &'a str,
    /// The browser came from another site and may hold a session that it did not send.
    pub(crate) from_elsewhere: bool,
}
