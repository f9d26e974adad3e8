//! Requests below a base path.

use warp::http::uri::PathAndQuery;
use warp::http::{Request, Uri};

use crate::config::BasePath;

/// Takes the base off the path of a request, so that routes need not know it. Returns whether the path is below it.
pub(in crate::http) fn enter<B>(base: &BasePath, request: &mut Request<B>) -> bool {
    if base.is_root() {
        return true;
    }
    let uri = request.uri();
    let Some(path) = base.below(uri.path()) else { return false };
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.ok();
    Uri::from_parts(parts).map(|uri| *request.uri_mut() = uri).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_base_is_taken_off_and_the_query_stays() {
        let base = Config::read(|name| (name == "BASE_PATH").then(|| "/pm".to_owned())).unwrap().base_path;
        for (target, inside, left) in [
            ("/pm/metrics?match[]=up", true, "/metrics?match[]=up"),
            ("/pm?a=b", true, "/?a=b"),
            ("/pm/", true, "/"),
            ("http://host/pm/metrics", true, "http://host/metrics"),
            ("/pm//host", true, "//host"),
            ("/metrics", false, "/metrics"),
            ("*", false, "*"),
        ] {
            let mut request = Request::builder().uri(target).body(()).unwrap();
            assert_eq!(enter(&base, &mut request), inside, "{target}");
            assert_eq!(request.uri().to_string(), left, "{target}");
        }
    }
}
