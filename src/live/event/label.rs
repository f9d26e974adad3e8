//! Labels that take any text, and status codes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};
use serde::ser::{Serialize, Serializer};

/// The longest open label of a live metric, in bytes.
pub const MAX_EVENT_LABEL_BYTES: usize = 128;

/// A text that cannot be a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The empty text.
    #[error("an empty text; a label has 1 to {MAX_EVENT_LABEL_BYTES} bytes")]
    Empty,
    /// A text of more than [`MAX_EVENT_LABEL_BYTES`].
    #[error("a text of {0} bytes; a label has 1 to {MAX_EVENT_LABEL_BYTES} bytes")]
    TooLong(usize),
    /// A text with a control character.
    #[error("a text with the control character U+{:04X}; a label has none", u32::from(*.0))]
    Control(char),
}

/// The value of an open label: 1 to [`MAX_EVENT_LABEL_BYTES`] bytes of UTF-8 without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label<'a>(Cow<'a, str>);

impl<'a> Label<'a> {
    /// This text as a label.
    ///
    /// # Errors
    /// When it is empty, too long or has control characters.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, LabelError> {
        let text = text.into();
        match fault(&text) {
            None => Ok(Self(text)),
            Some(error) => Err(error),
        }
    }

    /// This text made into a label, for callers who must count the event whatever its name: an empty text becomes
    /// `unknown`, a long one is cut at a character boundary, control characters become U+FFFD.
    #[must_use]
    pub fn repaired(text: &'a str) -> Self {
        if fault(text).is_none() {
            return Self(Cow::Borrowed(text));
        }
        if text.is_empty() {
            return Self(Cow::Borrowed(playarr_jobs::metric::UNKNOWN));
        }
        let mut repaired = String::with_capacity(MAX_EVENT_LABEL_BYTES);
        for character in text.chars() {
            let character = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            if repaired.len() + character.len_utf8() > MAX_EVENT_LABEL_BYTES {
                break;
            }
            repaired.push(character);
        }
        Self(Cow::Owned(repaired))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn fault(text: &str) -> Option<LabelError> {
    if text.is_empty() {
        return Some(LabelError::Empty);
    }
    if text.len() > MAX_EVENT_LABEL_BYTES {
        return Some(LabelError::TooLong(text.len()));
    }
    // All control characters of ASCII are below the space, but for DEL; those beyond ASCII start with 0xC2.
    if text.bytes().all(|byte| byte >= b' ' && byte != 0x7F && byte != 0xC2) {
        return None;
    }
    text.chars().find(|character| character.is_control()).map(LabelError::Control)
}

impl Serialize for Label<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Label<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).and_then(|text| Self::new(text).map_err(de::Error::custom))
    }
}

/// Takes a text, borrowed from the document if it stands there as it is.
pub struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text))
    }
}

/// An HTTP status code as a label, 100 to 999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusCode(u16);

impl StatusCode {
    /// This code, if it has three digits.
    #[must_use]
    pub fn new(code: u16) -> Option<Self> {
        (100..=999).contains(&code).then_some(Self(code))
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl Serialize for StatusCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for StatusCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = super::amount::whole(deserializer)?;
        let small = u16::try_from(code).ok().and_then(Self::new);
        small.ok_or_else(|| de::Error::invalid_value(Unexpected::Unsigned(code), &"a number from 100 to 999"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_short_text_without_control_characters() {
        for text in ["a", "Ä", "_other", "<script>", "with \"quotes\" and \\", &"x".repeat(128), "\u{c2}bc"] {
            assert_eq!(Label::new(text).unwrap().as_str(), text);
            assert_eq!(Label::repaired(text).as_str(), text);
        }
        assert_eq!(Label::new(""), Err(LabelError::Empty));
        assert_eq!(Label::new("x".repeat(129)), Err(LabelError::TooLong(129)));
        for control in ['\0', '\n', '\u{7f}', '\u{80}', '\u{9f}'] {
            assert_eq!(Label::new(format!("a{control}")), Err(LabelError::Control(control)));
        }
    }

    #[test]
    fn any_text_can_be_repaired_into_a_label() {
        assert_eq!(Label::repaired("").as_str(), "unknown");
        assert_eq!(Label::repaired("a\nb").as_str(), "a\u{fffd}b");
        assert_eq!(Label::repaired(&"é".repeat(100)).as_str(), "é".repeat(64));
        assert_eq!(Label::repaired(&"\0".repeat(200)).as_str().len(), 126);
    }

    #[test]
    fn a_label_is_borrowed_from_the_document() {
        let label: Label<'_> = serde_json::from_str("\"alice\"").unwrap();
        assert!(matches!(label.0, Cow::Borrowed("alice")));
        assert_eq!(serde_json::from_str::<Label<'_>>(r#""al\u0069ce""#).unwrap(), label);
        assert!(serde_json::from_str::<Label<'_>>("7").is_err());
    }

    #[test]
    fn a_status_code_has_three_digits() {
        for (json, code) in [("200", Some(200)), ("200.0", Some(200)), ("100", Some(100)), ("999", Some(999))]
            .into_iter()
            .chain(["99", "1000", "200.5", "-200", "\"200\"", "null"].map(|json| (json, None)))
        {
            let read = serde_json::from_str::<StatusCode>(json).ok();
            assert_eq!(read.map(StatusCode::get), code, "{json}");
        }
    }
}
