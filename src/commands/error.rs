//! What a command failed with.

use std::path::PathBuf;

use super::token_file::TokenFileError;
use crate::app::AppError;
use crate::config::ConfigError;
use crate::custom::CustomFileError;
use crate::database::ConnectError;

/// A command that failed. One line for the person who gave it.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A setting that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The database cannot be reached.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The service could not do its work.
    #[error(transparent)]
    App(#[from] AppError),
    /// Collectors failed.
    #[error("{failed} of {all} collectors failed: {reasons}")]
    Collectors {
        /// How many failed.
        failed: usize,
        /// How many there are.
        all: usize,
        /// Which and why.
        reasons: String,
    },
    /// A file of custom metrics cannot be used.
    #[error(transparent)]
    CustomFile(#[from] CustomFileError),
    /// Custom metrics cannot be used, or failed.
    #[error("{0}")]
    Custom(String),
    /// The refresh was broken off.
    #[error(transparent)]
    Refresh(#[from] playarr_jobs::refresh::RefreshError),
    /// The exposition could not be written.
    #[error("the output could not be written: {0}")]
    Output(std::io::Error),
    /// A file of the output could not be written.
    #[error("{} cannot be written: {error}; its directory must exist and be writable for this user", path.display())]
    OutputFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file could not be read.
    #[error("{} cannot be read: {error}", path.display())]
    InputFile {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file that should have certificates has none.
    #[error(
        "{} has no certificate; it needs at least one in PEM, which begins with -----BEGIN CERTIFICATE-----",
        .0.display()
    )]
    NoCertificate(PathBuf),
    /// A selector cannot be used.
    #[error("{0}")]
    Selector(String),
    /// A running service did not give its series.
    #[error("the series of {url} could not be had: {reason}")]
    Export {
        /// Where it was asked.
        url: String,
        /// Why.
        reason: String,
    },
    /// The token's file could not be written.
    #[error(transparent)]
    TokenFile(#[from] TokenFileError),
    /// The database is not Playarr's.
    #[error("{0}")]
    NotPlayarr(String),
    /// `doctor` found something.
    #[error(
        "doctor found {problems} problem{}; each line that begins with WRONG says what to do",
        if *problems == 1 { "" } else { "s" }
    )]
    Doctor {
        /// How many.
        problems: usize,
    },
    /// Signals cannot be received.
    #[error("the signals to stop cannot be received: {0}")]
    Signals(std::io::Error),
    /// The service is not well.
    #[error("{url}: {error}")]
    Unhealthy {
        /// Where it was asked.
        url: String,
        /// What it said.
        error: ureq::Error,
    },
}
