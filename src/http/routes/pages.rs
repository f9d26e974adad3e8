//! The web pages, and who sees them.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use warp::filters::path::FullPath;
use warp::http::StatusCode;
use warp::http::header::{HeaderValue, RETRY_AFTER};
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::accounts::{AuthError, Reason, User};
use crate::app::App;
use crate::http::reply::extensions::AuthenticationFailure;
use crate::http::reply::page::{html, page, see_other};
use crate::http::reply::since;
use crate::http::request::caller::Caller;
use crate::web::{self, HOME, LoginPage, NoticePage, Page, Target, Visit};

/// What a path is encoded with as the value of `next`: everything that means something in a query.
const IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>');

#[derive(Deserialize)]
pub(in crate::http) struct Query {
    next: Option<String>,
}

/// `GET /`, to the first page
pub(in crate::http) fn home(_: Arc<App>) -> Response {
    see_other(HOME.path)
}

/// `GET /login?next=/path`
pub(in crate::http) async fn login(app: Arc<App>, caller: Caller, query: Query) -> Response {
    let next = query.next.as_deref().filter(|next| is_local(next)).unwrap_or(HOME.path);
    let user = app.admins.user(&caller.credentials()).await;
    if user.as_ref().is_ok_and(User::is_admin) {
        return see_other(next);
    }
    // Browsers keep the session to themselves when a link on another site leads here.
    let from_elsewhere = caller.comes_from_other_site();
    counted(page(StatusCode::OK, &LoginPage { next, from_elsewhere }), user.err())
}

/// `GET /settings/metrics` and the other pages
pub(in crate::http) async fn show(shown: &'static Page, app: Arc<App>, caller: Caller, asked: String) -> Response {
    let target = &Target::of(caller.host(), caller.is_https());
    let to_login = || see_other(&format!("/login?next={}", utf8_percent_encode(&asked, IN_QUERY)));
    match app.admins.user(&caller.credentials()).await {
        Ok(user) if user.is_admin() => {
            html(StatusCode::OK, web::render(shown, &Visit { username: &user.username, target }))
        }
        Ok(user) if user.is_active => forbidden(&user),
        Ok(_) => to_login(),
        Err(error @ AuthError::Unauthenticated(_)) => counted(to_login(), Some(error)),
        Err(error) => counted(unavailable(&app, &error), Some(error)),
    }
}

/// The path and the query that a request asks for.
pub(in crate::http) fn target() -> impl Filter<Extract = (String,), Error = Rejection> + Copy {
    let query = warp::query::raw().map(Some).or_else(|_| async { Ok::<_, Rejection>((None,)) });
    warp::path::full().and(query).map(|path: FullPath, query: Option<String>| match query {
        Some(query) => format!("{}?{query}", path.as_str()),
        None => path.as_str().to_owned(),
    })
}

/// The answer, with a failure to prove who it is counted. A visitor who is not signed in is none here.
fn counted(mut response: Response, error: Option<AuthError>) -> Response {
    let reason = match error {
        Some(AuthError::Unauthenticated(Reason::Missing | Reason::BadSession)) => return response,
        Some(AuthError::Unauthenticated(reason) | AuthError::WrongLogin(reason)) => reason.as_str(),
        Some(AuthError::TooManyFailures { .. }) => "too_many_failures",
        _ => return response,
    };
    response.extensions_mut().insert(AuthenticationFailure(reason));
    response
}

fn forbidden(user: &User) -> Response {
    page(StatusCode::FORBIDDEN, &NoticePage::admins_only(&user.username))
}

fn unavailable(app: &App, error: &AuthError) -> Response {
    let has_snapshot = app.snapshots.load().snapshot.taken_at.is_some();
    let notice = match (error, app.health.outage()) {
        (AuthError::Unavailable(_), Some(outage)) => {
            let reason = format!("MongoDB has not answered {}", since(&outage));
            NoticePage::without_database(&reason, has_snapshot)
        }
        (AuthError::Unavailable(_), None) => NoticePage::without_database(&error.to_string(), has_snapshot),
        _ => NoticePage::unavailable(&error.to_string()),
    };
    match error {
        AuthError::TooManyFailures { retry_after } => {
            let mut refused = page(StatusCode::TOO_MANY_REQUESTS, &notice);
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
            refused
        }
        _ => page(StatusCode::SERVICE_UNAVAILABLE, &notice),
    }
}

/// Whether this leads to a path of this service. Browsers take `//host` and `/\host` for another host, skip control
/// characters in between, and signing in must not lead to signing in.
fn is_local(next: &str) -> bool {
    let is_path = next.starts_with('/') && !next.starts_with("//");
    let is_login = next.split(['?', '#']).next() == Some("/login");
    is_path && !is_login && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn signing_in_leads_only_to_paths_of_this_service() {
        for path in ["/", "/settings/metrics", "/a?b=c#d", "/a//b", "/@host", "/login-history"] {
            assert!(is_local(path), "{path}");
        }
        for elsewhere in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "evil.example",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            " /a",
            "/a b",
            "/ä",
            "/login",
            "/login?next=/",
        ] {
            assert!(!is_local(elsewhere), "{elsewhere}");
        }
    }
}
