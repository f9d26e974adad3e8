//! What all routes have in common: finding them, `HEAD`, `Allow`, the trailing slash, panics, and recording requests.
//!
//! A request reaches a route's filter only in a shape that filters expect: with a path, one `Host`, and each header on
//! one line.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use hyper::body::Body;
use tower_service::Service;
use warp::filters::BoxedFilter;
use warp::http::header::{ACCEPT, HeaderValue};
use warp::http::request::Parts;
use warp::http::{Method, Request};
use warp::reply::Response;
use warp::{Filter, Rejection, Reply};

use crate::app::App;
use crate::live::{self, Endpoint, HttpRequest, Label, StatusCode};

use super::reply::counted_by::{CountedBy, CountedResponse, HeadAnswer};
use super::reply::error::{ApiError, rejected};
use super::reply::extensions::{AuthenticationReason, ErrorText};
use super::reply::page;
use super::request::base::enter;
use super::request::headers::{check_target, join_lines};
use super::request::negotiate::prefers_html;
use super::request::parameter::Parameters;

/// The template under which requests to unknown paths are recorded.
const UNMATCHED: &str = "unmatched";

/// The table of routes.
pub(crate) struct Router {
    app: Arc<App>,
    resources: Vec<Resource>,
}

/// A template and what its methods do.
struct Resource {
    template: &'static str,
    methods: Vec<(Method, Handler)>,
}

/// What answers the requests of a route.
enum Handler {
    Filter(BoxedFilter<(Response,)>),
    ByHead(HeadHandler),
}

/// Answers a request whose body does not matter, and which began at this moment.
type HeadHandler = fn(&Arc<App>, Parts, Instant) -> HeadAnswer;

