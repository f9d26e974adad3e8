//! Every setting, a row each. Flags, `--help`, the documentation and the error messages follow from the rows.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use playarr_jobs::gauges::EpisodesDetail;
use playarr_jobs::refresh::{MAX_INTERVAL, MIN_INTERVAL};

use super::base_path::{BasePath, base_path};
use super::error::ConfigError;
use super::log_filter::{LogFilter, log_filter};
use super::parser::{
    bytes_or_none, database_name, duration, duration_or_never, number, one_of, optional, path, port, secret,
    socket_address, text, web_address,
};
use super::reader::{Reader, SettingKind};
use super::secret::Secret;
use super::uri::{MongoUri, mongodb_uri};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For log collectors: an object a line.
    Json,
}

/// What is to be said of a setting.
pub(super) struct Setting {
    /// The environment variable.
    pub(super) name: &'static str,
    pub(super) kind: SettingKind,
    /// Empty for none.
    pub(super) default: &'static str,
    pub(super) accepts: String,
    pub(super) help: &'static str,
}

macro_rules! settings {
    ($(
        $(#[doc = $help:literal])+
        $field:ident: $type:ty = $kind:ident $name:literal, default $default:literal, $parser:expr;
    )+) => {
        /// Everything that can be set.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[doc = $help])+ pub $field: $type,)+
        }

        /// Every row.
        pub(super) fn settings() -> Vec<Setting> {
            vec![$(Setting {
                name: $name,
                kind: SettingKind::$kind,
                default: $default,
                accepts: $parser.accepts,
                help: concat!($($help),+).trim_ascii(),
            }),+]
        }

        pub(super) fn read(reader: &Reader<'_>) -> Result<Config, ConfigError> {
            Ok(Config { $($field: reader.read($name, SettingKind::$kind, $default, &$parser)?,)+ })
        }
    };
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

const EPISODES_DETAILS: [(&str, EpisodesDetail); 3] =
    [("title", EpisodesDetail::Title), ("season", EpisodesDetail::Season), ("source", EpisodesDetail::Source)];
const ON_OFF: [(&str, bool); 2] = [("on", true), ("off", false)];
const LOG_FORMATS: [(&str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];

settings! {
    /// Connection string of MongoDB. Its credentials are never logged.
    mongodb_uri: MongoUri = Secret "MONGODB_URI", default "mongodb://localhost:27017", mongodb_uri();

    /// Name of Playarr's database.
    mongodb_db_name: String = Plain "MONGODB_DB_NAME", default "playarr", database_name();

    /// Port to listen on, on all addresses.
    port: u16 = Plain "PORT", default "3000", port();

    /// Address and port to listen on. Wins over `PORT`.
    listen_address: Option<SocketAddr> = Plain "LISTEN_ADDRESS", default "", optional(socket_address());

    /// Path below which everything is served, for a host name that is shared with others: pages, API and `/metrics`.
    base_path: BasePath = Plain "BASE_PATH", default "/", base_path();

    /// File of the certificate that the service shows, in PEM, followed by those that vouch for it. With it, everything
    /// is served over TLS (https). Read again when it changes.
    tls_cert_file: Option<PathBuf> = Plain "TLS_CERT_FILE", default "", optional(path());

    /// File of the private key of that certificate, in PEM, without a passphrase. Read again when it changes.
    tls_key_file: Option<PathBuf> = Plain "TLS_KEY_FILE", default "", optional(path());

    /// File of the certificates, in PEM, of those who vouch for clients. With it, whoever connects needs a certificate
    /// from one of them, for everything but `/-/healthy` and `/-/ready`. Read again when it changes.
    tls_client_ca_file: Option<PathBuf> = Plain "TLS_CLIENT_CA_FILE", default "", optional(path());

    /// Interval between scheduled refreshes, without jitter (up to a tenth is added, so that instances stay apart).
    refresh_interval: Duration = Plain "REFRESH_INTERVAL", default "5m", duration(MIN_INTERVAL..=MAX_INTERVAL);

    /// Whether changes in the database show within seconds, before the next scheduled refresh. Needs the right to
    /// `collStats`.
    change_detection: bool = Plain "CHANGE_DETECTION", default "on", one_of(&ON_OFF);

    /// How far a secondary of a replica set may be behind the primary to be read.
    max_staleness: Duration = Plain "MAX_STALENESS", default "10s", duration(SECOND..=10 * MINUTE);

    /// Collectors that run side by side.
    refresh_concurrency: usize = Plain "REFRESH_CONCURRENCY", default "4", number(1..=64);

    /// Time that each collector has. MongoDB is told (`maxTimeMS`).
    collector_timeout: Duration = Plain "COLLECTOR_TIMEOUT", default "60s", duration(SECOND..=10 * MINUTE);

    /// Series that each gauge may have, the folded ones included.
    series_budget: usize = Plain "SERIES_BUDGET", default "10000", number(1..=1_000_000);

    /// Labels of the episodes gauge: `season` drops the title name, `source` the season as well.
    episodes_detail: EpisodesDetail = Plain "EPISODES_DETAIL", default "title", one_of(&EPISODES_DETAILS);

    /// File of custom metrics in YAML. Read at start, on SIGHUP and when it changes.
    custom_metrics_file: Option<PathBuf> = Plain "CUSTOM_METRICS_FILE", default "", optional(path());

    /// Scrapes that are answered at once. More get 503.
    max_concurrent_scrapes: usize = Plain "MAX_CONCURRENT_SCRAPES", default "40", number(1..=10_000);

    /// Connections that may be open at once; fewer where the process may open fewer files. At the limit, idle ones end
    /// for new ones.
    max_connections: usize = Plain "MAX_CONNECTIONS", default "1024", number(8..=100_000);

    /// Connections that one address, or one IPv6 network of 64 bits, may have open at once; those at work do not count.
    /// A reverse proxy is one address.
    max_connections_per_address: usize = Plain "MAX_CONNECTIONS_PER_ADDRESS", default "64", number(4..=100_000);

    /// Longest time that live metrics wait before they are committed and show. Batches of events are committed at once.
    commit_interval: Duration = Plain "COMMIT_INTERVAL", default "1s", duration(SECOND..=MINUTE);

    /// Time after which live series with open labels (user, provider and the like) leave when nothing moved them. `0`
    /// for never.
    live_series_expiry: Duration = Plain "LIVE_SERIES_EXPIRY", default "30d", duration_or_never(60 * MINUTE);

    /// Bytes that remembered snapshots may take in MongoDB: one an hour for two days, one a day for a year, the oldest
    /// go first. `0` remembers only the last one, from which a new process starts.
    history_max_bytes: u64 = Plain "HISTORY_MAX_BYTES", default "64MiB", bytes_or_none(1 << 20);

    /// Key that Playarr signs sessions with. With the same key, sessions of Playarr and of this service count in both.
    /// Without one, a random key at each start.
    jwt_secret_key: Option<Secret> = Secret "JWT_SECRET_KEY", default "", optional(secret());

    /// Days that a session lasts.
    access_token_expire_days: usize = Plain "ACCESS_TOKEN_EXPIRE_DAYS", default "7", number(1..=365);

    /// Name of the first admin.
    default_admin_username: String = Plain "DEFAULT_ADMIN_USERNAME", default "admin", text();

    /// Password of the first admin, who is created if this is set and the database has no users.
    default_admin_password: Option<Secret> = Secret "DEFAULT_ADMIN_PASSWORD", default "", optional(secret());

    /// Address of Prometheus, as people reach it: the explorer links its queries there.
    prometheus_url: Option<String> = Plain "PROMETHEUS_URL", default "", optional(web_address());

    /// Address of Grafana, as people reach it: the explorer links its queries there.
    grafana_url: Option<String> = Plain "GRAFANA_URL", default "", optional(web_address());

    /// Level of the log, or a filter by module.
    log_level: LogFilter = InFile "LOG_LEVEL", default "info", log_filter();

    /// Form of the log lines.
    log_format: LogFormat = Plain "LOG_FORMAT", default "text", one_of(&LOG_FORMATS);
}
