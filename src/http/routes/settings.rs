//! The tokens, for the admins who hand them to Prometheus and to Playarr.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use warp::reply::Response;

use crate::accounts::{TokenError, TokenKind};
use crate::app::App;
use crate::http::reply::error::ApiError;
use crate::http::reply::json::private;
use crate::http::reply::rfc3339;
use crate::http::request::access::Admin;

use super::joined;

#[derive(Deserialize)]
pub(in crate::http) struct TokenQuery {
    #[serde(default)]
    token: TokenKind,
}

/// `GET /api/settings/metrics`
pub(in crate::http) async fn show(app: Arc<App>, _: Admin, query: TokenQuery) -> Result<Response, ApiError> {
    let setting = app.tokens.show(query.token).await?;
    let last_updated = setting.last_updated.and_then(rfc3339);
    Ok(private(&json!({ "value": setting.value.reveal(), "lastUpdated": last_updated })))
}

/// `POST /api/settings/metrics/regenerate`
pub(in crate::http) async fn regenerate(app: Arc<App>, admin: Admin, query: TokenQuery) -> Result<Response, ApiError> {
    let (Admin(admin), kind) = (admin, query.token);
    // Before the tokens are known, live metrics may not be what they were; nobody should get in to see them.
    if let Err(unknown) = app.tokens.known(kind) {
        return Err(ApiError::TokenUnknown(kind, unknown));
    }
    // A task of its own: once the token is written it counts here, even if the client does not wait for the answer.
    let rotation = tokio::spawn(async move {
        let token = app.tokens.rotate(kind).await?;
        tracing::info!(token = %kind, admin = admin.username, "an admin regenerated the token");
        Ok::<_, TokenError>(token)
    });
    let token = joined(rotation.await)??;
    Ok(private(&json!({ "value": token.reveal() })))
}
