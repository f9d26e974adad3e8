//! TLS that cannot be set up.

use std::io;
use std::path::PathBuf;

/// TLS that cannot be set up. One line, which names the setting and the file, and nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One setting needs another.
    #[error("{set} is set and {unset} is not: set both")]
    Incomplete {
        /// The setting that is there.
        set: &'static str,
        /// The setting that is missing.
        unset: &'static str,
    },
    /// A file cannot be read.
    #[error("{name}={}: the file cannot be read: {error}; it must be readable for this user", path.display())]
    Unreadable {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A file has something else than it should.
    #[error("{name}={}: {reason}", path.display())]
    Unusable {
        /// The setting.
        name: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what is accepted.
        reason: String,
    },
    /// The key is not the one of the certificate.
    #[error(
        "TLS_KEY_FILE={}: the key does not belong to the first certificate of TLS_CERT_FILE={}; the certificate of \
         the service itself comes first, those that vouch for it behind it",
        key.display(), certificate.display()
    )]
    OtherKey {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}
