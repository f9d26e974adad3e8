//! A token in a file, for a Prometheus that reads it from there with each scrape (`credentials_file`).

use std::fs::{self, Permissions};
use std::future::Future;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::accounts::{TOKEN_CHECK_INTERVAL, TokenError, TokenKind, Tokens};
use crate::config::Secret;

/// The owner writes, the group reads: put Prometheus into the group of the directory.
const MODE: u32 = 0o640;

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the token cannot be written to {}: {error}; its directory must exist and be writable for this user",
    path.display()
)]
pub struct TokenFileError {
    path: PathBuf,
    error: io::Error,
}

/// Writes the token if the file does not hold it yet, and returns whether it did. A reader gets the old token or the
/// new one, whole.
///
/// # Errors
/// When the file or its directory does not let us.
pub(super) fn write(path: &Path, token: &Secret) -> Result<bool, TokenFileError> {
    let content = format!("{}\n", token.reveal());
    if fs::read(path).is_ok_and(|held| held == content.as_bytes()) {
        return Ok(false);
    }
    replace(path, content.as_bytes()).map(|()| true).map_err(|error| TokenFileError { path: path.to_owned(), error })
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let mut file = Builder::new().prefix(".token-").tempfile_in(directory.unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    // Whatever the umask says.
    file.as_file().set_permissions(Permissions::from_mode(MODE))?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Keeps the file as the settings have the token, until `stopped`. While the database is away the file stays as it is.
///
/// # Errors
/// When the file cannot be written.
pub(super) async fn follow(
    tokens: &Tokens,
    kind: TokenKind,
    path: &Path,
    stopped: impl Future<Output = ()>,
) -> Result<(), TokenFileError> {
    let mut stopped = std::pin::pin!(stopped);
    let mut failing = false;
    loop {
        let read = tokio::select! {
            read = tokens.show(kind) => read,
            () = &mut stopped => return Ok(()),
        };
        failing = update(kind, path, read.map(|setting| setting.value), failing)?;
        tokio::select! {
            () = tokio::time::sleep(TOKEN_CHECK_INTERVAL) => {}
            () = &mut stopped => return Ok(()),
        }
    }
}

/// Writes the token that was read. Returns whether it could not be read, which is logged once.
fn update(
    kind: TokenKind,
    path: &Path,
    token: Result<Secret, TokenError>,
    failing: bool,
) -> Result<bool, TokenFileError> {
    match token {
        Ok(token) => {
            if write(path, &token)? {
                tracing::info!(token = %kind, path = %path.display(), "wrote the token");
            } else if failing {
                tracing::info!(token = %kind, "the token can be read again");
            }
            Ok(false)
        }
        Err(error) => {
            if !failing {
                tracing::warn!(%error, "the token in the file stays as it is");
            }
            Ok(true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_file_holds_the_token_for_its_owner_and_group_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        assert!(write(&path, &"one".to_owned().into()).unwrap());
        assert_eq!((fs::read_to_string(&path).unwrap(), mode(&path)), ("one\n".to_owned(), MODE));
        assert!(!write(&path, &"one".to_owned().into()).unwrap(), "nothing to do");
        assert!(write(&path, &"two".to_owned().into()).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_place_that_cannot_be_written_to_is_named_and_the_token_is_not() {
        let error = write(Path::new("/nowhere/token"), &"hunter2".to_owned().into()).unwrap_err().to_string();
        assert!(error.contains("/nowhere/token") && error.contains("must exist"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
