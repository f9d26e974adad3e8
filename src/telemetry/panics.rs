//! Panics in the log.

use std::panic::PanicHookInfo;

/// Writes each panic of the process to the log, in one line, instead of to stderr in several.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("no message").escape_debug();
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        tracing::error!(%message, location, thread, "a panic, which is a bug of this service; please report it");
    }));
}
