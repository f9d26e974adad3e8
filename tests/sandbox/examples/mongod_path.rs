//! Prints the path of the `mongod` the sandbox fetches, for scripts: `cargo run --example mongod_path`.

use std::process::ExitCode;

use playarr_sandbox::Settings;

#[tokio::main]
async fn main() -> ExitCode {
    match Settings::from_env().fetched_mongod().await {
        Ok(mongod) => {
            println!("{}", mongod.display());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("mongod_path: {reason}");
            ExitCode::FAILURE
        }
    }
}
