//! The configuration: flags before environment variables before defaults. The only room that reads the environment.

mod base_path;
mod error;
mod flags;
mod log_filter;
mod mistyped;
mod parser;
mod reader;
mod secret;
mod settings;
mod uri;
mod uri_options;

use std::env::VarError;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use base_path::BasePath;
pub use error::ConfigError;
pub use flags::Flags;
pub use log_filter::LogFilter;
pub(crate) use reader::read_web_address;
pub use secret::Secret;
pub use settings::{Config, LogFormat};
pub use uri::MongoUri;

use reader::Reader;

impl Config {
    /// The configuration by these flags and the environment of the process.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::load_from(flags, |name| std::env::var(name))
    }

    /// The configuration by these flags and what `variable` says of the environment.
    fn load_from(flags: &Flags, variable: impl Fn(&str) -> Result<String, VarError>) -> Result<Self, ConfigError> {
        let is_not_text = |name: &str| matches!(variable(name), Err(VarError::NotUnicode(_)));
        let names = flags::variables().into_iter().map(|(name, _)| name);
        if let Some(name) = names.into_iter().find(|name| flags.get(name).is_none() && is_not_text(name)) {
            return Err(ConfigError::NotText { name });
        }
        // Compose files pass unset variables as empty ones.
        Self::read(|name| flags.get(name).or_else(|| variable(name).ok().filter(|value| !value.is_empty())))
    }

    /// Everything that is wrong with single settings, where [`Config::load`] ends with the first.
    #[must_use]
    pub fn problems(flags: &Flags) -> Vec<ConfigError> {
        Self::problems_in(flags, |name| std::env::var(name))
    }

    fn problems_in(flags: &Flags, variable: impl Fn(&str) -> Result<String, VarError>) -> Vec<ConfigError> {
        let names = settings::settings().into_iter().map(|setting| setting.name);
        let alone = |name: &'static str| {
            let file = format!("{name}_FILE");
            let absent = Err(VarError::NotPresent);
            let flags = flags.only(&[name, &file]);
            Self::load_from(
                &flags,
                |asked| if asked == name || asked == file { variable(asked) } else { absent.clone() },
            )
        };
        names.filter_map(|name| alone(name).err()).collect()
    }

    /// A message for each environment variable that is not a setting but resembles one. It does not show the value.
    #[must_use]
    pub fn mistyped_variables() -> Vec<String> {
        let present = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        mistyped::mistyped(present.collect())
    }

    /// Whether `NO_COLOR` asks every program for output without colors (<https://no-color.org>).
    #[must_use]
    pub fn wants_no_color() -> bool {
        std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
    }

    /// `CUSTOM_METRICS_FILE` alone, whatever is wrong with other settings.
    ///
    /// # Errors
    /// When its value is not accepted.
    pub fn custom_metrics_file(flags: &Flags) -> Result<Option<PathBuf>, ConfigError> {
        const NAME: &str = "CUSTOM_METRICS_FILE";
        let value = match (flags.get(NAME), std::env::var(NAME)) {
            (Some(value), _) | (None, Ok(value)) => Some(value).filter(|value| !value.is_empty()),
            (None, Err(VarError::NotPresent)) => None,
            (None, Err(VarError::NotUnicode(_))) => return Err(ConfigError::NotText { name: NAME.to_owned() }),
        };
        Self::read(|name| value.clone().filter(|_| name == NAME)).map(|config| config.custom_metrics_file)
    }

    /// The configuration by what `value` says of each environment variable.
    ///
    /// # Errors
    /// When a value is not accepted.
    pub fn read(value: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        settings::read(&Reader { value: &value })
    }

    /// Where to listen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.listen_address.unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, self.port).into())
    }
}

#[cfg(test)]
mod tests;
