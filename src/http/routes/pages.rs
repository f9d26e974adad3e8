//! The web pages, and who sees them.

use std::sync::Arc;

use askama::Template;
use serde::Deserialize;
use warp::http::StatusCode;
use warp::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, RETRY_AFTER,
    X_CONTENT_TYPE_OPTIONS,
};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::accounts::{AuthError, Reason, User};
use crate::app::App;
use crate::http::observe::made_by;
use crate::http::request::caller::{Caller, caller, note};
use crate::http::with;
use crate::web::{HOME, LoginPage, NoticePage, Page, Target, Visit};

pub(in crate::http) const HOME_TEMPLATE: &str = "/";
pub(in crate::http) const LOGIN_TEMPLATE: &str = "/login";

/// Scripts, styles, images and connections of this service and nothing else, no frames around it.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// `GET /`, to the first page
pub(in crate::http) fn home() -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path::end().and(warp::get()).map(|| see_other(HOME.path))
}

/// `GET /login?next=/path`
pub(in crate::http) fn login(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    #[derive(Deserialize)]
    struct Query {
        next: Option<String>,
    }

    warp::path!("login")
        .and(warp::get())
        .and(with(app))
        .and(caller())
        .and(warp::header::optional("sec-fetch-site"))
        .and(warp::query())
        .then(|app: Arc<App>, caller: Caller, site: Option<String>, query: Query| async move {
            let next = query.next.as_deref().filter(|next| is_local(next)).unwrap_or(HOME.path);
            if user(&app, &caller, LOGIN_TEMPLATE).await.is_ok_and(|user| user.is_admin()) {
                return see_other(next);
            }
            // Browsers keep the session to themselves when a link on another site leads here.
            let from_elsewhere = site.as_deref() == Some("cross-site");
            page(StatusCode::OK, LoginPage { next, from_elsewhere }.render())
        })
}

/// `GET /settings/metrics` and the other pages, for admins
pub(in crate::http) fn pages(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path::full()
        .and_then(|path: FullPath| async move {
            crate::web::page(path.as_str()).ok_or_else(warp::reject::not_found)
        })
        .and(warp::get())
        .and(with(app))
        .and(caller())
        .then(|page: &'static Page, app: Arc<App>, caller: Caller| async move {
            made_by(page.path, show(page, &app, &caller).await)
        })
}

async fn show(shown: &'static Page, app: &App, caller: &Caller) -> Response {
    let target = &Target::of(caller.host(), caller.is_https());
    match user(app, caller, shown.path).await {
        Ok(user) if user.is_admin() => {
            page(StatusCode::OK, shown.render(&Visit { username: &user.username, target }))
        }
        Ok(user) if user.is_active => forbidden(&user),
        Ok(_) | Err(AuthError::Unauthenticated(_)) => see_other(&format!("/login?next={}", shown.path)),
        Err(error) => unavailable(&error),
    }
}

/// Whose page it is. Guesses are counted as on other routes; who has just not signed in is no failure here.
async fn user(app: &App, caller: &Caller, path: &'static str) -> Result<User, AuthError> {
    let user = app.admins.user(&caller.credentials()).await;
    if !matches!(user, Err(AuthError::Unauthenticated(Reason::Missing | Reason::BadSession))) {
        note(app, path, &user);
    }
    user
}

fn forbidden(user: &User) -> Response {
    page(StatusCode::FORBIDDEN, NoticePage::admins_only(&user.username).render())
}

fn unavailable(error: &AuthError) -> Response {
    let notice = NoticePage::unavailable(&error.to_string());
    match error {
        AuthError::TooManyFailures { retry_after } => {
            let mut refused = page(StatusCode::TOO_MANY_REQUESTS, notice.render());
            refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs()));
            refused
        }
        _ => page(StatusCode::SERVICE_UNAVAILABLE, notice.render()),
    }
}

fn page(status: StatusCode, html: askama::Result<String>) -> Response {
    let reply = match html {
        Ok(html) => warp::reply::with_status(warp::reply::html(html), status).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    };
    guarded(reply)
}

fn see_other(path: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(path) = HeaderValue::from_str(path) {
        response.headers_mut().insert(LOCATION, path);
    }
    guarded(response)
}

fn guarded(mut response: Response) -> Response {
    response.headers_mut().extend(HEADERS);
    response
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
