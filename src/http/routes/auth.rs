//! Signing in and out.

use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use serde::Deserialize;
use serde_json::{Value, json};
use warp::http::header::{CACHE_CONTROL, HeaderValue, SET_COOKIE, X_CONTENT_TYPE_OPTIONS};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply, Stream};

use crate::accounts::{AuthError, User};
use crate::app::App;
use crate::config::Secret;
use crate::http::reply::error::{ApiError, respond};
use crate::http::request::bearer::header;
use crate::http::request::body;
use crate::http::request::caller::{COOKIE_NAME, Caller, caller, inactive, noted};
use crate::http::with;

/// The longest login.
const MAX_LOGIN: usize = 16 << 10;

/// How long the body of a login may take. Nobody needs longer for so little.
const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::http) const LOGIN: &str = "/api/auth/login";
pub(in crate::http) const LOGOUT: &str = "/api/auth/logout";
pub(in crate::http) const VERIFY: &str = "/api/auth/verify";

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

/// `POST /api/auth/login`
pub(in crate::http) fn login(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "auth" / "login")
        .and(warp::post())
        .and(with(app))
        .and(caller())
        .and(header("content-type"))
        .and(warp::body::stream())
        .then(|app: Arc<App>, caller: Caller, content_type: Option<String>, body| async move {
            respond(sign_in(&app, &caller, content_type.as_deref(), body).await)
        })
}

/// `POST /api/auth/logout`
pub(in crate::http) fn logout() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "auth" / "logout").and(warp::post()).and(caller()).map(|caller: Caller| {
        respond(if caller.is_of_other_site() {
            Err(AuthError::OtherSite.into())
        } else {
            Ok(with_cookie(&json!({ "success": true }), &caller, "", Duration::ZERO))
        })
    })
}

/// `GET /api/auth/verify` by any active user
pub(in crate::http) fn verify(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "auth" / "verify").and(warp::get()).and(with(app)).and(caller()).then(
        |app: Arc<App>, caller: Caller| async move {
            let user = app.admins.user(&caller.credentials()).await;
            let user = user.and_then(|user| if user.is_active { Ok(user) } else { Err(inactive()) });
            let user = noted(&app, VERIFY, user);
            respond(user.map(|user| private(&json!({ "valid": true, "user": shown(&user) }))))
        },
    )
}

async fn sign_in(
    app: &App,
    caller: &Caller,
    content_type: Option<&str>,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Result<Response, ApiError> {
    if caller.is_of_other_site() {
        return Err(AuthError::OtherSite.into());
    }
    body::expect_json(content_type)?;
    let body = body::read(body, MAX_LOGIN, PATIENCE).await?;
    // What the parser has to say might quote the password.
    let Login { username, password } = serde_json::from_slice(&body).map_err(|_| ApiError::NoLogin)?;
    let login = app.admins.login(caller.client(), &username, Secret::from(password)).await;
    let login = noted(app, LOGIN, login)?;
    let answer = json!({ "success": true, "user": shown(&login.user) });
    Ok(with_cookie(&answer, caller, login.session.reveal(), login.lifetime))
}

fn shown(user: &User) -> Value {
    json!({ "username": user.username, "role": user.role })
}

/// An answer that no cache keeps and no browser takes for a page.
pub(in crate::http) fn private(body: &Value) -> Response {
    let mut response = warp::reply::json(body).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer that sets the session's cookie. No script can read it and no other site can make use of it.
fn with_cookie(body: &Value, caller: &Caller, session: &str, lifetime: Duration) -> Response {
    let secure = if caller.is_https() { "; Secure" } else { "" };
    let cookie = format!(
        "{COOKIE_NAME}={session}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}{secure}",
        lifetime.as_secs()
    );
    let mut response = private(body);
    if let Ok(mut cookie) = HeaderValue::try_from(cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}
