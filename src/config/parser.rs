//! How texts become values, and what is accepted, in words.

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::secret::Secret;

/// Reads a setting.
pub(super) struct Parser<T> {
    /// What is accepted: "a number from 1 to 64".
    pub(super) accepts: String,
    read: Box<Read<T>>,
}

/// The value, or what is wrong with the text.
type Read<T> = dyn Fn(&str) -> Result<T, String>;

impl<T> Parser<T> {
    /// Accepts the texts for which `read` returns a value.
    pub(super) fn new(accepts: impl Into<String>, read: impl Fn(&str) -> Option<T> + 'static) -> Self {
        let accepts = accepts.into();
        let complaint = format!("{accepts} is accepted");
        Self { accepts, read: Box::new(move |text| read(text).ok_or_else(|| complaint.clone())) }
    }

    /// Accepts the texts for which `read` returns a value; for others it says what is wrong.
    pub(super) fn explaining(accepts: impl Into<String>, read: impl Fn(&str) -> Result<T, String> + 'static) -> Self {
        Self { accepts: accepts.into(), read: Box::new(read) }
    }

    /// The value, or what is wrong with the text.
    pub(super) fn parse(&self, text: &str) -> Result<T, String> {
        (self.read)(text)
    }
}

/// `None` for an empty text.
pub(super) fn optional<T: 'static>(parser: Parser<T>) -> Parser<Option<T>> {
    let Parser { accepts, read } = parser;
    let read = move |text: &str| if text.is_empty() { Ok(None) } else { read(text).map(Some) };
    Parser { accepts, read: Box::new(read) }
}

pub(super) fn number(range: RangeInclusive<usize>) -> Parser<usize> {
    let accepts = format!("a number from {} to {}", range.start(), range.end());
    Parser::new(accepts, move |text| text.parse().ok().filter(|number| range.contains(number)))
}

pub(super) fn port() -> Parser<u16> {
    Parser::new("a port from 0 to 65535 (0 takes any free one)", |text| text.parse().ok())
}

pub(super) fn socket_address() -> Parser<SocketAddr> {
    Parser::new("an address with a port, such as 0.0.0.0:3000, [::]:3000 or localhost:3000,", |text| {
        text.to_socket_addrs().ok()?.next()
    })
}

/// Units as in `5m` or `7m 30s`; a number without a unit is seconds.
pub(super) fn duration(range: RangeInclusive<Duration>) -> Parser<Duration> {
    let (least, most) = (range.start(), range.end());
    let accepts = format!(
        "a duration from {} to {}, such as {} or {},",
        humantime::format_duration(*least),
        humantime::format_duration(*most),
        humantime::format_duration(*least),
        most.as_secs(),
    );
    Parser::new(accepts, move |text| {
        let seconds = text.parse().map(Duration::from_secs);
        seconds.ok().or_else(|| humantime::parse_duration(text).ok()).filter(|found| range.contains(found))
    })
}

/// A duration of at least `least`, or 0 for never.
pub(super) fn duration_or_never(least: Duration) -> Parser<Duration> {
    let accepts = format!("0 (never) or a duration of at least {}, such as 30d,", humantime::format_duration(least));
    let duration = duration(least..=Duration::from_secs(u32::MAX.into()));
    Parser::new(accepts, move |text| if text == "0" { Some(Duration::ZERO) } else { duration.parse(text).ok() })
}

/// One of several words.
pub(super) fn one_of<T: Copy + 'static>(words: &'static [(&'static str, T)]) -> Parser<T> {
    let names: Vec<_> = words.iter().map(|(name, _)| *name).collect();
    let accepts = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        names => names.concat(),
    };
    Parser::new(accepts, move |text| words.iter().find(|(name, _)| *name == text).map(|(_, value)| *value))
}

pub(super) fn text() -> Parser<String> {
    Parser::new("a text that is not empty", |text| (!text.is_empty()).then(|| text.to_owned()))
}

pub(super) fn secret() -> Parser<Secret> {
    Parser::new("any text", |text| Some(text.to_owned().into()))
}

/// The rules are those of the server, so that a mistake is found at start and not by each query.
pub(super) fn database_name() -> Parser<String> {
    Parser::new("a database name of 1 to 63 characters without any of /\\. \"$*<>:|?", |name| {
        let forbidden = |c: char| "/\\. \"$*<>:|?\0".contains(c);
        (!name.is_empty() && name.len() < 64 && !name.contains(forbidden)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit_or_is_seconds() {
        let parser = duration(Duration::from_secs(300)..=Duration::from_secs(900));
        for text in ["5m", "300", "300s", "4m 60s"] {
            assert_eq!(parser.parse(text), Ok(Duration::from_secs(300)), "{text}");
        }
        let complaint = "a duration from 5m to 15m, such as 5m or 900, is accepted";
        for text in ["4m59s", "15m1s", "299", "0", "soon", "-5m", "", "99999999999999999999", "5"] {
            assert_eq!(parser.parse(text), Err(complaint.to_owned()), "{text}");
        }
    }
}
