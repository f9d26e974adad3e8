//! `playarr-metrics`: see the README, or `playarr-metrics --help`.

use std::process::ExitCode;

use clap::Parser;
use playarr_metrics::commands::{self, Cli};
use playarr_metrics::logging::Log;
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    return_large_blocks_at_once();
    let cli = Cli::parse();
    // Without a thread or a runtime there is nothing to do, and nothing to say it with.
    let (Ok(log), Ok(runtime)) = (Log::to_stderr(), Runtime::new()) else { return ExitCode::FAILURE };
    let outcome = runtime.block_on(commands::run(cli, &log));
    if let Err(error) = &outcome {
        log.line(&format!("playarr-metrics: {error}"));
    }
    log.flush();
    // A name that is being looked up would hold up the end for as long as the DNS takes.
    runtime.shutdown_background();
    if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Fixes the size from which glibc maps blocks of their own, which go back to the system when they are freed.
///
/// By itself it raises that size with each large block it sees freed, up to 32 MB, and then keeps what a refresh used:
/// that took five times the memory at 100,000 series.
fn return_large_blocks_at_once() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const BYTES: libc::c_int = 128 * 1024;
        // SAFETY: takes two integers; called before any other thread exists.
        #[expect(unsafe_code, reason = "there is no other way to set it from within")]
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, BYTES);
            libc::mallopt(libc::M_TRIM_THRESHOLD, BYTES);
        }
    }
}
