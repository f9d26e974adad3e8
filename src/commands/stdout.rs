//! What commands print.

use std::io::{ErrorKind, Write};

use super::error::CommandError;

/// Writes to stdout. A reader that stops reading (`collect | head`) is no failure.
pub(super) fn print(text: &[u8]) -> Result<(), CommandError> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}
