//! The settings as a whole: defaults, precedence, error messages, and the table in the documentation.

use std::env::VarError;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::reader::SettingKind;
use super::settings::settings;
use super::*;

fn config(values: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::read(|name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn complaint(values: &[(&str, &str)]) -> String {
    config(values).unwrap_err().to_string()
}

#[test]
fn without_any_setting_the_defaults_of_the_specification_hold() {
    let config = config(&[]).unwrap();
    assert_eq!(config.mongodb_uri.to_string(), "mongodb://localhost:27017");
    assert_eq!(config.mongodb_db_name, "playarr");
    assert_eq!(config.address().to_string(), "0.0.0.0:3000");
    assert_eq!(config.refresh_interval, Duration::from_secs(300));
    assert_eq!((config.series_budget, config.max_concurrent_scrapes), (10_000, 40));
}

#[test]
fn the_listen_address_wins_over_the_port() {
    let given = [("PORT", "8080"), ("LISTEN_ADDRESS", "127.0.0.1:9090")];
    assert_eq!(config(&given[..1]).unwrap().address().to_string(), "0.0.0.0:8080");
    assert_eq!(config(&given).unwrap().address().to_string(), "127.0.0.1:9090");
}

#[test]
fn each_bad_value_names_its_variable_and_what_is_accepted() {
    for (name, value) in [
        ("PORT", "65536"),
        ("LISTEN_ADDRESS", "nowhere"),
        ("REFRESH_INTERVAL", "20m"),
        ("REFRESH_CONCURRENCY", "0"),
        ("COLLECTOR_TIMEOUT", "11m"),
        ("SERIES_BUDGET", "many"),
        ("EPISODES_DETAIL", "episode"),
        ("MAX_CONCURRENT_SCRAPES", "0"),
        ("ACCESS_TOKEN_EXPIRE_DAYS", "a week"),
        ("LOG_LEVEL", "loud"),
        ("LOG_FORMAT", "xml"),
        ("MONGODB_DB_NAME", "a.b"),
    ] {
        let error = complaint(&[(name, value)]);
        assert!(error.starts_with(&format!("{name}={value}: ")), "{error}");
        assert!(error.ends_with("accepted"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
    let interval = complaint(&[("REFRESH_INTERVAL", "1m")]);
    assert_eq!(interval, "REFRESH_INTERVAL=1m: a duration from 5m to 15m, such as 5m or 900, is accepted");
    assert_eq!(complaint(&[("LOG_FORMAT", "xml")]), "LOG_FORMAT=xml: text or json is accepted");
}

#[test]
fn an_empty_secret_counts_as_unset_even_as_a_flag() {
    let flags = ["JWT_SECRET_KEY", "DEFAULT_ADMIN_PASSWORD", "MONGODB_URI"];
    let flags = flags.iter().fold(Flags::default(), |flags, name| flags.with(name, ""));
    let config = Config::load_from(&flags, |_| Err(VarError::NotPresent)).unwrap();
    assert_eq!((config.jwt_secret_key, config.default_admin_password), (None, None));
    assert_eq!(config.mongodb_uri.to_string(), "mongodb://localhost:27017");
}

#[test]
fn a_variable_that_is_no_text_is_refused_and_not_passed_over() {
    let variable = |name: &str| match name {
        "JWT_SECRET_KEY" => Err(VarError::NotUnicode("hunter2".into())),
        _ => Err(VarError::NotPresent),
    };
    let error = Config::load_from(&Flags::default(), variable).unwrap_err().to_string();
    assert_eq!(error, "JWT_SECRET_KEY is not valid UTF-8; write its value in UTF-8");
    let flags = Flags::default().with("JWT_SECRET_KEY", "key");
    assert!(Config::load_from(&flags, variable).is_ok(), "the flag wins");
}

#[test]
fn a_secret_and_the_log_level_may_stand_in_a_file_but_not_in_both_places() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "key\n").unwrap();
    let path = file.path().to_str().unwrap();
    let from_file = config(&[("JWT_SECRET_KEY_FILE", path)]).unwrap();
    assert_eq!(from_file.jwt_secret_key.unwrap().reveal(), "key");
    let twice = complaint(&[("JWT_SECRET_KEY_FILE", path), ("JWT_SECRET_KEY", "key")]);
    assert_eq!(twice, "JWT_SECRET_KEY and JWT_SECRET_KEY_FILE are both set: unset one");
    let absent = complaint(&[("MONGODB_URI_FILE", "/nowhere/uri")]);
    assert!(absent.starts_with("MONGODB_URI_FILE=/nowhere/uri: the file cannot be read"), "{absent}");
    std::fs::write(file.path(), "\n").unwrap();
    let empty = complaint(&[("JWT_SECRET_KEY_FILE", path)]);
    assert!(empty.ends_with("the file is empty; write the value into it"), "{empty}");
    std::fs::write(file.path(), "warning\n").unwrap();
    assert_eq!(config(&[("LOG_LEVEL_FILE", path)]).unwrap().log_level.to_string(), "warn");
    std::fs::write(file.path(), "loud\n").unwrap();
    let loud = complaint(&[("LOG_LEVEL_FILE", path)]);
    assert!(loud.starts_with("LOG_LEVEL=loud: "), "{loud}");
}

#[test]
fn white_space_around_a_value_is_ignored_except_in_a_password() {
    let given = [("PORT", " 80 "), ("MONGODB_URI", "mongodb://host \n"), ("DEFAULT_ADMIN_PASSWORD", " pass word ")];
    let config = config(&given).unwrap();
    assert_eq!((config.port, config.mongodb_uri.reveal()), (80, "mongodb://host/"));
    assert_eq!(config.default_admin_password.unwrap().reveal(), " pass word ");
}

#[test]
fn no_secret_is_in_an_error_or_a_debug_output() {
    let given = [
        ("MONGODB_URI", "mongodb://u:hunter2@h/?tlsCertificateKeyFilePassword=hunter2"),
        ("JWT_SECRET_KEY", "hunter2"),
        ("DEFAULT_ADMIN_PASSWORD", "hunter2"),
    ];
    assert!(!format!("{:?}", config(&given)).contains("hunter2"));
    for uri in ["http://user:hunter2@host", "mongodb://user:hunter2@host:port", "hunter2", "mongodb://u:hunter2?@h"] {
        let error = complaint(&[("MONGODB_URI", uri)]);
        assert!(!error.contains("hunter2") && error.starts_with("MONGODB_URI="), "{error}");
    }
}

/// Refresh it with `UPDATE_GOLDEN=1 cargo test --lib config`.
#[test]
fn the_documentation_lists_every_setting() {
    const TABLE: &str = "| variable | default | accepted | |\n|---|---|---|---|\n";
    let mut table = TABLE.to_owned();
    for setting in settings() {
        let name = match setting.kind {
            SettingKind::Plain => format!("`{}`", setting.name),
            SettingKind::InFile | SettingKind::Secret => format!("`{0}` or `{0}_FILE`", setting.name),
        };
        let default = if setting.default.is_empty() { "none".to_owned() } else { format!("`{}`", setting.default) };
        let accepts = setting.accepts.trim_end_matches(',').replace('|', "\\|");
        writeln!(table, "| {name} | {default} | {accepts} | {} |", setting.help).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let start = page.find("| variable |").expect("the table");
    let end = page[start..].find("\n\n").map_or(page.len(), |end| start + end + 1);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{}{table}{}", &page[..start], &page[end..])).unwrap();
        return;
    }
    assert_eq!(&page[start..end], table);
}
