//! Templates of routes and the parameters in them: `/assets/:name`.

use percent_encoding::percent_decode_str;
use warp::{Filter, Rejection};

use crate::http::reply::error::ApiError;

/// The parameters of a path, by their names in the template.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::http) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// The parameters of a path that matches the template, with or without a slash at its end.
    pub(in crate::http) fn of(template: &'static str, path: &str) -> Option<Self> {
        let path = if template == "/" { path } else { path.strip_suffix('/').unwrap_or(path) };
        if path == template && !template.contains(':') {
            return Some(Self::default());
        }
        let mut parameters = Vec::new();
        let (mut expected, mut found) = (template.split('/'), path.split('/'));
        loop {
            match (expected.next(), found.next()) {
                (None, None) => return Some(Self(parameters)),
                (Some(expected), Some(found)) if expected == found => {}
                (Some(expected), Some(found)) => {
                    let name = expected.strip_prefix(':').filter(|_| !found.is_empty())?;
                    parameters.push((name, percent_decode_str(found).decode_utf8().ok()?.into_owned()));
                }
                _ => return None,
            }
        }
    }

    pub(in crate::http) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| *found == name).map(|(_, value)| &**value)
    }
}

/// The parameter of this name in the template of the route.
pub(in crate::http) fn parameter(name: &'static str) -> impl Filter<Extract = (String,), Error = Rejection> + Copy {
    warp::ext::optional::<Parameters>().and_then(move |parameters: Option<Parameters>| async move {
        let value = parameters.as_ref().and_then(|parameters| parameters.get(name));
        value.map(str::to_owned).ok_or_else(|| Rejection::from(ApiError::NoSuchRoute))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_matches_a_template_with_or_without_a_slash_at_its_end() {
        for (template, path) in
            [("/", "/"), ("/metrics", "/metrics"), ("/metrics", "/metrics/"), ("/-/ready", "/-/ready")]
        {
            assert_eq!(Parameters::of(template, path), Some(Parameters::default()), "{path}");
        }
        for (template, path) in [
            ("/", "//"),
            ("/", "/metrics"),
            ("/metrics", "/"),
            ("/metrics", "/metrics//"),
            ("/metrics", "//metrics"),
            ("/metrics", "/Metrics"),
            ("/metrics", "/metrics/x"),
            ("/a/:name", "/a"),
            ("/a/:name", "/a/"),
            ("/a/:name", "/a/b/c"),
            ("/a/:name", "/a/%ff"),
        ] {
            assert_eq!(Parameters::of(template, path), None, "{template} {path}");
        }
        let found = Parameters::of("/a/:name/b/:id", "/a/x%20y/b/1/").unwrap();
        assert_eq!((found.get("name"), found.get("id"), found.get("b")), (Some("x y"), Some("1"), None));
    }
}
