//! Templates of routes as labels.
//!
//! A raw path carries secrets: `/SECRETKEY1/manifest.json` has an API key in it, `/movie/alice/PASSWORD/1.mp4` a
//! password. Each also makes a series of its own. So an endpoint must look like the template of a route. The rule
//! refuses whatever cannot be one; a secret made of lower-case letters only cannot be told from a word of a route.

use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::label::{Label, LabelError, TextVisitor};

/// Endpoints that are no path: requests that no route took, as this service and as Playarr name them.
const NO_ROUTE: [&str; 2] = ["unmatched", "unknown_endpoint"];

/// The longest word or parameter of a template, in bytes.
const MAX_WORD_BYTES: usize = 40;

/// The longest word with digits, in bytes: `v1` and `m3u8`, but no key.
const MAX_WORD_BYTES_WITH_DIGITS: usize = 4;

/// Extensions of files that routes have in their templates.
const WORD_EXTENSIONS: [&str; 7] = ["json", "php", "xml", "m3u", "m3u8", "html", "txt"];

/// A text that is no template of a route. The message does not repeat it, since it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// It cannot even be a label.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// It does not start with a slash.
    #[error("a text that does not start with \"/\"")]
    NoPath,
    /// A segment that no template has; counted from 1.
    #[error("a path whose segment {0} is neither a word of a route nor a parameter; it may hold a key or a password")]
    Segment(usize),
}

/// The template of a route, such as `/api/titles/:title_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint<'a>(Label<'a>);

impl<'a> Endpoint<'a> {
    /// This text as an endpoint: `unmatched`, or a path whose segments are words in lower case (digits only in short
    /// ones such as `v1`), parameters (`:id`, `{id}`, `*`), or both with a usual extension (`:id.json`).
    ///
    /// # Errors
    /// When the text is not valid. The error does not repeat it, since it may hold a secret.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, EndpointError> {
        let label = Label::new(text)?;
        let text = label.as_str();
        if NO_ROUTE.contains(&text) {
            return Ok(Self(label));
        }
        let path = text.strip_prefix('/').ok_or(EndpointError::NoPath)?;
        let segments = path.strip_suffix('/').unwrap_or(path).split('/');
        match segments.enumerate().find(|(_, segment)| !path.is_empty() && !is_segment(segment)) {
            Some((position, _)) => Err(EndpointError::Segment(position + 1)),
            None => Ok(Self(label)),
        }
    }

    /// The template of a route of this program, which is a constant and holds no secret.
    #[must_use]
    pub fn of_route(template: &'static str) -> Self {
        Self(Label::repaired(template))
    }

    /// The template.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn is_segment(segment: &str) -> bool {
    let (name, extension) = segment.split_once('.').map_or((segment, None), |(name, rest)| (name, Some(rest)));
    let is_extension = |extension: &str| WORD_EXTENSIONS.contains(&extension);
    if is_parameter(name) {
        // `:id.json`, `:stream.:extension`, and the files that players ask for.
        return extension.is_none_or(|extension| {
            is_parameter(extension) || is_extension(extension) || ["mp4", "mkv", "ts"].contains(&extension)
        });
    }
    is_word(name) && extension.is_none_or(is_extension)
}

/// `*`, `*rest`, `:name`, `:name?`, `{name}`, `<name>`, or several of the second kind as `:season-:episode`.
fn is_parameter(text: &str) -> bool {
    let is_name = |name: &str| {
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        starts_well && is_name && name.len() <= MAX_WORD_BYTES
    };
    let between = |start, end| text.strip_prefix(start).and_then(|text| text.strip_suffix(end));
    if let Some(rest) = text.strip_prefix('*') {
        return rest.is_empty() || is_name(rest);
    }
    if let Some(name) = between('{', '}').or_else(|| between('<', '>')) {
        return is_name(name.strip_prefix('*').unwrap_or(name));
    }
    let named = |part: &str| part.strip_prefix(':').is_some_and(|name| is_name(name.trim_end_matches('?')));
    text.split('-').all(named)
}

