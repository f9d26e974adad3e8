//! `doctor`: looks at everything that `serve` needs and says what is wrong with it. It changes nothing.

mod host;
mod indexes;
mod patience;
mod report;
mod rights;
mod server;

pub(super) use report::ReportFormat;

use report::Findings;

use super::error::CommandError;
use super::stdout::print;
use crate::config::{Config, Flags};

/// The checks that need settings that can be used.
const WITH_SETTINGS: [&str; 11] = [
    "port",
    "base path",
    "open files",
    "TLS files",
    "custom metrics file",
    "connection",
    "collections",
    "rights",
    "indexes",
    "tokens",
    "clock",
];

/// Prints what was found.
///
/// # Errors
/// When anything is wrong.
pub(super) async fn doctor(flags: &Flags, format: ReportFormat) -> Result<(), CommandError> {
    let mut findings = Findings::default();
    let mut problems: Vec<_> = Config::problems(flags).iter().map(ToString::to_string).collect();
    problems.extend(Config::mistyped_variables());
    findings.problems("settings", problems, "all can be used");
    match Config::load(flags) {
        Ok(config) => {
            host::check(&config, &mut findings).await;
            server::check(&config, &mut findings).await;
        }
        Err(_) => findings.not_checked(&WITH_SETTINGS, "not checked, because settings cannot be used"),
    }
    print(findings.shown(format).as_bytes())?;
    match findings.wrong_count() {
        0 => Ok(()),
        problems => Err(CommandError::Doctor { problems }),
    }
}
