//! The configuration: flags before environment variables before defaults. The only place that reads the
//! environment.

use std::env::VarError;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use playarr_jobs::gauges::EpisodesDetail;
use playarr_jobs::refresh::{MAX_INTERVAL, MIN_INTERVAL};

/// A setting that cannot be used. One line: the variable, the value (never a secret) and what is accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value out of the accepted ones.
    #[error("{name}={value}: {accepted}")]
    Invalid {
        /// The environment variable.
        name: &'static str,
        /// The value found.
        value: String,
        /// What is accepted.
        accepted: &'static str,
    },
    /// A connection string the driver refuses.
    #[error(
        "MONGODB_URI={redacted}: not a MongoDB connection string; accepted is \
         mongodb://[user:password@]host[:port][/][?options], or mongodb+srv://"
    )]
    Uri {
        /// The host part of what was found.
        redacted: String,
    },
    /// A secret file that cannot be read.
    #[error("{name}_FILE={}: the file cannot be read: {error}", path.display())]
    File {
        /// The environment variable without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A secret file with nothing in it. An empty key or password would let anybody in.
    #[error("{name}_FILE={}: the file is empty; write the secret into it", path.display())]
    EmptyFile {
        /// The environment variable without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// A variable that is no text.
    #[error("{name} is not valid UTF-8; write its value in UTF-8")]
    NotText {
        /// The environment variable.
        name: &'static str,
    },
    /// The secret and its file are both given.
    #[error("{name} and {name}_FILE are both set: leave one away")]
    Twice {
        /// The environment variable without `_FILE`.
        name: &'static str,
    },
}

/// A text that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever has to use it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For log collectors: an object a line.
    Json,
}

