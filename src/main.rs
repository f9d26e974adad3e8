//! `playarr-metrics`: see the README, or `playarr-metrics --help`.

use std::process::ExitCode;

use clap::Parser;
use playarr_metrics::commands::{self, Cli};

fn main() -> ExitCode {
    return_large_blocks_at_once();
    run()
}

#[tokio::main]
async fn run() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playarr-metrics: {error}");
            ExitCode::FAILURE
        }
    }
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
