//! Records what the service itself answers, by the template of the route.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::app::App;
use crate::live::{self, AuthenticationFailure, HttpRequest, Label, StatusCode};

/// The template of the route that made an answer, in the answer's extensions.
#[derive(Clone, Copy)]
struct Endpoint(&'static str);

/// A route under its template.
pub(super) fn at<R, F>(
    template: &'static str,
    route: F,
) -> impl Filter<Extract = (Response,), Error = Rejection> + Clone
where
    F: Filter<Extract = (R,), Error = Rejection> + Clone,
    R: Reply,
{
    route.map(move |reply: R| made_by(template, reply))
}

/// An answer of the route with this template.
pub(super) fn made_by(template: &'static str, reply: impl Reply) -> Response {
    let mut response = reply.into_response();
    response.extensions_mut().insert(Endpoint(template));
    response
}

/// Routes, with what they answer recorded. Scrapes are none of them: they record themselves, at a price that a hundred
/// thousand a second can pay.
pub(super) fn requests<R, F>(
    app: Arc<App>,
    routes: F,
) -> impl Filter<Extract = (impl Reply,), Error = Infallible> + Clone
where
    F: Filter<Extract = (R,), Error = Infallible> + Clone + Send,
    R: Reply,
{
    warp::any().map(Instant::now).and(routes).map(move |started: Instant, reply: R| {
        let response = reply.into_response();
        if let Some(&Endpoint(template)) = response.extensions().get() {
            answered(&app, template, &response, started);
        }
        response
    })
}

/// Records an answer of the route with this template to a request that came at `started`.
pub(super) fn answered(app: &App, template: &'static str, response: &Response, started: Instant) {
    // Every status code of HTTP has three digits.
    let Some(status_code) = StatusCode::new(response.status().as_u16()) else { return };
    let duration = started.elapsed();
    let endpoint = live::Endpoint::of_route(template);
    app.live.record(&HttpRequest { endpoint, status_code, duration_seconds: duration.into() }.into());
}

/// Records that somebody could not prove who they are to the route with this template.
pub(super) fn authentication_failed(app: &App, template: &'static str, reason: &str) {
    let failure = AuthenticationFailure {
        endpoint: live::Endpoint::of_route(template),
        reason: Label::repaired(reason),
    };
    app.live.record(&failure.into());
}
