//! The signals that end a command.

use tokio::signal::unix::{SignalKind, signal};

use super::error::CommandError;

/// Is done at the first SIGTERM or SIGINT. From now on neither ends the program by itself.
pub(super) fn told_to_stop() -> Result<impl Future<Output = ()> + Send + 'static, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
