//! The connection string. It accepts everything that Playarr's driver (Node 6) accepts, and errors name what is wrong.

use std::fmt;
use std::fs;
use std::path::Path;

use mongodb::error::ErrorKind;
use mongodb::options::ConnectionString;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::parser::Parser;
use super::secret::Secret;
use super::uri_options::{Handling, handling, is_met_anyway, similar};

/// The mechanisms of authentication that are supported.
const MECHANISMS: [&str; 4] = ["SCRAM-SHA-256", "SCRAM-SHA-1", "MONGODB-X509", "PLAIN"];

/// The shortest interval of heartbeats that the driver accepts, in milliseconds. Node's driver takes any interval.
const SHORTEST_HEARTBEAT: u32 = 500;

/// The longest `appName` that a server accepts, in bytes. Node's driver cuts it there.
const MAX_APP_NAME: usize = 128;

/// A connection string that was checked. Shown without credentials and options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MongoUri {
    for_driver: Secret,
    shown: String,
    /// A sentence for each option that has no effect in this service.
    warnings: Vec<String>,
}

impl MongoUri {
    /// The connection string with its credentials, as the Rust driver takes it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.for_driver.reveal()
    }

    /// A sentence for each option that has no effect in this service.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether the servers are looked up in the DNS (`mongodb+srv`).
    #[must_use]
    pub fn is_looked_up(&self) -> bool {
        self.reveal().starts_with(Scheme::Srv.prefix())
    }
}

impl fmt::Display for MongoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

pub(super) fn mongodb_uri() -> Parser<MongoUri> {
    Parser::explaining("mongodb://[user:password@]host[:port][,...][/][?options], or mongodb+srv://", |text| {
        parse(text.trim()).map_err(|error| error.to_string())
    })
}

/// What is wrong with a connection string. No message shows a part that may belong to a password.
#[derive(Debug, thiserror::Error)]
enum UriError {
    #[error("it must start with mongodb:// or mongodb+srv://")]
    Scheme,
    #[error("the user name or the password holds an unescaped '{0}'; write it as %{code:02X}", code = u32::from(*.0))]
    Unescaped(char),
    #[error(
        "the user name or the password holds a '%' that is not followed by two hexadecimal digits; write it as %25"
    )]
    Percent,
    #[error("there is an '@' after the '?'; in a password, write '?' as %3F; in an option, write '@' as %40")]
    LateAt,
    #[error("a host name is missing")]
    NoHost,
    #[error("the port of the host {0} is not a number from 1 to 65535")]
    Port(String),
    #[error("mongodb+srv:// takes one host name without a port")]
    Srv,
    #[error("the option {0} is not known{similar}", similar = did_you_mean(.0))]
    Unknown(String),
    #[error("the option {0} has no value")]
    NoValue(String),
    #[error("the option {0} appears more than once")]
    Repeated(String),
    #[error("the options tls and ssl contradict each other; remove one of them")]
    Contradiction,
    #[error("the option {0} must be a number")]
    NotANumber(String),
    #[error("authMechanism={0} is not supported; {all} are", all = MECHANISMS.join(", "))]
    Mechanism(String),
    #[error("{option}={path}: the file cannot be read: {error}")]
    File { option: String, path: String, error: std::io::Error },
    #[error("{option}={path}: the file holds no certificate in PEM form")]
    NotPem { option: String, path: String },
    #[error("{0}")]
    Driver(String),
}

fn did_you_mean(name: &str) -> String {
    similar(name).map_or_else(String::new, |known| format!("; did you mean {known}?"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Plain,
    Srv,
}

impl Scheme {
    fn prefix(self) -> &'static str {
        match self {
            Self::Plain => "mongodb://",
            Self::Srv => "mongodb+srv://",
        }
    }
}

/// The parts of a connection string, not checked yet.
struct Parts<'a> {
    scheme: Scheme,
    credentials: Option<&'a str>,
    hosts: &'a str,
    database: &'a str,
    options: &'a str,
}