impl Router {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self { app, resources: Vec::new() }
    }

    /// Adds a route for `GET`, and `HEAD` with it.
    pub(super) fn get<F, R>(self, template: &'static str, route: F) -> Self
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply,
    {
        self.route(Method::GET, template, route)
    }

    /// Adds a route for `GET`, and `HEAD` with it, that is answered by a function of the request line and the headers.
    /// That is quicker than a filter, which matters to scrapes alone.
    pub(super) fn get_by_head(self, template: &'static str, handler: HeadHandler) -> Self {
        self.add(Method::GET, template, Handler::ByHead(handler))
    }

    /// Adds a route for `POST`.
    pub(super) fn post<F, R>(self, template: &'static str, route: F) -> Self
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply,
    {
        self.route(Method::POST, template, route)
    }

    /// Adds a route for `PUT`.
    pub(super) fn put<F, R>(self, template: &'static str, route: F) -> Self
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply,
    {
        self.route(Method::PUT, template, route)
    }

    /// Adds a route for `DELETE`.
    pub(super) fn delete<F, R>(self, template: &'static str, route: F) -> Self
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply,
    {
        self.route(Method::DELETE, template, route)
    }

    /// The method and the template of each route.
    #[cfg(test)]
    pub(super) fn list(&self) -> impl Iterator<Item = (&Method, &'static str)> {
        self.resources.iter().flat_map(|of| of.methods.iter().map(|(method, _)| (method, of.template)))
    }

    fn route<F, R>(self, method: Method, template: &'static str, route: F) -> Self
    where
        F: Filter<Extract = (R,), Error = Rejection> + Clone + Send + Sync + 'static,
        R: Reply,
    {
        let rejected = |rejection| async move { Ok::<_, Rejection>((rejected(&rejection),)) };
        let filter = route.map(|reply: R| reply.into_response()).or_else(rejected).boxed();
        self.add(method, template, Handler::Filter(filter))
    }

    fn add(mut self, method: Method, template: &'static str, handler: Handler) -> Self {
        match self.resources.iter_mut().find(|resource| resource.template == template) {
            Some(resource) => resource.methods.push((method, handler)),
            None => self.resources.push(Resource { template, methods: vec![(method, handler)] }),
        }
        self
    }

    /// The answer to a request.
    pub(super) async fn answer<B>(&self, mut request: Request<B>) -> Response
    where
        B: Body + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        join_lines(request.headers_mut());
        // The route takes the request. Copies of these two share its memory.
        let (accept, uri) = (request.headers().get(ACCEPT).cloned(), request.uri().clone());
        let (template, handler) = self.find(&mut request);
        let (response, counted_by) = match handler {
            Ok(handler) => self.run(handler, request, started).await,
            Err(error) => (error.response(), CountedBy::Router),
        };
        tracing::trace!(template, status = response.status().as_u16(), "answered a request");
        if counted_by == CountedBy::Router {
            self.record(template, &response, started);
        }
        match response.extensions().get::<ErrorText>() {
            Some(error) if is_browser(accept.as_ref()) => {
                page::of_error(&response, error, &self.app.base_path, uri.path())
            }
            _ => response,
        }
    }

    /// What answers a request, and the template that it is recorded under.
    fn find<B>(&self, request: &mut Request<B>) -> (&'static str, Result<&Handler, ApiError>) {
        if let Err(error) = check_target(request) {
            return (UNMATCHED, Err(error));
        }
        if !enter(&self.app.base_path, request) {
            return (UNMATCHED, Err(ApiError::NoSuchRoute));
        }
        let path = request.uri().path();
        let found =
            self.resources.iter().find_map(|resource| Some((resource, Parameters::of(resource.template, path)?)));
        let Some((resource, parameters)) = found else { return (UNMATCHED, Err(ApiError::NoSuchRoute)) };
        let method = match request.method() {
            &Method::HEAD => &Method::GET,
            method => method,
        };
        let handler = resource.methods.iter().find(|(taken, _)| taken == method).map(|(_, handler)| handler);
        if !parameters.is_empty() {
            request.extensions_mut().insert(parameters);
        }
        (resource.template, handler.ok_or_else(|| ApiError::MethodNotAllowed { allow: resource.allow() }))
    }

    /// Runs a handler. A panic is answered with an error, and the connection stays open.
    async fn run<B>(&self, handler: &Handler, request: Request<B>, started: Instant) -> CountedResponse
    where
        B: Body + Send + Sync + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let run = async {
            match handler {
                Handler::Filter(filter) => {
                    let response = warp::service(filter.clone()).call(request).await;
                    response.map(|response| (response, CountedBy::Router))
                }
                Handler::ByHead(answer) => Ok(answer(&self.app, request.into_parts().0, started).await),
            }
        };
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(answer)) => answer,
            Ok(Err(never)) => match never {},
            Err(_) => {
                // The panic hook has counted it, and logged what and where.
                self.app.telemetry.handler_panicked();
                (ApiError::Panicked.response(), CountedBy::Router)
            }
        }
    }

    /// Records an answer of a route with this template. Never the path: it may hold a secret.
    fn record(&self, template: &'static str, response: &Response, started: Instant) {
        let endpoint = || Endpoint::of_route(template);
        if let Some(AuthenticationReason(reason)) = response.extensions().get() {
            let reason = Label::repaired(reason);
            let failure = live::AuthenticationFailure { endpoint: endpoint(), reason };
            self.app.live.record(&failure.into());
        }
        // Every status code of HTTP has three digits.
        let Some(status_code) = StatusCode::new(response.status().as_u16()) else { return };
        let duration = started.elapsed();
        let request = HttpRequest { endpoint: endpoint(), status_code, duration_seconds: duration.into() };
        self.app.live.record(&request.into());
    }
}

/// Whether this `Accept` header is one of a browser.
fn is_browser(accept: Option<&HeaderValue>) -> bool {
    accept.and_then(|accept| accept.to_str().ok()).is_some_and(prefers_html)
}

