//! Signing in and out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cookie::{Cookie, SameSite};
use serde::Deserialize;
use serde_json::{Value, json};
use warp::http::header::{HeaderValue, SET_COOKIE};
use warp::reply::Response;

use crate::accounts::{AuthError, User};
use crate::app::App;
use crate::config::{BasePath, Secret};
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::http::request::caller::{COOKIE_NAME, Caller};

#[derive(Deserialize)]
struct LoginBody {
    username: String,
    password: String,
}

/// `POST /api/auth/login`
pub(in crate::http) async fn login(
    app: Arc<App>,
    caller: Caller,
    body: Result<Bytes, ApiError>,
) -> Result<Response, ApiError> {
    if caller.is_of_other_site() {
        return Err(AuthError::OtherSite.into());
    }
    let LoginBody { username, password } = parse_login(&body?)?;
    let login = app.admins.login(caller.client(), &username, Secret::from(password)).await?;
    let answer = json!({ "success": true, "user": shown(&login.user) });
    Ok(with_session(&answer, &caller, &app.base_path, login.session.reveal(), login.lifetime))
}

/// `POST /api/auth/logout`
pub(in crate::http) fn logout(app: Arc<App>, caller: Caller) -> Result<Response, ApiError> {
    if caller.is_of_other_site() {
        return Err(AuthError::OtherSite.into());
    }
    let mut response = with_session(&json!({ "success": true }), &caller, &app.base_path, "", Duration::ZERO);
    if !app.base_path.is_root() {
        // A session of Playarr itself, which has the whole host, would sign in again at once.
        let root = with_session(&Value::Null, &caller, &BasePath::default(), "", Duration::ZERO);
        response.headers_mut().extend(root.headers().get(SET_COOKIE).map(|cookie| (SET_COOKIE, cookie.clone())));
    }
    Ok(response)
}

/// `GET /api/auth/verify`
pub(in crate::http) fn verify(user: User) -> Response {
    private(&json!({ "valid": true, "user": shown(&user) }))
}

/// Drops the error of the parser, which might quote the password.
fn parse_login(body: &[u8]) -> Result<LoginBody, ApiError> {
    // serde would accept an array with the values of the fields.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(ApiError::InvalidLogin);
    }
    serde_json::from_slice(body).map_err(|_| ApiError::InvalidLogin)
}

fn shown(user: &User) -> Value {
    json!({ "username": user.username, "role": user.role })
}

/// An answer that sets the session's cookie, which no script can read and no other site can use.
fn with_session(body: &Value, caller: &Caller, base: &BasePath, session: &str, lifetime: Duration) -> Response {
    let cookie = Cookie::build((COOKIE_NAME, session))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path(if base.is_root() { "/" } else { base.as_str() })
        .max_age(lifetime.try_into().unwrap_or(cookie::time::Duration::MAX))
        .secure(caller.is_https());
    let mut response = private(body);
    if let Ok(mut cookie) = HeaderValue::try_from(cookie.to_string()) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_an_object_with_two_texts_and_nothing_else_is() {
        let login = parse_login(b" {\"username\": \"a\", \"password\": \"b\", \"remember\": true}").unwrap();
        assert_eq!((&*login.username, &*login.password), ("a", "b"));
        for body in [
            r#""#,
            r#"["a", "b"]"#,
            r#" ["a", "b"]"#,
            r#"[]"#,
            r#"[["username", "a"], ["password", "b"]]"#,
            r#"[{"username": "a", "password": "b"}]"#,
            r#""a""#,
            r#"null"#,
            r#"1"#,
            r#"{}"#,
            r#"{"username": "a"}"#,
            r#"{"username": "a", "password": null}"#,
            r#"{"username": "a", "password": 1}"#,
            r#"{"username": ["a"], "password": "b"}"#,
            r#"{"username": "a", "username": "a", "password": "b"}"#,
            r#"{"username": "a", "password": "b", "password": "b"}"#,
            r#"{"username": "a", "password": "b"} x"#,
            r#"{"username": "a", "password": "b""#,
        ] {
            assert!(matches!(parse_login(body.as_bytes()), Err(ApiError::InvalidLogin)), "{body}");
        }
        assert!(parse_login(b"{\"username\": \"\xff\", \"password\": \"b\"}").is_err());
    }
}