fn split(text: &str) -> Result<Parts<'_>, UriError> {
    let (scheme, rest) = [Scheme::Srv, Scheme::Plain]
        .into_iter()
        .find_map(|scheme| Some((scheme, text.strip_prefix(scheme.prefix())?)))
        .ok_or(UriError::Scheme)?;
    let (before_options, options) = rest.split_once('?').unwrap_or((rest, ""));
    let (credentials, address) = match before_options.rsplit_once('@') {
        Some((credentials, address)) => (Some(credentials), address),
        // The text before the `?` may be the first part of a password.
        None if options.contains('@') => return Err(UriError::LateAt),
        None => (None, before_options),
    };
    let (hosts, database) = address.split_once('/').unwrap_or((address, ""));
    Ok(Parts { scheme, credentials, hosts, database, options })
}

fn parse(text: &str) -> Result<MongoUri, UriError> {
    let parts = split(text)?;
    if let Some(credentials) = parts.credentials {
        check_credentials(credentials)?;
    }
    check_hosts(&parts)?;
    let (mut options, mut warnings) = (Vec::new(), Vec::new());
    for (name, value) in pairs(parts.options)? {
        match option(name, value, &mut warnings)? {
            Some(value) => options.push((name, value)),
            None => continue,
        }
    }
    // With tls=false, Node's driver ignores all other options of TLS.
    let is_tls = |name: &str| name.eq_ignore_ascii_case("tls") || name.eq_ignore_ascii_case("ssl");
    if options.iter().any(|(name, value)| is_tls(name) && value == "false") {
        options.retain(|(name, _)| is_tls(name) || !name.to_lowercase().starts_with("tls"));
    }
    let tls: Vec<_> = options.iter().filter(|(name, _)| is_tls(name)).map(|(_, value)| value).collect();
    if tls.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(UriError::Contradiction);
    }
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let credentials = match parts.credentials {
        Some("" | ":") | None => String::new(),
        Some(credentials) => format!("{credentials}@"),
    };
    let Parts { scheme, hosts, database, .. } = parts;
    let for_driver = format!("{}{credentials}{hosts}/{database}?{}", scheme.prefix(), options.join("&"));
    let for_driver = for_driver.trim_end_matches('?').to_owned();
    if let Err(error) = ConnectionString::parse(&for_driver) {
        return Err(UriError::Driver(match *error.kind {
            ErrorKind::InvalidArgument { message, .. } => message,
            kind => kind.to_string(),
        }));
    }
    Ok(MongoUri { for_driver: for_driver.into(), shown: redacted_uri(text), warnings })
}

/// Refuses reserved characters that are not percent-encoded (RFC 3986, section 2.2).
fn check_credentials(credentials: &str) -> Result<(), UriError> {
    let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
    for part in [user, password] {
        if let Some(unescaped) = part.chars().find(|c| ":/?#[]@".contains(*c)) {
            return Err(UriError::Unescaped(unescaped));
        }
        let is_hex = |rest: &str| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        if part.split('%').skip(1).any(|rest| !is_hex(rest)) {
            return Err(UriError::Percent);
        }
    }
    Ok(())
}

fn check_hosts(parts: &Parts<'_>) -> Result<(), UriError> {
    for host in parts.hosts.split(',') {
        let (name, port) = host_and_port(host);
        if name.is_empty() {
            return Err(UriError::NoHost);
        }
        if port.is_some_and(|port| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
            return Err(UriError::Port(name.to_owned()));
        }
        if parts.scheme == Scheme::Srv && (port.is_some() || parts.hosts.contains(',')) {
            return Err(UriError::Srv);
        }
    }
    Ok(())
}

