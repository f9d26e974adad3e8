//! The commands of the program.

mod reload;
mod token_file;

use std::io::{ErrorKind, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, Subcommand};
use playarr_jobs::database::Contents;
use playarr_jobs::refresh::Trigger;
use tokio::signal::unix::{SignalKind, signal};

use crate::accounts::{TokenKind, Tokens};
use crate::app::{App, AppError};
use crate::catalog::Catalog;
use crate::catalog::{DOCS, Output};
use crate::config::{Config, ConfigError, Flags};
use crate::database::{self, ConnectError, Connection};
use crate::logging::Log;
use crate::serve;
use reload::Reload;
use token_file::TokenFileError;

/// Prometheus metrics of a Playarr library.
#[derive(Parser)]
#[command(name = "playarr-metrics", version, about)]
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
    Collect,
    /// Print the bearer token, creating it if there is none.
    Token {
        /// Replace the token first; the old one stops working.
        #[arg(long)]
        rotate: bool,
        /// The token for live events instead of the one for scrapes.
        #[arg(long)]
        ingest: bool,
        /// Write it to this file instead, for Prometheus' credentials_file.
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        /// Stay, and write the file again whenever the token changes.
        #[arg(long, requires = "file")]
        follow: bool,
    },
    /// Print every metric with its rules and panels; needs no database.
    Catalog {
        /// What to print.
        #[arg(long, value_enum)]
        format: Output,
        /// Address of the pages of docs/, for links to the runbook.
        #[arg(long, default_value = DOCS)]
        docs: String,
    },
    /// Ask the service on this host whether it is alive; fails if it is not.
    Healthcheck {
        /// Ask whether it is ready to be scraped instead.
        #[arg(long)]
        ready: bool,
    },
}

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
    /// The refresh was broken off.
    #[error(transparent)]
    Refresh(#[from] playarr_jobs::refresh::RefreshError),
    /// The exposition could not be written.
    #[error("the output could not be written: {0}")]
    Output(std::io::Error),
    /// The token's file could not be written.
    #[error(transparent)]
    TokenFile(#[from] TokenFileError),
    /// The database is not Playarr's.
    #[error("{0}")]
    NotPlayarr(String),
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

/// Runs the command given on the command line.
///
/// # Errors
/// When it fails; the message is for the person who gave it.
pub async fn run(cli: Cli, log: &Log) -> Result<(), CommandError> {
    let command = cli.command.unwrap_or(Command::Serve);
    if let Command::Catalog { format, docs } = &command {
        return print(format.of(&Catalog::default(), docs).as_bytes());
    }
    let config = Config::load(&cli.flags)?;
    let level = log.subscribe(&config.log_level, config.log_format);
    crate::telemetry::log_panics();
    for warning in config.mongodb_uri.warnings() {
        tracing::warn!("{warning}");
    }
    match command {
        Command::Catalog { .. } => Ok(()),
        Command::Serve => serve(Reload::new(cli.flags, config, level)).await,
        Command::Collect => collect(&config).await,
        Command::Token { rotate, ingest, file, follow } => {
            let kind = if ingest { TokenKind::Ingest } else { TokenKind::Metrics };
            token(&config, kind, rotate, file.as_deref(), follow).await
        }
        Command::Healthcheck { ready } => healthcheck(&config, if ready { "ready" } else { "healthy" }),
    }
}

async fn serve(reload: Reload) -> Result<(), CommandError> {
    let shutdown = told_to_stop()?;
    // From now on, SIGHUP does not end the program. One that comes before the service runs is heard then.
    let hangups = signal(SignalKind::hangup()).map_err(CommandError::Signals)?;
    let config = reload.config().clone();
    let listener = serve::listen(&config).await?;
    Ok(serve::serve_beside(&config, listener, shutdown, |app| reload.with_each(hangups, app)).await?)
}

/// Is done at the first SIGTERM or SIGINT. From now on neither ends the program by itself.
fn told_to_stop() -> Result<impl Future<Output = ()> + Send + 'static, CommandError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(CommandError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CommandError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

async fn collect(config: &Config) -> Result<(), CommandError> {
    let connection = database::connect(config).await?;
    database::ping(config, &connection.database).await?;
    let app = App::new(config, &connection)?;
    let report = app.job.refresh(Trigger::Manual).await?;
    app.job.idle().await;
    print(&app.snapshots.load().prepared.text)?;
    // Without an answer, the failed collectors below say more.
    let contents = Contents::of(&connection.database).await.unwrap_or(Contents::Unknown);
    if let Some(complaint) = contents.complaint(&config.mongodb_db_name) {
        return Err(CommandError::NotPlayarr(complaint));
    }
    let failed: Vec<_> = report
        .collectors
        .iter()
        .filter_map(|collector| Some(format!("{}: {}", collector.name, collector.error.as_ref()?)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (failed, all, reasons) = (failed.len(), report.collectors.len(), failed.join("; "));
    Err(CommandError::Collectors { failed, all, reasons })
}

async fn token(
    config: &Config,
    kind: TokenKind,
    rotate: bool,
    file: Option<&Path>,
    follow: bool,
) -> Result<(), CommandError> {
    let Connection { database, .. } = database::connect(config).await?;
    let tokens = Tokens::new(&database);
    // Following waits for a database that is away.
    if rotate || !follow {
        database::ping(config, &database).await?;
        let token =
            if rotate { tokens.rotate(kind).await } else { tokens.show(kind).await.map(|setting| setting.value) };
        let token = token.map_err(AppError::from)?;
        match file {
            None => print(format!("{}\n", token.reveal()).as_bytes())?,
            Some(file) => _ = token_file::write(file, &token)?,
        }
    }
    if let (true, Some(file)) = (follow, file) {
        token_file::follow(&tokens, kind, file, told_to_stop()?).await?;
    }
    Ok(())
}

/// Writes to stdout. A reader that stops reading (`collect | head`) is no failure.
fn print(text: &[u8]) -> Result<(), CommandError> {
    match std::io::stdout().write_all(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}

fn healthcheck(config: &Config, what: &str) -> Result<(), CommandError> {
    let mut address = config.address();
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let url = format!("http://{address}/-/{what}");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).proxy(None).build().into();
    match agent.get(&url).call() {
        Ok(_) => Ok(()),
        Err(error) => Err(CommandError::Unhealthy { url, error }),
    }
}
