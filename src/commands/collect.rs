//! `collect`: refreshes once and prints the snapshot's exposition, or some of its series in another format.

use std::path::PathBuf;

use clap::Args;
use playarr_jobs::database::Contents;
use playarr_jobs::refresh::{Snapshot, Trigger};
use tokio::sync::broadcast::Receiver;

use super::destination::{Destination, ProgressLine};
use super::error::CommandError;
use super::stdout::print;
use crate::app::App;
use crate::config::Config;
use crate::custom::RunningMetrics;
use crate::database;
use crate::explore::{Export, ExportFormat, View};
use crate::selector::{Selector, SelectorError};
use crate::telemetry::Step;

/// Which series a command writes, in which form, and where.
#[derive(Args)]
pub(super) struct SeriesArguments {
    /// Form of the series.
    #[arg(long, value_enum)]
    pub(super) format: Option<ExportFormat>,
    /// Only series that this selector chooses, as in Prometheus; several add up.
    #[arg(long = "match", value_name = "SELECTOR")]
    pub(super) selectors: Vec<String>,
    /// File to write, instead of stdout.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

/// Refreshes once and writes what was counted, whether or not all collectors succeeded.
///
/// # Errors
/// When a collector fails, with its name and why; when the database is not Playarr's or cannot be reached; when a
/// selector cannot be read or the output not be written.
pub(super) async fn collect(config: &Config, arguments: &SeriesArguments) -> Result<(), CommandError> {
    let selectors = selectors(&arguments.selectors)?;
    let connection = database::connect(config).await?;
    database::ping(config, &connection.database).await?;
    let app = App::new(config, &connection)?;
    let watching = tokio::spawn(show_progress(app.feed.steps()));
    app.job.refresh(Trigger::Manual).await?;
    app.custom.run_once().await;
    app.job.idle().await;
    watching.abort();
    // Its line is gone when it has ended.
    let _ = watching.await;
    let published = app.snapshots.load();
    if arguments.format.is_none() && selectors.is_empty() && arguments.output.is_none() {
        print(&published.prepared.text)?;
    } else {
        write(&published.snapshot, &app.custom.running(), &selectors, arguments)?;
    }
    // Without an answer, the failed collectors below say more.
    let contents = Contents::of(&connection.database).await.unwrap_or(Contents::Unknown);
    match contents.complaint(&config.mongodb_db_name) {
        Some(complaint) => Err(CommandError::NotPlayarr(complaint)),
        None => succeeded(&published.snapshot),
    }
}

/// Reads the selectors of a command line.
///
/// # Errors
/// When one cannot be read, with the place.
pub(super) fn selectors(texts: &[String]) -> Result<Vec<Selector>, CommandError> {
    texts.iter().map(|text| Selector::parse(text)).collect::<Result<_, _>>().map_err(|error| bad_selector(&error))
}

fn bad_selector(error: &SelectorError) -> CommandError {
    CommandError::Selector(error.to_string())
}

fn write(
    snapshot: &Snapshot,
    custom: &RunningMetrics,
    selectors: &[Selector],
    arguments: &SeriesArguments,
) -> Result<(), CommandError> {
    let view = View::of(snapshot, custom, []);
    let chosen = view.choose(selectors).map_err(|error| bad_selector(&error))?;
    let mut destination = Destination::new(arguments.output.as_deref())?;
    for part in Export::new(&view, chosen, arguments.format.unwrap_or(ExportFormat::Text)) {
        if !destination.write(&part)? {
            break;
        }
    }
    destination.finish()
}

async fn show_progress(mut steps: Receiver<Step>) {
    let mut progress = ProgressLine::new();
    while let Ok(step) = steps.recv().await {
        if let Step::Collected { done, of, .. } = step {
            progress.show(&format!("Collecting: {done} of {of} gauges"));
        }
    }
}

fn succeeded(snapshot: &Snapshot) -> Result<(), CommandError> {
    let failed: Vec<_> = snapshot
        .collectors
        .iter()
        .filter_map(|collector| Some(format!("{}: {}", collector.name, collector.error.as_ref()?)))
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    let (failed, all, reasons) = (failed.len(), snapshot.collectors.len(), failed.join("; "));
    Err(CommandError::Collectors { failed, all, reasons })
}