impl Resource {
    /// The methods that the resource takes, as an `Allow` header lists them.
    fn allow(&self) -> String {
        let mut methods: Vec<_> = self.methods.iter().map(|(method, _)| method.as_str()).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use playarr_jobs::metric::{Family, Points};
    use warp::http::StatusCode as Status;
    use warp::http::header::{ALLOW, CONTENT_TYPE, HOST};

    use super::*;
    use crate::config::Config;
    use crate::database;
    use crate::http::request::access::anyone;
    use crate::http::request::parameter::parameter;

    async fn router() -> Router {
        let uri = "mongodb://127.0.0.1:1";
        let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
        let app = App::new(&config, &database::connect(&config).await.unwrap()).unwrap();
        let at_once = anyone(&app).map(|_| -> &'static str { panic!("at once") });
        let later = anyone(&app).then(|_| async {
            tokio::task::yield_now().await;
            let text: &'static str = "later";
            assert!(text.is_empty(), "{text}");
            text
        });
        Router::new(app.clone())
            .get("/both", anyone(&app).map(|_| "got"))
            .post("/both", anyone(&app).map(|_| "posted"))
            .post("/changes", anyone(&app).map(|_| "changed"))
            .get("/named/:name", parameter("name").map(|name: String| name))
            .get("/panics/at-once", at_once)
            .get("/panics/later", later)
    }

    fn request(method: &str, target: &str) -> Request<String> {
        Request::builder().method(method).uri(target).header(HOST, "localhost").body(String::new()).unwrap()
    }

    fn value(families: &[Family], name: &str, labels: &[&str]) -> f64 {
        let family = families.iter().find(|family| family.name == name).unwrap();
        let Points::Numbers(numbers) = &family.points else { panic!("{name} is a histogram") };
        let row = (0..family.len()).find(|&row| family.labels(row).map(|(_, value)| value).eq(labels.iter().copied()));
        row.map_or(0.0, |row| numbers[row])
    }

    #[tokio::test]
    async fn a_panic_is_a_500_and_is_counted() {
        crate::telemetry::count_panics();
        let router = router().await;
        let panics = || value(&router.app.telemetry.gather(), "playarr_metrics_panics_total", &[]);
        let before = panics();
        for path in ["/panics/at-once", "/panics/later"] {
            let response = router.answer(request("GET", path)).await;
            assert_eq!(response.status(), Status::INTERNAL_SERVER_ERROR);
            assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        }
        assert!(panics() >= before + 2.0, "other tests of this process may panic meanwhile");
        assert_eq!(router.answer(request("GET", "/both")).await.status(), Status::OK, "and it goes on");
    }

    #[tokio::test]
    async fn the_table_gives_head_allow_and_the_trailing_slash() {
        let router = router().await;
        for (method, target, status, allow) in [
            ("GET", "/both", 200, None),
            ("HEAD", "/both", 200, None),
            ("POST", "/both/", 200, None),
            ("GET", "/both/?a=b", 200, None),
            ("GET", "/named/x", 200, None),
            ("PUT", "/both", 405, Some("GET, POST, HEAD")),
            ("OPTIONS", "/both/", 405, Some("GET, POST, HEAD")),
            ("GET", "/changes", 405, Some("POST")),
            ("HEAD", "/changes", 405, Some("POST")),
            ("TRACE", "/named/x", 405, Some("GET, HEAD")),
            ("BREW", "/named/x", 405, Some("GET, HEAD")),
            ("GET", "/named", 404, None),
            ("GET", "/both//", 404, None),
            ("POST", "/", 404, None),
        ] {
            let response = router.answer(request(method, target)).await;
            assert_eq!(response.status().as_u16(), status, "{method} {target}");
            let found = response.headers().get(ALLOW).map(|allow| allow.to_str().unwrap());
            assert_eq!(found, allow, "{method} {target}");
        }
    }

    #[tokio::test]
    async fn an_error_is_a_page_in_a_browser() {
        let router = router().await;
        let mut request = request("DELETE", "/both");
        request.headers_mut().insert(ACCEPT, "text/html,*/*;q=0.8".parse().unwrap());
        let response = router.answer(request).await;
        assert_eq!(response.status(), Status::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(response.headers()[ALLOW], "GET, POST, HEAD");
    }

    #[tokio::test]
    async fn answers_are_counted_by_template() {
        let router = router().await;
        for (method, target) in [
            ("GET", "/both"),
            ("HEAD", "/both/"),
            ("PUT", "/both"),
            ("GET", "/named/secret"),
            ("GET", "/unknown"),
            ("OPTIONS", "*"),
        ] {
            router.answer(request(method, target)).await;
        }
        let families = router.app.live.gather();
        for (endpoint, status, count) in [
            ("/both", "200", 2.0),
            ("/both", "405", 1.0),
            ("/named/:name", "200", 1.0),
            ("unmatched", "404", 1.0),
            ("unmatched", "400", 1.0),
        ] {
            let found = value(&families, "playarr_http_requests_total", &[endpoint, status]);
            assert!((found - count).abs() < 0.1, "{endpoint} {status}: {found}");
        }
    }
}
