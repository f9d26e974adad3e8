//! `playarr-metrics`: see the README, or `playarr-metrics --help`.

use std::process::ExitCode;

use playarr_metrics::commands::{self, Cli};
use playarr_metrics::logging::Log;
use playarr_metrics::{raise_open_files, return_large_blocks_at_once};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    return_large_blocks_at_once();
    raise_open_files();
    let cli = Cli::read();
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
