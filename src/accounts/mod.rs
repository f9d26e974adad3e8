//! Who may do what: the tokens of machines and the admins among Playarr's users.

mod admins;
mod tokens;

pub use admins::{Admins, AuthError};
pub use tokens::{TOKEN_CHECK_INTERVAL, TokenError, TokenKind, Tokens};
