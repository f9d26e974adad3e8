//! The path below which everything is served.

use std::sync::Arc;

use super::parser::Parser;

/// The longest base path, in bytes.
const MAX_LENGTH: usize = 200;

/// The path below which everything is served: empty for the root of the host, or such as `/playarr-metrics`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BasePath(Arc<str>);

impl BasePath {
    /// The path, without a slash at its end; empty for the root.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root of the host.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What a path of a request is below the base, with its slash; `None` outside of it.
    pub(crate) fn below<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(&*self.0)? {
            "" => Some("/"),
            rest if rest.starts_with('/') => Some(rest),
            _ => None,
        }
    }

    /// The path, as browsers see it, of a path below the base.
    pub(crate) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

/// Segments of characters that mean the same to every proxy and browser.
pub(super) fn base_path() -> Parser<BasePath> {
    let accepts = "/ or a path such as /playarr-metrics, of letters, digits and -._~ between its slashes,";
    Parser::new(accepts, |text| {
        let path = text.trim_end_matches('/');
        let is_segment = |segment: &str| {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
            !["", ".", ".."].contains(&segment) && segment.bytes().all(is_plain)
        };
        let is_path = text.starts_with('/') && (path.is_empty() || path[1..].split('/').all(is_segment));
        (is_path && path.len() <= MAX_LENGTH).then(|| BasePath(path.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_path_is_the_root_or_plain_segments_and_its_last_slash_is_dropped() {
        for (text, path) in [("/", ""), ("/pm", "/pm"), ("/pm/", "/pm"), ("/a/b-c_d.e~1", "/a/b-c_d.e~1"), ("//", "")] {
            let parsed = base_path().parse(text);
            assert_eq!(parsed.map(|base| base.as_str().to_owned()), Ok(path.to_owned()), "{text}");
        }
        let long = format!("/{}", "a".repeat(MAX_LENGTH));
        for text in
            ["", "pm", "//pm", "/a//b", "/a/../b", "/.", "/a b", "/ä", "/a%20", "/a?b", "/\"", "https://x", &long]
        {
            assert!(base_path().parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_whole_segments_are_below_it() {
        let base = base_path().parse("/pm").unwrap();
        for (path, below) in [
            ("/pm", Some("/")),
            ("/pm/", Some("/")),
            ("/pm/metrics", Some("/metrics")),
            ("/pmx", None),
            ("/", None),
            ("/metrics", None),
            ("/PM/metrics", None),
        ] {
            assert_eq!(base.below(path), below, "{path}");
        }
        let root = BasePath::default();
        assert_eq!((root.below("/metrics"), root.below("/"), root.below("*")), (Some("/metrics"), Some("/"), None));
        assert_eq!((base.join("/login"), root.join("/login")), ("/pm/login".to_owned(), "/login".to_owned()));
    }
}
