//! `custom check` and `custom import`.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use playarr_jobs::custom::{MetricProblem, compile, preview};

use super::error::CommandError;
use super::stdout::print;
use crate::config::Config;
use crate::custom::{CustomFile, PreviewAnswer, import};
use crate::database;

#[derive(Subcommand)]
pub(super) enum CustomCommand {
    /// Check a file of custom metrics; fails if any of them cannot be used. Needs no database.
    Check {
        /// The file, as CUSTOM_METRICS_FILE names it.
        file: PathBuf,
        /// Run each metric once as well, and print what it would expose.
        #[arg(long)]
        run: bool,
    },
    /// Read a configuration of mongodb-query-exporter, version 3, and print its metrics as a file of custom metrics.
    Import {
        /// The configuration.
        file: PathBuf,
    },
}

impl CustomCommand {
    /// Runs what needs no database; `None` if it needs one.
    pub(super) fn run_alone(&self) -> Option<Result<(), CommandError>> {
        match self {
            Self::Check { run: true, .. } => None,
            Self::Check { file, run: false } => Some(check(file)),
            Self::Import { file } => Some(import_file(file)),
        }
    }

    /// Runs what needs a database.
    pub(super) async fn run(&self, config: &Config) -> Result<(), CommandError> {
        match self {
            Self::Check { file, run: true } => run_each(file, config).await,
            _ => self.run_alone().unwrap_or(Ok(())),
        }
    }
}

fn check(file: &Path) -> Result<(), CommandError> {
    let CustomFile { metrics } = CustomFile::read(file)?;
    let metrics = if metrics.len() == 1 { "1 metric".to_owned() } else { format!("{} metrics", metrics.len()) };
    print(format!("{}: {metrics}, valid\n", file.display()).as_bytes())
}

/// Runs each metric once and prints its first series, with what it costs as comments.
async fn run_each(file: &Path, config: &Config) -> Result<(), CommandError> {
    let CustomFile { metrics } = CustomFile::read(file)?;
    let connection = database::connect(config).await?;
    database::ping(config, &connection.database).await?;
    let mut failures = Vec::new();
    for metric in &metrics {
        let compiled = compile(metric)
            .map_err(|problems| CommandError::Custom(format!("{}: {}", metric.name, said(&problems))))?;
        let mut out = String::new();
        match preview(&connection.database, &compiled).await {
            Ok(preview) => {
                let (series, folded, took) = (preview.series, preview.folded, preview.duration.as_secs_f64());
                let documents = preview.cost.documents.map_or("unknown".to_owned(), |documents| documents.to_string());
                let index = preview.cost.index.clone().unwrap_or_else(|| "none".to_owned());
                let warnings = preview.warnings.clone();
                out.push_str(PreviewAnswer::valid(preview).sample());
                let _ = writeln!(
                    out,
                    "# {series} series, {folded} folded; {took:.3} s; documents read: {documents}; index: {index}"
                );
                for warning in warnings {
                    let _ = writeln!(out, "# Warning: {warning}");
                }
            }
            Err(error) => {
                let _ = writeln!(out, "# {} failed: {error}", metric.name);
                failures.push(format!("{}: {error}", metric.name));
            }
        }
        print(out.as_bytes())?;
    }
    if failures.is_empty() { Ok(()) } else { Err(CommandError::Custom(failures.join("; "))) }
}

fn said(problems: &[MetricProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}

fn import_file(file: &Path) -> Result<(), CommandError> {
    let failed = |error: String| CommandError::Custom(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| failed(format!("the file cannot be read: {error}")))?;
    let imported = import(&text).map_err(|error| failed(error.to_string()))?;
    let mut out =
        String::from("# Custom metrics of playarr-metrics, from a configuration of mongodb-query-exporter.\n");
    for note in &imported.notes {
        let _ = writeln!(out, "# {note}");
    }
    for problem in imported.file.problems() {
        let _ = writeln!(out, "# To be mended: {problem}");
    }
    out.push_str(&serde_yaml_ng::to_string(&imported.file).map_err(|error| failed(error.to_string()))?);
    print(out.as_bytes())
}
