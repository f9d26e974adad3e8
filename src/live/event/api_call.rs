//! Names of calls of a provider's API as labels.

use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::label::{Label, LabelError, TextVisitor};

/// The longest name, in bytes.
const MAX_BYTES: usize = 40;

/// A text that is no name of a call. The message does not repeat it: the address of a provider's API has the user's
/// name and password in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiCallError {
    /// It cannot even be a label.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// It is longer than a name, or has other characters than one.
    #[error("a text that is no name of a call; it may hold an address or a password")]
    NoName,
}

/// The name of a call of a provider's API, such as `get_live_streams`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCall<'a>(Label<'a>);

impl<'a> ApiCall<'a> {
    /// This text as a name: up to 40 lower-case letters, digits, `_` and `-`, a letter first.
    ///
    /// # Errors
    /// When the text is not valid. The error does not repeat it, since it may hold a secret.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, ApiCallError> {
        let label = Label::new(text)?;
        let text = label.as_str();
        let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        let is_name = starts_well && text.len() <= MAX_BYTES && text.bytes().all(is_part);
        if is_name { Ok(Self(label)) } else { Err(ApiCallError::NoName) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Serialize for ApiCall<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ApiCall<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).and_then(|text| Self::new(text).map_err(de::Error::custom))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_calls_are_taken_as_they_are() {
        for name in ["get_live_streams", "get_series_info", "tmdb-find", "m3u8", "other", "x"] {
            assert_eq!(ApiCall::new(name).as_ref().map(ApiCall::as_str), Ok(name));
        }
    }

    #[test]
    fn addresses_are_refused_and_not_repeated() {
        for address in [
            "http://alice:secret@provider.example/",
            "/player_api.php?username=alice&password=secret",
            "player_api.php?username=alice&password=secret",
            "/movie/alice/PASSWORD/1.mp4",
            "aB3dE6gH",
            "3f9c",
            "a-name-that-is-longer-than-any-name-of-a-call",
            "get live streams",
        ] {
            let error = ApiCall::new(address).unwrap_err();
            assert_eq!(error, ApiCallError::NoName, "{address}");
            assert!(!error.to_string().contains(address));
        }
        assert_eq!(ApiCall::new(""), Err(ApiCallError::Label(LabelError::Empty)));
    }
}