/// A word of a route: `titles`, `regenerate-api-key`, `player_api`, `v1`, `-`.
fn is_word(text: &str) -> bool {
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > MAX_WORD_BYTES {
        return false;
    }
    if text.bytes().all(is_lower) {
        return true;
    }
    let starts_with_letter = text.starts_with(|first: char| first.is_ascii_lowercase());
    let is_short = text.len() <= MAX_WORD_BYTES_WITH_DIGITS;
    is_short && starts_with_letter && text.bytes().all(|byte| is_lower(byte) || byte.is_ascii_digit())
}

impl Serialize for Endpoint<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Endpoint<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).and_then(|text| Self::new(text).map_err(de::Error::custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The templates of Playarr's routes as its metrics name them: where a router is mounted, then the route's own.
    const PLAYARR: &[&str] = &[
        "unmatched",
        "unknown_endpoint",
        "/",
        "/metrics/",
        "/metrics/json",
        "/api/auth/login",
        "/api/settings/log_stream_level",
        "/api/settings/metrics/regenerate",
        "/api/settings/:key",
        "/api/jobs/:jobName/trigger",
        "/api/livetv/providers/:providerId/channels",
        "/api/livetv/channels/:channelKey/programs",
        "/api/livetv/m3u",
        "/api/livetv/stream/:channelKey",
        "/api/playlist/:title_type/data",
        "/api/profile/regenerate-api-key",
        "/api/provider_titles/ignored/:id/validate-tmdb",
        "/api/iptv/providers/:provider_id/sync-media-types",
        "/api/iptv/providers/:provider_id/categories/batch",
        "/api/stream/tvshows/:title_id/:season/:episode",
        "/api/stremio/:api_key/manifest.json",
        "/api/stremio/:api_key/catalog/:type/:id.json",
        "/api/stremio/:api_key/meta/:type/*",
        "/player_api.php/",
        "/get.php/",
        "/xmltv.php/",
        "/movie/:username/:password/:streamId",
        // Of other frameworks, and of this service.
        "/api/v1/titles/{id}",
        "/items/<name>",
        "/live/:user/:key/:stream.:extension",
        "/series/:id-:season-:episode.mp4",
        "/-/healthy",
        "/api/openapi.json",
        "/assets/:name",
        "/files/{*path}",
        "/optional/:page?",
    ];

    #[test]
    fn templates_of_routes_are_endpoints() {
        for &template in PLAYARR {
            assert_eq!(Endpoint::new(template).as_ref().map(Endpoint::as_str), Ok(template));
        }
    }

    #[test]
    fn paths_as_they_were_asked_for_are_refused_and_not_repeated() {
        for (path, segment) in [
            ("/SECRETKEY1/manifest.json", 1),
            ("/aB3dE6gH/manifest.json", 1),
            ("/movie/alice/PASSWORD/1.mp4", 3),
            ("/movie/alice/hunter22/:id", 3),
            ("/movie/alice/secret/603.mp4", 4),
            ("/live/bob/s3cr3t/abc-1.m3u8", 3),
            ("/api/titles/movies-603", 3),
            ("/api/titles/603", 3),
            ("/api/livetv/stream/agtv%2Fkey", 4),
            ("/player_api.php?username=alice&password=secret", 1),
            ("/api/stremio/:api_key=abc/manifest.json", 3),
            ("/c2VjcmV0LWtleQ==", 1),
            ("/0123456789abcdef0123456789abcdef", 1),
            ("/a-word-that-is-longer-than-any-word-of-a-route-would-be", 1),
            ("//double", 1),
            ("/a//b", 2),
            ("/.env", 1),
            ("/wp-login.php.bak", 1),
            ("/user@example", 1),
            ("/schön", 1),
            ("/clip.mp4", 1),
            ("/:", 1),
            ("/:id:password", 1),
        ] {
            let error = Endpoint::new(path).unwrap_err();
            assert_eq!(error, EndpointError::Segment(segment), "{path}");
            assert!(!error.to_string().contains(path.trim_start_matches('/')), "{error}");
        }
        for path in ["SECRETKEY1", "http://alice:secret@provider.example/", "alice/secret", "Unmatched"] {
            assert_eq!(Endpoint::new(path), Err(EndpointError::NoPath));
        }
        assert_eq!(Endpoint::new(""), Err(EndpointError::Label(LabelError::Empty)));
    }
}
