//! Who may do what: the tokens of machines, and the admins among Playarr's users.

mod admins;
mod client;
mod default_admin;
#[cfg(test)]
mod fuzz;
mod known;
mod limiter;
mod login_queue;
mod password;
mod sessions;
mod tokens;
mod users;

pub use admins::{Admins, AuthError, AuthFailure, Credentials, Login};
pub use client::Client;
pub use tokens::{Problem, TOKEN_CHECK_INTERVAL, Token, TokenError, TokenKind, TokenStatus, Tokens, Unknown};
pub use users::{Role, Unavailable, User};
