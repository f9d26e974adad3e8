//! Who may call a route. Each filter is the first in its route; the handler runs for nobody else.

use std::future::ready;
use std::sync::Arc;

use warp::{Filter, Rejection};

use crate::accounts::{AuthError, AuthFailure, TokenKind, User};
use crate::app::App;
use crate::http::reply::error::ApiError;

use super::bearer::Bearer;
use super::caller::{Caller, caller};

/// An active user with the role admin.
pub(in crate::http) struct Admin(pub(in crate::http) User);

/// Anybody.
pub(in crate::http) fn anyone(app: &Arc<App>) -> impl Filter<Extract = (Arc<App>,), Error = Rejection> + Clone + use<> {
    let app = app.clone();
    warp::any().and_then(move || ready(Ok::<_, Rejection>(app.clone())))
}

/// Any active user.
pub(in crate::http) fn user(app: &Arc<App>) -> impl Filter<Extract = (User,), Error = Rejection> + Clone + use<> {
    anyone(app).and(caller()).and_then(|app: Arc<App>, caller: Caller| async move {
        match app.admins.user(&caller.credentials()).await {
            Ok(user) if user.is_active => Ok(user),
            Ok(_) => Err(refused(&app, AuthError::Unauthenticated(AuthFailure::InactiveUser))),
            Err(error) => Err(refused(&app, error)),
        }
    })
}

/// An admin who asks to see something.
pub(in crate::http) fn admin(
    app: &Arc<App>,
) -> impl Filter<Extract = (Arc<App>, Admin), Error = Rejection> + Clone + use<> {
    let admin = |app: Arc<App>, caller: Caller| async move {
        let admin = app.admins.admin(&caller.credentials()).await;
        let admin = admin.map_err(|error| refused(&app, error))?;
        Ok::<_, Rejection>((app, Admin(admin)))
    };
    anyone(app).and(caller()).and_then(admin).untuple_one()
}

/// An admin who asks to change something. With a session, which a browser sends by itself, only a page of this site may
/// ask for it.
pub(in crate::http) fn admin_of_this_site(
    app: &Arc<App>,
) -> impl Filter<Extract = (Arc<App>, Admin), Error = Rejection> + Clone + use<> {
    let of_this_site = |caller: Caller| async move {
        let credentials = caller.credentials();
        let by_session = credentials.api_key.is_none() && !credentials.sessions.is_empty();
        if by_session && !caller.is_of_this_site() {
            Err(Rejection::from(ApiError::Auth(AuthError::OtherSite)))
        } else {
            Ok(())
        }
    };
    caller().and_then(of_this_site).untuple_one().and(admin(app))
}

/// The bearer of a token of this kind.
pub(in crate::http) fn bearer(
    app: &Arc<App>,
    kind: TokenKind,
) -> impl Filter<Extract = (Arc<App>,), Error = Rejection> + Clone + use<> {
    anyone(app).and(caller()).and_then(move |app: Arc<App>, caller: Caller| {
        ready(match Bearer::check(caller.bearer(), &app.tokens, kind) {
            Ok(()) => Ok(app),
            Err(error) => Err(Rejection::from(error)),
        })
    })
}

/// An admin, or the bearer of a token of this kind, who asks to see something.
pub(in crate::http) fn admin_or_bearer(
    app: &Arc<App>,
    kind: TokenKind,
) -> impl Filter<Extract = (Arc<App>,), Error = Rejection> + Clone + use<> {
    let check = move |app: Arc<App>, caller: Caller| async move {
        let allowed = match caller.bearer() {
            Some(bearer) => Bearer::check(Some(bearer), &app.tokens, kind).map_err(Rejection::from),
            None => app.admins.admin(&caller.credentials()).await.map(drop).map_err(|error| refused(&app, error)),
        };
        allowed.map(|()| app)
    };
    anyone(app).and(caller()).and_then(check)
}

fn refused(app: &App, error: AuthError) -> Rejection {
    match (error, app.health.outage()) {
        (AuthError::Unavailable(_), Some(outage)) => ApiError::DatabaseAway(outage).into(),
        (error, _) => ApiError::from(error).into(),
    }
}
