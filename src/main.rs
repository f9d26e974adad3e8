//! `playarr-metrics`: see the README, or `playarr-metrics --help`.

use std::process::ExitCode;

use clap::Parser;
use playarr_metrics::commands::{self, Cli};

// Gives back to the system what a refresh used, which the system's own allocator keeps.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    match commands::run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("playarr-metrics: {error}");
            ExitCode::FAILURE
        }
    }
}