/// Everything that can be set.
#[derive(Clone, Debug)]
pub struct Config {
    /// The connection string of MongoDB.
    pub mongodb_uri: Secret,
    /// The name of Playarr's database.
    pub mongodb_db_name: String,
    /// Where to listen.
    pub listen_address: SocketAddr,
    /// The time between refreshes.
    pub refresh_interval: Duration,
    /// How many collectors run side by side.
    pub refresh_concurrency: usize,
    /// The time each collector has.
    pub collector_timeout: Duration,
    /// How many series each gauge may have.
    pub series_budget: usize,
    /// How finely episodes are told apart.
    pub episodes_detail: EpisodesDetail,
    /// How many scrapes are answered at once.
    pub max_concurrent_scrapes: usize,
    /// How often the live metrics are saved.
    pub checkpoint_interval: Duration,
    /// The key that signs Playarr's sessions; none is none.
    pub jwt_secret_key: Option<Secret>,
    /// For how many days a session lasts.
    pub access_token_expire_days: usize,
    /// The name of the first admin of an empty database.
    pub default_admin_username: String,
    /// The password of the first admin; none makes no admin.
    pub default_admin_password: Option<Secret>,
    /// The log filter, as `tracing-subscriber` reads it.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

macro_rules! flags {
    ($($(#[doc = $help:literal])+ $field:ident: $name:literal,)+) => {
        /// The flags. Each stands for the environment variable of the same name.
        #[derive(Args, Clone, Default)]
        pub struct Flags {
            $($(#[doc = $help])+ #[arg(long, global = true, value_name = "VALUE", allow_hyphen_values = true)] $field: Option<String>,)+
        }

        impl Flags {
            /// The environment variable of each flag.
            const NAMES: &[&'static str] = &[$($name,)+];

            /// These flags with another database.
            #[must_use]
            pub fn with_database(self, uri: &str, name: &str) -> Self {
                Self { mongodb_uri: Some(uri.to_owned()), mongodb_db_name: Some(name.to_owned()), ..self }
            }

            /// The flag of an environment variable.
            fn get(&self, name: &str) -> Option<String> {
                match name {
                    $($name => self.$field.clone(),)+
                    _ => None,
                }
            }
        }
    };
}

flags! {
    /// Connection string of MongoDB [env: MONGODB_URI] [default: mongodb://localhost:27017]
    mongodb_uri: "MONGODB_URI",
    /// File that holds the connection string [env: MONGODB_URI_FILE]
    mongodb_uri_file: "MONGODB_URI_FILE",
    /// Name of Playarr's database [env: MONGODB_DB_NAME] [default: playarr]
    mongodb_db_name: "MONGODB_DB_NAME",
    /// Port to listen on, on all addresses [env: PORT] [default: 3000]
    port: "PORT",
    /// Address and port to listen on; wins over the port alone [env: LISTEN_ADDRESS] [default: 0.0.0.0:3000]
    listen_address: "LISTEN_ADDRESS",
    /// Time between refreshes, 5m to 15m [env: REFRESH_INTERVAL] [default: 5m]
    refresh_interval: "REFRESH_INTERVAL",
    /// Collectors that run side by side, 1 to 64 [env: REFRESH_CONCURRENCY] [default: 4]
    refresh_concurrency: "REFRESH_CONCURRENCY",
    /// Time each collector has, 1s to 10m [env: COLLECTOR_TIMEOUT] [default: 60s]
    collector_timeout: "COLLECTOR_TIMEOUT",
    /// Series each gauge may have, 1 to 1000000 [env: SERIES_BUDGET] [default: 10000]
    series_budget: "SERIES_BUDGET",
    /// How finely episodes are told apart: title, season or source [env: EPISODES_DETAIL] [default: title]
    episodes_detail: "EPISODES_DETAIL",
    /// Scrapes answered at once, 1 to 10000 [env: MAX_CONCURRENT_SCRAPES] [default: 40]
    max_concurrent_scrapes: "MAX_CONCURRENT_SCRAPES",
    /// Time between checkpoints of the live metrics, 1s to 5m [env: CHECKPOINT_INTERVAL] [default: 10s]
    checkpoint_interval: "CHECKPOINT_INTERVAL",
    /// Key that signs Playarr's sessions [env: JWT_SECRET_KEY]
    jwt_secret_key: "JWT_SECRET_KEY",
    /// File that holds the key [env: JWT_SECRET_KEY_FILE]
    jwt_secret_key_file: "JWT_SECRET_KEY_FILE",
    /// Days a session lasts, 1 to 365 [env: ACCESS_TOKEN_EXPIRE_DAYS] [default: 7]
    access_token_expire_days: "ACCESS_TOKEN_EXPIRE_DAYS",
    /// Name of the first admin of an empty database [env: DEFAULT_ADMIN_USERNAME] [default: admin]
    default_admin_username: "DEFAULT_ADMIN_USERNAME",
    /// Password of the first admin [env: DEFAULT_ADMIN_PASSWORD]
    default_admin_password: "DEFAULT_ADMIN_PASSWORD",
    /// File that holds the password [env: DEFAULT_ADMIN_PASSWORD_FILE]
    default_admin_password_file: "DEFAULT_ADMIN_PASSWORD_FILE",
    /// error, warn, info, debug, trace, or a filter by module [env: LOG_LEVEL] [default: info]
    log_level: "LOG_LEVEL",
    /// text or json [env: LOG_FORMAT] [default: text]
    log_format: "LOG_FORMAT",
}

impl Config {
    /// The configuration by these flags and the environment of the process.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_from(flags, |name| std::env::var(name))
    }

    /// The configuration by these flags and what `variable` says of the environment.
    fn load_from(
        flags: &Flags,
        variable: impl Fn(&str) -> Result<String, VarError>,
    ) -> Result<Self, ConfigError> {
        let is_no_text = |name: &&&str| matches!(variable(name), Err(VarError::NotUnicode(_)));
        if let Some(name) = Flags::NAMES.iter().filter(|name| flags.get(name).is_none()).find(is_no_text) {
            return Err(ConfigError::NotText { name });
        }
        // An empty variable, as compose files like to pass it, is no value.
        Self::read(|name| flags.get(name).or_else(|| variable(name).ok().filter(|value| !value.is_empty())))
    }

    /// The configuration by what `value` says of each environment variable.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let read = Reader { value: &value };
        let interval_accepted = "a duration from 5m to 15m is accepted, such as 5m, 450s or 15m";
        let level_accepted =
            "error, warn, info, debug, trace, or a filter such as info,mongodb=warn is accepted";
        Ok(Self {
            mongodb_uri: read.mongodb_uri()?,
            mongodb_db_name: read.parsed(
                "MONGODB_DB_NAME",
                "playarr",
                "a database name is accepted",
                |name| {
                    // The server's own rules, so that the mistake shows here and not at every query.
                    let forbidden = |c: char| "/\\. \"$*<>:|?\0".contains(c);
                    (!name.is_empty() && name.len() < 64 && !name.contains(forbidden))
                        .then(|| name.to_owned())
                },
            )?,
            listen_address: read.listen_address()?,
            refresh_interval: read.parsed("REFRESH_INTERVAL", "5m", interval_accepted, |text| {
                duration(text, MIN_INTERVAL, MAX_INTERVAL)
            })?,
            refresh_concurrency: read.number(
                "REFRESH_CONCURRENCY",
                "4",
                64,
                "a number from 1 to 64 is accepted",
            )?,
            collector_timeout: read.parsed(
                "COLLECTOR_TIMEOUT",
                "60s",
                "a duration from 1s to 10m is accepted, such as 30s",
                |text| duration(text, Duration::from_secs(1), Duration::from_secs(600)),
            )?,
            series_budget: read.number(
                "SERIES_BUDGET",
                "10000",
                1_000_000,
                "a number from 1 to 1000000 is accepted",
            )?,
            episodes_detail: read.parsed(
                "EPISODES_DETAIL",
                "title",
                "title, season or source is accepted",
                |text| text.parse().ok(),
            )?,
            max_concurrent_scrapes: read.number(
                "MAX_CONCURRENT_SCRAPES",
                "40",
                10_000,
                "a number from 1 to 10000 is accepted",
            )?,
            checkpoint_interval: read.parsed(
                "CHECKPOINT_INTERVAL",
                "10s",
                "a duration from 1s to 5m is accepted, such as 10s",
                |text| duration(text, Duration::from_secs(1), Duration::from_secs(300)),
            )?,
            jwt_secret_key: read.secret("JWT_SECRET_KEY")?,
            access_token_expire_days: read.number(
                "ACCESS_TOKEN_EXPIRE_DAYS",
                "7",
                365,
                "a number of days from 1 to 365 is accepted",
            )?,
            default_admin_username: read.parsed(
                "DEFAULT_ADMIN_USERNAME",
                "admin",
                "a name that is not empty is accepted",
                |name| (!name.is_empty()).then(|| name.to_owned()),
            )?,
            default_admin_password: read.secret("DEFAULT_ADMIN_PASSWORD")?,
            log_level: read.parsed("LOG_LEVEL", "info", level_accepted, |text| {
                tracing_subscriber::EnvFilter::try_new(text).ok().map(|_| text.to_owned())
            })?,
            log_format: read.parsed("LOG_FORMAT", "text", "text or json is accepted", |text| match text {
                "text" => Some(LogFormat::Text),
                "json" => Some(LogFormat::Json),
                _ => None,
            })?,
        })
    }
}

struct Reader<'a> {
    value: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    fn parsed<T>(
        &self,
        name: &'static str,
        default: &str,
        accepted: &'static str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<T, ConfigError> {
        let value = (self.value)(name).unwrap_or_else(|| default.to_owned());
        parse(value.trim()).ok_or(ConfigError::Invalid { name, value, accepted })
    }

    fn number(
        &self,
        name: &'static str,
        default: &str,
        most: usize,
        accepted: &'static str,
    ) -> Result<usize, ConfigError> {
        self.parsed(name, default, accepted, |text| {
            text.parse().ok().filter(|number| (1..=most).contains(number))
        })
    }

    fn listen_address(&self) -> Result<SocketAddr, ConfigError> {
        if (self.value)("LISTEN_ADDRESS").is_some() {
            let accepted =
                "an address with a port is accepted, such as 0.0.0.0:3000, [::]:3000 or localhost:3000";
            return self.parsed("LISTEN_ADDRESS", "", accepted, |text| text.to_socket_addrs().ok()?.next());
        }
        self.parsed("PORT", "3000", "a port from 0 to 65535 is accepted (0 takes any free one)", |text| {
            Some((Ipv4Addr::UNSPECIFIED, text.parse::<u16>().ok()?).into())
        })
    }

    fn mongodb_uri(&self) -> Result<Secret, ConfigError> {
        let uri =
            self.secret("MONGODB_URI")?.unwrap_or_else(|| "mongodb://localhost:27017".to_owned().into());
        let scheme = ["mongodb://", "mongodb+srv://"].iter().any(|scheme| uri.reveal().starts_with(scheme));
        if scheme { Ok(uri) } else { Err(ConfigError::Uri { redacted: redacted_uri(uri.reveal()) }) }
    }

    /// A secret from its variable or from the file that `<name>_FILE` names.
    fn secret(&self, name: &'static str) -> Result<Option<Secret>, ConfigError> {
        // An empty key or password would let anybody in: it is none, wherever it comes from.
        let inline = (self.value)(name).filter(|secret| !secret.is_empty());
        let Some(path) = (self.value)(&format!("{name}_FILE")).map(PathBuf::from) else {
            return Ok(inline.map(Secret));
        };
        if inline.is_some() {
            return Err(ConfigError::Twice { name });
        }
        match std::fs::read_to_string(&path) {
            // Editors and `echo` leave a newline at the end that belongs to no secret.
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => Err(ConfigError::EmptyFile { name, path }),
                secret => Ok(Some(Secret(secret.to_owned()))),
            },
            Err(error) => Err(ConfigError::File { name, path, error }),
        }
    }
}

fn duration(text: &str, least: Duration, most: Duration) -> Option<Duration> {
    humantime::parse_duration(text).ok().filter(|duration| (least..=most).contains(duration))
}

/// A connection string without credentials and options: what stands between the last `@` and the first `?`.
///
/// A malformed one is not worth parsing; rather too little is shown than a part of a password.
#[must_use]
pub fn redacted_uri(uri: &str) -> String {
    let scheme = ["mongodb+srv://", "mongodb://"].into_iter().find(|scheme| uri.starts_with(scheme));
    let rest = &uri[scheme.map_or(0, str::len)..];
    let shown = |host: &str| host.split(['?', '#']).next().unwrap_or_default().to_owned();
    let host = match rest.rsplit_once('@') {
        Some((_, host)) => format!("***@{}", shown(host)),
        // Without a scheme there is no telling a host from a password.
        None if scheme.is_none() => "***".to_owned(),
        None => shown(rest),
    };
    format!("{}{host}", scheme.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn without_any_setting_the_defaults_of_the_specification_hold() {
        let config = config(&[]).unwrap();
        assert_eq!(config.mongodb_uri.reveal(), "mongodb://localhost:27017");
        assert_eq!(config.mongodb_db_name, "playarr");
        assert_eq!(config.listen_address.to_string(), "0.0.0.0:3000");
        assert_eq!(config.refresh_interval, Duration::from_secs(300));
        assert_eq!((config.series_budget, config.max_concurrent_scrapes), (10_000, 40));
    }

    #[test]
    fn an_interval_outside_5_to_15_minutes_is_refused_with_what_is_accepted() {
        for value in ["4m59s", "15m1s", "0", "soon", "-5m", ""] {
            let error = config(&[("REFRESH_INTERVAL", value)]).unwrap_err().to_string();
            assert_eq!(
                error,
                format!(
                    "REFRESH_INTERVAL={value}: a duration from 5m to 15m is accepted, such as 5m, 450s or 15m"
                )
            );
        }
        for value in ["5m", "300s", "15m", "7m 30s"] {
            config(&[("REFRESH_INTERVAL", value)]).unwrap();
        }
    }

    #[test]
    fn each_bad_value_names_its_variable() {
        for (name, value) in [
            ("PORT", "65536"),
            ("LISTEN_ADDRESS", "nowhere"),
            ("REFRESH_CONCURRENCY", "0"),
            ("COLLECTOR_TIMEOUT", "11m"),
            ("SERIES_BUDGET", "many"),
            ("EPISODES_DETAIL", "episode"),
            ("MAX_CONCURRENT_SCRAPES", "0"),
            ("ACCESS_TOKEN_EXPIRE_DAYS", "a week"),
            ("LOG_LEVEL", "lo=ud=er"),
            ("LOG_FORMAT", "xml"),
            ("MONGODB_DB_NAME", "a.b"),
        ] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{name}={value}: ")), "{error}");
            assert!(error.ends_with("accepted") || error.contains("accepted"), "{error}");
            assert_eq!(error.lines().count(), 1);
        }
    }

    #[test]
    fn no_part_of_a_password_is_ever_shown() {
        for uri in [
            "mongodb://user:hunter2@host/db",
            "mongodb://user:hunter2@x@host:1/?authMechanismProperties=TOKEN:hunter2",
            "mongo://user:hunter2@host",
            "hunter2",
            "mongodb+srv://user:hunter2/@host",
            "user:hunter2",
        ] {
            assert!(!redacted_uri(uri).contains("hunter2"), "{}", redacted_uri(uri));
        }
        assert_eq!(redacted_uri("mongodb://host:27017/db?x=y"), "mongodb://host:27017/db");
        let error = config(&[("MONGODB_URI", "http://user:hunter2@host")]).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("MONGODB_URI"), "{error}");
        assert!(!format!("{:?}", config(&[("MONGODB_URI", "mongodb://u:hunter2@h")])).contains("hunter2"));
    }

    #[test]
    fn an_empty_secret_is_none_even_as_a_flag() {
        let empty = Some(String::new());
        let flags = Flags {
            jwt_secret_key: empty.clone(),
            default_admin_password: empty.clone(),
            mongodb_uri: empty,
            ..Flags::default()
        };
        let config = Config::load_from(&flags, |_| Err(VarError::NotPresent)).unwrap();
        assert_eq!((config.jwt_secret_key, config.default_admin_password), (None, None));
        assert_eq!(config.mongodb_uri.reveal(), "mongodb://localhost:27017");
    }

    #[test]
    fn a_variable_that_is_no_text_is_refused_and_not_passed_over() {
        let variable = |name: &str| match name {
            "JWT_SECRET_KEY" => Err(VarError::NotUnicode("hunter2".into())),
            _ => Err(VarError::NotPresent),
        };
        let error = Config::load_from(&Flags::default(), variable).unwrap_err().to_string();
        assert_eq!(error, "JWT_SECRET_KEY is not valid UTF-8; write its value in UTF-8");
        let flags = Flags { jwt_secret_key: Some("key".to_owned()), ..Flags::default() };
        assert!(Config::load_from(&flags, variable).is_ok(), "the flag wins");
    }

    #[test]
    fn a_secret_may_stand_in_a_file_but_not_in_both_places() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "mongodb://u:p@host\n").unwrap();
        let path = file.path().to_str().unwrap();
        let from_file = config(&[("MONGODB_URI_FILE", path)]).unwrap();
        assert_eq!(from_file.mongodb_uri.reveal(), "mongodb://u:p@host");
        let twice = config(&[("MONGODB_URI_FILE", path), ("MONGODB_URI", "mongodb://host")]);
        assert!(twice.unwrap_err().to_string().contains("leave one away"));
        let absent = config(&[("MONGODB_URI_FILE", "/nowhere/uri")]).unwrap_err().to_string();
        assert!(absent.starts_with("MONGODB_URI_FILE=/nowhere/uri: the file cannot be read"), "{absent}");
        std::fs::write(file.path(), "\n").unwrap();
        let empty = config(&[("JWT_SECRET_KEY_FILE", path)]).unwrap_err().to_string();
        assert!(empty.ends_with("the file is empty; write the secret into it"), "{empty}");
    }
}
