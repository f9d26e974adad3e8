//! Finds the text of a setting: in its variable, in the file that `<name>_FILE` names, or in its default.

use std::path::PathBuf;

use super::error::ConfigError;
use super::parser::{Parser, web_address};
use super::secret::Secret;
use super::uri::redacted_uri;

/// Who may see the value of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SettingKind {
    /// Anybody.
    Plain,
    /// Anybody. It can also be read from a file, as a secret, so that it can change while the service runs.
    InFile,
    /// Nobody. It can also be read from a file, which the variable with the suffix `_FILE` names.
    Secret,
}

impl SettingKind {
    /// Whether it can also be read from a file.
    pub(super) fn may_be_in_file(self) -> bool {
        matches!(self, Self::InFile | Self::Secret)
    }
}

pub(super) struct Reader<'a> {
    /// The value of an environment variable, or of its flag.
    pub(super) value: &'a dyn Fn(&str) -> Option<String>,
}

impl Reader<'_> {
    pub(super) fn read<T>(
        &self,
        name: &'static str,
        kind: SettingKind,
        default: &str,
        parser: &Parser<T>,
    ) -> Result<T, ConfigError> {
        let (text, shown) = match kind {
            SettingKind::Plain => {
                let text = (self.value)(name).unwrap_or_else(|| default.to_owned());
                (text.trim().to_owned(), without_credentials(&text))
            }
            SettingKind::InFile => {
                let text =
                    self.inline_or_file(name)?.map_or_else(|| default.to_owned(), |text| text.reveal().to_owned());
                (text.trim().to_owned(), text)
            }
            SettingKind::Secret => {
                let secret = self.inline_or_file(name)?.unwrap_or_else(|| default.to_owned().into());
                // Of the secrets, only the connection string has a part that may be shown, and can be wrong.
                (secret.reveal().to_owned(), redacted_uri(secret.reveal()))
            }
        };
        parser.parse(&text).map_err(|complaint| ConfigError::Invalid { name, value: shown, complaint })
    }

    fn inline_or_file(&self, name: &'static str) -> Result<Option<Secret>, ConfigError> {
        // An empty key or password would let anybody in, so it counts as unset wherever it comes from.
        let inline = (self.value)(name).filter(|secret| !secret.is_empty());
        let Some(path) = (self.value)(&format!("{name}_FILE")).map(PathBuf::from) else {
            return Ok(inline.map(Secret::from));
        };
        if inline.is_some() {
            return Err(ConfigError::Twice { name });
        }
        match std::fs::read_to_string(&path) {
            // Editors and `echo` leave a newline at the end that belongs to no secret.
            Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                "" => Err(ConfigError::EmptyFile { name, path }),
                secret => Ok(Some(secret.to_owned().into())),
            },
            Err(error) => Err(ConfigError::File { name, path, error }),
        }
    }
}

/// A text to show, with `***` for what may be the credentials of an address in it.
fn without_credentials(text: &str) -> String {
    let Some((before, host)) = text.rsplit_once('@') else { return text.to_owned() };
    let scheme = before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}***@{host}")
}

/// Reads the address of a web page or service that a setting or a flag of this name has.
///
/// # Errors
/// When it is none, or has a user and a password.
pub(crate) fn read_web_address(name: &'static str, text: &str) -> Result<String, ConfigError> {
    let invalid = |complaint| ConfigError::Invalid { name, value: without_credentials(text), complaint };
    web_address().parse(text).map_err(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_of_an_address_are_never_shown() {
        for text in ["https://user:hunter2@host/x", "user:hunter2@host", "http://a@hunter2@b"] {
            let error = read_web_address("PROMETHEUS_URL", text).unwrap_err().to_string();
            assert!(error.starts_with("PROMETHEUS_URL=") && !error.contains("hunter2"), "{error}");
        }
        let reader = Reader { value: &|_| Some("mongodb://user:hunter2@host".to_owned()) };
        let name = reader.read("MONGODB_DB_NAME", SettingKind::Plain, "", &crate::config::parser::database_name());
        assert!(!name.unwrap_err().to_string().contains("hunter2"));
    }
}
