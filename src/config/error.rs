//! Settings that cannot be used.

use std::path::PathBuf;

/// A setting that cannot be used. One line: the variable, the value (never a secret) and what is accepted.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not accepted.
    #[error("{name}={value}: {complaint}")]
    Invalid {
        /// The environment variable.
        name: &'static str,
        /// The value found, without secrets.
        value: String,
        /// What is wrong with it, or what is accepted.
        complaint: String,
    },
    /// The file of a secret or of the log level cannot be read.
    #[error("{name}_FILE={}: the file cannot be read: {error}", path.display())]
    File {
        /// The environment variable without `_FILE`.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file with nothing in it. An empty key or password would let anybody in.
    #[error("{name}_FILE={}: the file is empty; write the value into it", path.display())]
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
        name: String,
    },
    /// The value and its file are both set.
    #[error("{name} and {name}_FILE are both set: unset one")]
    Twice {
        /// The environment variable without `_FILE`.
        name: &'static str,
    },
}
