//! Where a command writes series: a file, or stdout.

use std::fs::Permissions;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::{Builder, NamedTempFile};

use super::error::CommandError;

/// The time between two updates of the progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// Takes series as they come. A file is there once it is complete, or as it was before.
pub(super) struct Destination {
    to: To,
    progress: ProgressLine,
    bytes: usize,
}

enum To {
    Stdout(BufWriter<io::Stdout>),
    File(NamedTempFile, PathBuf),
}

impl Destination {
    /// A file, or stdout without one.
    ///
    /// # Errors
    /// When the directory of the file does not let us write.
    pub(super) fn new(path: Option<&Path>) -> Result<Self, CommandError> {
        let to = match path {
            None => To::Stdout(BufWriter::new(io::stdout())),
            Some(path) => {
                let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
                // As files are made elsewhere: the umask decides.
                let mut builder = Builder::new();
                builder.prefix(".playarr-metrics-").permissions(Permissions::from_mode(0o666));
                let file = builder.tempfile_in(directory.unwrap_or(Path::new(".")));
                To::File(file.map_err(|error| cannot_write(path, error))?, path.to_owned())
            }
        };
        Ok(Self { to, progress: ProgressLine::new(), bytes: 0 })
    }

    /// Writes a part. `false` if nobody reads any more (`collect | head`), which is no failure.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn write(&mut self, part: &[u8]) -> Result<bool, CommandError> {
        match &mut self.to {
            To::Stdout(stdout) => match stdout.write_all(part) {
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(false),
                written => written.map_err(CommandError::Output)?,
            },
            To::File(file, path) => file.write_all(part).map_err(|error| cannot_write(path, error))?,
        }
        self.bytes += part.len();
        let megabytes = self.bytes / 100_000;
        self.progress.show(&format!("Writing: {}.{} MB", megabytes / 10, megabytes % 10));
        Ok(true)
    }

    /// Ends the output.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self) -> Result<(), CommandError> {
        drop(self.progress);
        match self.to {
            To::Stdout(mut stdout) => match stdout.flush() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
                _ => Ok(()),
            },
            To::File(file, path) => {
                let synced = file.as_file().sync_all();
                let put = synced.and_then(|()| file.persist(&path).map(drop).map_err(|failed| failed.error));
                put.map_err(|error| cannot_write(&path, error))
            }
        }
    }
}

fn cannot_write(path: &Path, error: io::Error) -> CommandError {
    CommandError::OutputFile { path: path.to_owned(), error }
}

/// A line on a terminal that shows how far a command is; nothing if stderr is no terminal.
pub(super) struct ProgressLine {
    is_shown: bool,
    last: Option<Instant>,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self { is_shown: io::stderr().is_terminal(), last: None }
    }

    /// Shows a text in place of the one before, not too often.
    pub(super) fn show(&mut self, text: &str) {
        if self.is_shown && self.last.is_none_or(|last| last.elapsed() >= PROGRESS_INTERVAL) {
            self.last = Some(Instant::now());
            // The terminal may be gone, and the command still goes on.
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
