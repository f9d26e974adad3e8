//! Label values of live metrics: open ones are validated texts, closed ones are types.

use std::borrow::Cow;
use std::fmt;

use arrayvec::ArrayString;

/// The longest open label, in bytes.
pub const MAX_LABEL_BYTES: usize = 128;

/// Room for the open labels of a series: two labels and a status code, with what tells them apart.
pub(crate) const KEY_BYTES: usize = 2 * (MAX_LABEL_BYTES + 1) + 4;

/// The open labels of a series, one after the other; no label can hold the separator.
pub(crate) type Key = ArrayString<KEY_BYTES>;

/// Between the open labels of a [`Key`]: a control character, which no label has.
pub(crate) const SEPARATOR: char = '\0';

/// A text that cannot be a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Nothing in it.
    #[error("an empty text; a label has 1 to {MAX_LABEL_BYTES} bytes")]
    Empty,
    /// Too much in it.
    #[error("a text of {0} bytes; a label has 1 to {MAX_LABEL_BYTES} bytes")]
    TooLong(usize),
    /// Something in it that no label should have.
    #[error("a text with the control character U+{:04X}; a label has none", u32::from(*.0))]
    Control(char),
}

/// The value of an open label: 1 to [`MAX_LABEL_BYTES`] bytes of UTF-8 without control characters.
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

    /// This text made into a label, for callers who count what happened whatever it is called: an empty one reads
    /// `unknown`, a long one is cut at a character boundary, control characters become U+FFFD.
    #[must_use]
    pub fn repaired(text: &'a str) -> Self {
        if fault(text).is_none() {
            return Self(Cow::Borrowed(text));
        }
        if text.is_empty() {
            return Self(Cow::Borrowed(playarr_jobs::metric::UNKNOWN));
        }
        let mut repaired = String::with_capacity(MAX_LABEL_BYTES);
        for character in text.chars() {
            let character = if character.is_control() { char::REPLACEMENT_CHARACTER } else { character };
            if repaired.len() + character.len_utf8() > MAX_LABEL_BYTES {
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

    /// Takes the text if it can be a label, else leaves it where it is.
    pub(crate) fn take(text: &mut Cow<'a, str>) -> Option<Self> {
        fault(text).is_none().then(|| Self(std::mem::take(text)))
    }
}

fn fault(text: &str) -> Option<LabelError> {
    if text.is_empty() {
        return Some(LabelError::Empty);
    }
    if text.len() > MAX_LABEL_BYTES {
        return Some(LabelError::TooLong(text.len()));
    }
    // All control characters of ASCII are below the space, but for DEL; those beyond ASCII start with 0xC2.
    if text.bytes().all(|byte| byte >= b' ' && byte != 0x7F && byte != 0xC2) {
        return None;
    }
    text.chars().find(|character| character.is_control()).map(LabelError::Control)
}

/// An HTTP status code as a label, 100 to 999: the standard's three digits, whatever they say.
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

/// How a value takes its part in telling series apart.
pub(crate) trait LabelValue {
    /// Every value there is, if they are known beforehand; empty for open labels.
    const CLOSED: &'static [&'static str];

    /// Adds the value to the open labels of a series, or to the number of its combination of closed ones.
    fn place(&self, key: &mut Key, combination: &mut usize);
}

impl LabelValue for Label<'_> {
    const CLOSED: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut Key, _: &mut usize) {
        push(key, &self.0);
    }
}

impl LabelValue for StatusCode {
    const CLOSED: &'static [&'static str] = &[];

    #[inline]
    fn place(&self, key: &mut Key, _: &mut usize) {
        push(key, itoa::Buffer::new().format(self.0));
    }
}

#[inline]
fn push(key: &mut Key, text: &str) {
    if !key.is_empty() {
        key.push(SEPARATOR);
    }
    key.push_str(text);
}

/// A type whose values are known beforehand and have texts.
pub(crate) trait ClosedSet: Sized + Copy {
    /// What is accepted, for people.
    const ACCEPTS: &'static str;

    /// The value with this text.
    fn from_text(text: &str) -> Option<Self>;

    /// The text in labels and in JSON.
    fn as_str(self) -> &'static str;
}

/// A closed set of label values: a type whose variants have texts.
macro_rules! closed_sets {
    ($($(#[doc = $doc:literal])+ $set:ident { $($(#[doc = $variant_doc:literal])+ $variant:ident = $text:literal,)+ })+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $set { $($(#[doc = $variant_doc])+ $variant,)+ }

        impl $set {
            /// Every value, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The text in labels and in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl ClosedSet for $set {
            const ACCEPTS: &'static str = concat!("one of", $(" \"", $text, "\""),+);

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn as_str(self) -> &'static str {
                self.as_str()
            }
        }

        impl LabelValue for $set {
            const CLOSED: &'static [&'static str] = &[$($text),+];

            #[inline]
            fn place(&self, _: &mut Key, combination: &mut usize) {
                *combination = *combination * Self::CLOSED.len() + *self as usize;
            }
        }

        impl fmt::Display for $set {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )+};
}

closed_sets! {
    /// What kind of media.
    MediaType {
        /// Films.
        Movies = "movies",
        /// Series.
        TvShows = "tvshows",
        /// Live channels.
        Live = "live",
    }
    /// How a piece of work ended.
    Status {
        /// As it should.
        Success = "success",
        /// Otherwise.
        Failure = "failure",
    }
    /// Whether the cache had it.
    CacheOperation {
        /// It had.
        Hit = "hit",
        /// It had not.
        Miss = "miss",
    }
    /// How a provider's API failed.
    ProviderErrorType {
        /// Bad gateway.
        BadGateway = "502",
        /// No answer in time.
        Timeout = "timeout",
        /// In any other way.
        Other = "other",
    }
    /// Whose titles were processed.
    TitlesKind {
        /// Those that a provider lists.
        Provider = "provider",
        /// Those of the merged library.
        Main = "main",
    }
    /// What was done to a watchlist.
    WatchlistOperation {
        /// Something was put on it.
        Add = "add",
        /// Something was taken off it.
        Remove = "remove",
    }
    /// What was done to a provider or a user.
    AdminOperation {
        /// It is new.
        Create = "create",
        /// It was changed.
        Update = "update",
        /// It is gone.
        Delete = "delete",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_a_short_text_without_control_characters() {
        for text in ["a", "Ä", "_other", "<script>", "with \"quotes\" and \\", &"x".repeat(128), "\u{c2}bc"]
        {
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
    fn what_is_no_label_can_be_made_into_one() {
        assert_eq!(Label::repaired("").as_str(), "unknown");
        assert_eq!(Label::repaired("a\nb").as_str(), "a\u{fffd}b");
        assert_eq!(Label::repaired(&"é".repeat(100)).as_str(), "é".repeat(64));
        assert_eq!(Label::repaired(&"\0".repeat(200)).as_str().len(), 126);
    }

    #[test]
    fn every_text_of_a_closed_set_is_read_back() {
        for &media_type in MediaType::ALL {
            assert_eq!(MediaType::from_text(media_type.as_str()), Some(media_type));
        }
        assert_eq!(ProviderErrorType::from_text("502"), Some(ProviderErrorType::BadGateway));
        assert_eq!(MediaType::from_text("Movies"), None);
    }
}
