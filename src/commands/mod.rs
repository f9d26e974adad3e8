//! The commands of the program.

mod collect;
mod custom;
mod destination;
mod doctor;
mod error;
mod export;
mod healthcheck;
mod help;
mod reload;
mod signals;
mod stdout;
mod token;
mod token_file;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use tokio::signal::unix::{SignalKind, signal};

use crate::accounts::TokenKind;
use crate::catalog::{Catalog, DOCS, Output};
use crate::config::{Config, Flags};
use crate::custom::CustomFile;
use crate::logging::{Log, LogLevel};
use crate::serve;
use collect::{SeriesArguments, collect};
use custom::CustomCommand;
use doctor::{ReportFormat, doctor};
pub use error::CommandError;
use export::export;
use healthcheck::healthcheck;
use reload::Reload;
use signals::told_to_stop;
use stdout::print;
use token::token;

/// Prometheus metrics of a Playarr library.
#[derive(Parser)]
#[command(name = "playarr-metrics", version = help::VERSION, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Subcommand)]
enum Command {
    /// Serve /metrics and refresh the snapshot on a schedule (the default).
    Serve,
    /// Refresh once and print the snapshot's exposition; fails if a collector fails.
    Collect {
        #[command(flatten)]
        series: SeriesArguments,
    },
    /// Write series of a running service; needs no database.
    Export {
        /// Address of the service, such as https://metrics.example.
        #[arg(long)]
        url: String,
        /// File with the bearer token of /metrics.
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
        /// File with the certificates (PEM) of those who may vouch for the service, instead of the public ones.
        #[arg(long, value_name = "FILE")]
        ca_file: Option<PathBuf>,
        #[command(flatten)]
        series: SeriesArguments,
    },
    /// Print the bearer token, creating it if there is none.
    Token {
        /// Replace the token first; the old one stops working.
        #[arg(long)]
        rotate: bool,
        /// The token for live events instead of the one for scrapes.
        #[arg(long)]
        ingest: bool,
        /// The token for the summary instead of the one for scrapes.
        #[arg(long, conflicts_with = "ingest")]
        summary: bool,
        /// Write it to this file instead, for Prometheus' credentials_file.
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        /// Stay, and write the file again whenever the token changes.
        #[arg(long, requires = "file")]
        follow: bool,
    },
    /// Print every metric, those of CUSTOM_METRICS_FILE included, with its rules and panels; needs no database.
    Catalog {
        /// What to print.
        #[arg(long, value_enum)]
        format: Output,
        /// Address of the pages of docs/, for links to the runbook.
        #[arg(long, default_value = DOCS)]
        docs: String,
    },
    /// Custom metrics in files: check one, or make one.
    Custom {
        /// What to do.
        #[command(subcommand)]
        command: CustomCommand,
    },
    /// Look at everything that serve needs and say what is wrong, with its fix; changes nothing, fails if anything is.
    Doctor {
        /// Form of the report.
        #[arg(long, value_enum, default_value = "text")]
        format: ReportFormat,
    },
    /// Ask the service on this host whether it is alive; fails if it is not.
    Healthcheck {
        /// Ask whether it is ready to be scraped instead.
        #[arg(long)]
        ready: bool,
    },
    /// Print completions for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the man page.
    Man,
}

/// Runs the command given on the command line.
///
/// # Errors
/// When it fails; the message is for the person who gave it.
pub async fn run(cli: Cli, log: &Log) -> Result<(), CommandError> {
    let Cli { command, flags } = cli;
    match command.unwrap_or(Command::Serve) {
        Command::Catalog { format, docs } => catalog(&flags, format, &docs),
        Command::Export { url, token_file, ca_file, series } => export(&url, &token_file, ca_file.as_deref(), &series),
        Command::Doctor { format } => doctor(&flags, format).await,
        Command::Completions { shell } => help::completions(shell),
        Command::Man => help::man(),
        Command::Custom { command } => match command.run_alone() {
            Some(outcome) => outcome,
            None => command.run(&configured(&flags, log)?.0).await,
        },
        Command::Serve => {
            let (config, level) = configured(&flags, log)?;
            serve(Reload::new(flags, config, level)).await
        }
        Command::Collect { series } => collect(&configured(&flags, log)?.0, &series).await,
        Command::Token { rotate, ingest, summary, file, follow } => {
            let kind = match (ingest, summary) {
                (true, _) => TokenKind::Ingest,
                (_, true) => TokenKind::Summary,
                (false, false) => TokenKind::Metrics,
            };
            token(&configured(&flags, log)?.0, kind, rotate, file.as_deref(), follow).await
        }
        Command::Healthcheck { ready } => {
            healthcheck(&configured(&flags, log)?.0, if ready { "ready" } else { "healthy" })
        }
    }
}

/// The configuration, with the log that it asks for: everything traced goes there from now on.
fn configured(flags: &Flags, log: &Log) -> Result<(Config, LogLevel), CommandError> {
    let config = Config::load(flags)?;
    let level = log.subscribe(&config.log_level, config.log_format);
    crate::telemetry::log_panics();
    for warning in config.mongodb_uri.warnings() {
        tracing::warn!("{warning}");
    }
    for mistyped in Config::mistyped_variables() {
        tracing::warn!("{mistyped}");
    }
    Ok((config, level))
}

/// Prints the catalog, with the metrics of `CUSTOM_METRICS_FILE`.
fn catalog(flags: &Flags, format: Output, docs: &str) -> Result<(), CommandError> {
    let mut catalog = Catalog::default();
    if let Some(path) = Config::custom_metrics_file(flags)? {
        catalog = catalog.with_custom(&CustomFile::read(&path)?.metrics);
    }
    print(format.of(&catalog, docs).as_bytes())
}

async fn serve(reload: Reload) -> Result<(), CommandError> {
    let shutdown = told_to_stop()?;
    // From now on, SIGHUP does not end the program. One that comes before the service runs is heard then.
    let hangups = signal(SignalKind::hangup()).map_err(CommandError::Signals)?;
    let config = reload.config().clone();
    let listener = serve::listen(&config).await?;
    Ok(serve::serve_beside(&config, listener, shutdown, |app| reload.with_each(hangups, app)).await?)
}
