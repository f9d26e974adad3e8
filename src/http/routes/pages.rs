//! The web pages, and who sees them.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use warp::filters::path::FullPath;
use warp::http::StatusCode;
use warp::http::header::{HeaderValue, RETRY_AFTER};
use warp::reply::Response;
use warp::{Filter, Rejection};

use crate::accounts::{AuthError, AuthFailure, User};
use crate::app::App;
use crate::config::BasePath;
use crate::http::reply::extensions::AuthenticationReason;
use crate::http::reply::page::{html, page, see_other};
use crate::http::reply::since;
use crate::http::request::caller::Caller;
use crate::web::{self, HOME, LoginPage, NoticePage, Page, Visit};

use super::setup;

/// What a path is encoded with as the value of `next`: everything that means something in a query.
const IN_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>');

#[derive(Deserialize)]
pub(in crate::http) struct LoginQuery {
    next: Option<String>,
}

/// `GET /`, to the first page
pub(in crate::http) fn home(app: Arc<App>) -> Response {
    see_other(&app.base_path.join(HOME.path))
}

/// `GET /login?next=/path`
pub(in crate::http) async fn login(app: Arc<App>, caller: Caller, query: LoginQuery) -> Response {
    let base = &app.base_path;
    let next = query.next.filter(|next| is_local(base, next)).unwrap_or_else(|| base.join(HOME.path));
    let user = app.admins.user(&caller.credentials()).await;
    if user.as_ref().is_ok_and(User::is_admin) {
        return see_other(&next);
    }
    // Browsers keep the session to themselves when a link on another site leads here.
    let from_elsewhere = caller.comes_from_other_site();
    counted(page(StatusCode::OK, &LoginPage { base: base.as_str(), next: &next, from_elsewhere }), user.err())
}

/// `GET /settings/metrics` and the other pages
pub(in crate::http) async fn show(shown: &'static Page, app: Arc<App>, caller: Caller, asked: String) -> Response {
    let base = &app.base_path;
    let target = &setup::target(&app, &caller);
    let asked = base.join(&asked);
    let to_login = || see_other(&base.join(&format!("/login?next={}", utf8_percent_encode(&asked, IN_QUERY))));
    match app.admins.user(&caller.credentials()).await {
        Ok(user) if user.is_admin() => html(
            StatusCode::OK,
            web::render(shown, &Visit { base, username: &user.username, target, links: &app.query_links }),
        ),
        Ok(user) if user.is_active => forbidden(base, &user),
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

/// Marks the answer so that a failed authentication is counted. A visitor who is not signed in does not count as one.
fn counted(mut response: Response, error: Option<AuthError>) -> Response {
    let reason = match error {
        Some(AuthError::Unauthenticated(AuthFailure::Missing | AuthFailure::BadSession)) => return response,
        Some(AuthError::Unauthenticated(reason) | AuthError::WrongLogin(reason)) => reason.as_str(),
        Some(AuthError::TooManyFailures { .. }) => "too_many_failures",
        _ => return response,
    };
    response.extensions_mut().insert(AuthenticationReason(reason));
    response
}

fn forbidden(base: &BasePath, user: &User) -> Response {
    page(StatusCode::FORBIDDEN, &NoticePage::admins_only(base, &user.username))
}

fn unavailable(app: &App, error: &AuthError) -> Response {
    let has_snapshot = app.snapshots.load().snapshot.taken_at.is_some();
    let base = &app.base_path;
    let notice = match (error, app.health.outage()) {
        (AuthError::Unavailable(_), Some(outage)) => {
            let reason = format!("MongoDB has not answered {}", since(&outage));
            NoticePage::without_database(base, &reason, has_snapshot)
        }
        (AuthError::Unavailable(_), None) => NoticePage::without_database(base, &error.to_string(), has_snapshot),
        _ => NoticePage::unavailable(base, &error.to_string()),
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

/// Whether this leads to a path of this service, which is below the base. Browsers take `//host` and `/\host` for
/// another host, skip control characters in between, and signing in must not lead to signing in.
fn is_local(base: &BasePath, next: &str) -> bool {
    let path = next.split(['?', '#']).next().unwrap_or_default();
    let is_page = base.below(path).is_some_and(|path| path != "/login" && !path.starts_with("//"));
    next.starts_with('/') && is_page && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn signing_in_leads_only_to_paths_of_this_service() {
        for path in ["/", "/settings/metrics", "/a?b=c#d", "/a//b", "/@host", "/login-history"] {
            assert!(is_local(&BasePath::default(), path), "{path}");
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
            assert!(!is_local(&BasePath::default(), elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn below_a_base_path_nothing_else_of_the_host_is_led_to() {
        let config = Config::read(|name| (name == "BASE_PATH").then(|| "/pm".to_owned())).unwrap();
        for path in ["/pm", "/pm/", "/pm/settings/metrics", "/pm/a?b=/c", "/pm?a"] {
            assert!(is_local(&config.base_path, path), "{path}");
        }
        for elsewhere in ["/", "/settings/metrics", "/pmx", "/pm/login", "/pm//evil.example", "//evil.example/pm"] {
            assert!(!is_local(&config.base_path, elsewhere), "{elsewhere}");
        }
    }
}
