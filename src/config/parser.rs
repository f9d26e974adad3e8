//! How texts become values, and what is accepted, in words.

use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
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

/// Bytes as in `64MiB`, at least `least`, or 0 for none; a number without a unit is bytes.
pub(super) fn bytes_or_none(least: u64) -> Parser<u64> {
    let accepts = format!("0 (none) or a size of at least {least} bytes, such as 64MiB or 67108864,");
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    Parser::new(accepts, move |text| {
        let unit = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
        let (number, shift) = unit.unwrap_or((text, 0));
        let bytes = number.trim_end().parse::<u64>().ok()?.checked_mul(1 << shift)?;
        (bytes == 0 || bytes >= least).then_some(bytes)
    })
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

/// An address of a web page, without a slash at its end and without credentials, which would show in links.
pub(super) fn web_address() -> Parser<String> {
    Parser::new("an address such as https://prometheus.example:9090, without user and password,", |text| {
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
        let authority = rest.split('/').next().unwrap_or_default();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>?#\\".contains(&byte));
        (is_plain && !authority.is_empty() && !authority.contains('@')).then(|| text.trim_end_matches('/').to_owned())
    })
}

pub(super) fn path() -> Parser<PathBuf> {
    Parser::new("the path of a file", |text| (!text.is_empty()).then(|| PathBuf::from(text)))
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
    fn an_address_has_a_scheme_and_a_host_and_no_password() {
        let parser = web_address();
        assert_eq!(parser.parse("https://grafana.example/sub/"), Ok("https://grafana.example/sub".to_owned()));
        assert_eq!(parser.parse("http://[::1]:9090"), Ok("http://[::1]:9090".to_owned()));
        for text in ["grafana.example", "javascript:alert(1)", "https://", "https://a:b@c", "http://a b", "http://a?b"]
        {
            assert!(parser.parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_size_has_a_unit_or_is_bytes() {
        let parser = bytes_or_none(1 << 20);
        for (text, bytes) in
            [("64MiB", 64 << 20), ("1 GiB", 1 << 30), ("1048576", 1 << 20), ("0", 0), ("2048KiB", 2 << 20)]
        {
            assert_eq!(parser.parse(text), Ok(bytes), "{text}");
        }
        let complaint = "0 (none) or a size of at least 1048576 bytes, such as 64MiB or 67108864, is accepted";
        for text in ["1", "1KiB", "64MB", "-1", "", "MiB", "1.5GiB", "99999999999GiB"] {
            assert_eq!(parser.parse(text), Err(complaint.to_owned()), "{text}");
        }
    }

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