/// Splits a host from its port. An IPv6 address is in brackets, so its colons separate no port.
fn host_and_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The options with their values, still percent-encoded.
///
/// # Errors
/// When an option is not known, has no value or is repeated.
fn pairs(options: &str) -> Result<Vec<(&str, &str)>, UriError> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    for pair in options.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let may_repeat = name.eq_ignore_ascii_case("readPreferenceTags");
        if handling(name).is_none() {
            return Err(UriError::Unknown(name.to_owned()));
        }
        if value.is_empty() && !may_repeat {
            return Err(UriError::NoValue(name.to_owned()));
        }
        if !may_repeat && pairs.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            return Err(UriError::Repeated(name.to_owned()));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// The value for the driver. `None` if the option is dropped.
fn option(name: &str, value: &str, warnings: &mut Vec<String>) -> Result<Option<String>, UriError> {
    let warning = |reason: &str| format!("the option {name} in MONGODB_URI has no use here: {reason}");
    let decoded = || percent_decode_str(&value.replace('+', " ")).decode_utf8_lossy().into_owned();
    match handling(name) {
        Some(Handling::Unused(reason)) => {
            if !is_met_anyway(name, value) && !warnings.contains(&warning(reason)) {
                warnings.push(warning(reason));
            }
            Ok(None)
        }
        Some(Handling::Number) => {
            let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number: u32 = value[..digits].parse().map_err(|_| UriError::NotANumber(name.to_owned()))?;
            let is = |known: &str| known.eq_ignore_ascii_case(name);
            if number == 0 && (is("maxPoolSize") || is("maxConnecting")) {
                warnings.push(warning("connections are always limited in number"));
                return Ok(None);
            }
            // For Node's driver, 0 is no limit; for this one, no time at all.
            if number == 0 && is("serverSelectionTimeoutMS") {
                warnings.push(warning("the search for a server always has a limit"));
                return Ok(None);
            }
            let least = if is("heartbeatFrequencyMS") { SHORTEST_HEARTBEAT } else { 0 };
            Ok(Some(number.max(least).to_string()))
        }
        Some(Handling::File) => {
            let path = decoded();
            check_pem(name, &path)?;
            Ok(Some(value.replace('+', "%20")))
        }
        Some(Handling::Pass) if name.eq_ignore_ascii_case("authMechanism") => {
            let mechanism = decoded().to_uppercase();
            match mechanism.as_str() {
                // The driver and the server agree on one.
                "DEFAULT" => Ok(None),
                known if MECHANISMS.contains(&known) => Ok(Some(mechanism)),
                _ => Err(UriError::Mechanism(mechanism)),
            }
        }
        Some(Handling::Pass) if name.eq_ignore_ascii_case("appName") => {
            let decoded = decoded();
            let cut = &decoded[..decoded.floor_char_boundary(MAX_APP_NAME)];
            Ok(Some(percent_encode(cut.as_bytes(), NON_ALPHANUMERIC).to_string()))
        }
        Some(Handling::Pass) => Ok(Some(value.replace('+', "%20"))),
        None => Err(UriError::Unknown(name.to_owned())),
    }
}

fn check_pem(option: &str, path: &str) -> Result<(), UriError> {
    let (option, shown) = (option.to_owned(), path.to_owned());
    match fs::read_to_string(Path::new(path)) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(()),
        Ok(_) => Err(UriError::NotPem { option, path: shown }),
        Err(error) => Err(UriError::File { option, path: shown, error }),
    }
}

/// The scheme and the hosts of a connection string, with `***` for everything that may be secret: the credentials,
/// ports that are not numbers, and the whole text if it cannot be split.
pub(super) fn redacted_uri(uri: &str) -> String {
    let Ok(parts) = split(uri.trim()) else { return "***".to_owned() };
    let hosts = parts.hosts.split(',').map(|host| match host_and_port(host) {
        (name, Some(port)) if port.parse::<u16>().is_err() => format!("{name}:***"),
        _ => host.to_owned(),
    });
    let credentials = if parts.credentials.is_some() { "***@" } else { "" };
    format!("{}{credentials}{}", parts.scheme.prefix(), hosts.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests;
