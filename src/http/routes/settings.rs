//! The tokens, for the admins who hand them to Prometheus.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use super::auth::private;
use crate::accounts::{TokenError, TokenKind};
use crate::app::App;
use crate::http::reply::error::{ApiError, respond};
use crate::http::request::caller::{Caller, caller};
use crate::http::{rfc3339, with};

pub(in crate::http) const SHOW: &str = "/api/settings/metrics";
pub(in crate::http) const REGENERATE: &str = "/api/settings/metrics/regenerate";

#[derive(Deserialize)]
struct Query {
    #[serde(default)]
    token: TokenKind,
}

/// `GET /api/settings/metrics` by an admin
pub(in crate::http) fn show(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "settings" / "metrics")
        .and(warp::get())
        .and(with(app))
        .and(caller())
        .and(warp::query())
        .then(|app: Arc<App>, caller: Caller, query: Query| async move {
            respond(shown(&app, &caller, query.token).await)
        })
}

/// `POST /api/settings/metrics/regenerate` by an admin
pub(in crate::http) fn regenerate(
    app: Arc<App>,
) -> impl Filter<Extract = (impl Reply,), Error = Rejection> + Clone {
    warp::path!("api" / "settings" / "metrics" / "regenerate")
        .and(warp::post())
        .and(with(app))
        .and(caller())
        .and(warp::query())
        .then(|app: Arc<App>, caller: Caller, query: Query| async move {
            respond(regenerated(app, &caller, query.token).await)
        })
}

async fn shown(app: &App, caller: &Caller, kind: TokenKind) -> Result<Response, ApiError> {
    caller.admin(app, SHOW).await?;
    let setting = app.tokens.show(kind).await?;
    let last_updated = setting.last_updated.and_then(rfc3339);
    Ok(private(&json!({ "value": setting.value.reveal(), "lastUpdated": last_updated })))
}

async fn regenerated(app: Arc<App>, caller: &Caller, kind: TokenKind) -> Result<Response, ApiError> {
    let admin = caller.admin_of_this_site(&app, REGENERATE).await?;
    // Before the tokens are known, live metrics may not be restored yet; nobody should get in to see them.
    if let Err(unknown) = app.tokens.known(kind) {
        return Err(ApiError::TokenUnknown(kind, unknown));
    }
    // A task of its own: once it is written it counts here, even if the client does not wait for the answer.
    let rotation = tokio::spawn(async move {
        let token = app.tokens.rotate(kind).await?;
        tracing::info!(token = %kind, admin = admin.username, "an admin regenerated the token");
        Ok::<_, TokenError>(token)
    });
    let token = rotation.await.map_err(|_| ApiError::Internal)??;
    Ok(private(&json!({ "value": token.reveal() })))
}
