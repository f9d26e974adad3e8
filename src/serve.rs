//! Runs the service: refreshes, watches the tokens and answers requests, until it is told to stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Database;
use playarr_jobs::refresh::schedule_refreshes;
use tokio::net::TcpListener;

use crate::accounts::Tokens;
use crate::app::{App, AppError};
use crate::checkpoints::Checkpoints;
use crate::config::Config;
use crate::http;

/// How long requests under way may go on after the signal to stop. With [`CHECKPOINT_PATIENCE`] it stays below the
/// ten seconds after which containers are killed.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How long a refresh under way may go on: enough to end and note it, not enough to wait for a database that is away.
const REFRESH_PATIENCE: Duration = Duration::from_secs(2);

/// How long the last checkpoint may take, once nothing is counted any more.
const CHECKPOINT_PATIENCE: Duration = Duration::from_secs(2);

/// Binds the address of the configuration.
///
/// # Errors
/// When it is taken or not ours.
pub async fn listen(config: &Config) -> Result<TcpListener, AppError> {
    let address = config.listen_address;
    TcpListener::bind(address).await.map_err(|error| AppError::Listen { address, error })
}

/// Serves until `shutdown` is done, then drains and returns.
///
/// # Errors
/// When a part cannot be set up.
pub async fn serve(
    config: &Config,
    database: &Database,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), AppError> {
    let app = App::new(config, database)?;
    let address = listener.local_addr().unwrap_or(config.listen_address).to_string();
    let checkpoints = Checkpoints::start(
        app.live.clone(),
        app.telemetry.clone(),
        database.clone(),
        address,
        config.checkpoint_interval,
    );
    let mut schedule = schedule_refreshes(app.job.clone(), config.refresh_interval).await?;
    let _ = app.next_run.set(schedule.next_run());
    let restored = checkpoints.restored();
    let watched = app.clone();
    let watch = tokio::spawn(async move {
        // Without a token nobody scrapes or reports.
        restored.await;
        watch_tokens(watched).await;
    });
    let history = tokio::spawn({
        // What is restored did not happen now.
        let (app, restored) = (app.clone(), checkpoints.restored());
        async move {
            restored.await;
            app.overview.watch(&app.live).await;
        }
    });
    let accounts = tokio::spawn({
        let (app, config) = (app.clone(), config.clone());
        async move { app.admins.prepare(&config).await }
    });
    let (job, feed) = (app.job.clone(), app.feed.clone());

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(http::serve(http::routes(app), listener, async {
        let _ = stopped.await;
    }));
    shutdown.await;
    tracing::info!("stopping: no new connections, requests under way go on");
    let _ = stop.send(());
    schedule.stop().await;
    watch.abort();
    accounts.abort();
    history.abort();
    let (requests, refresh) = tokio::join!(
        tokio::time::timeout(DRAIN_PATIENCE, async { tokio::join!(server, feed.stop()) }),
        tokio::time::timeout(REFRESH_PATIENCE, job.idle()),
    );
    if requests.is_err() {
        tracing::warn!(
            "some requests were still under way after {} s and are cut off",
            DRAIN_PATIENCE.as_secs()
        );
    }
    if refresh.is_err() {
        tracing::warn!("a refresh was still under way after {} s and is cut off", REFRESH_PATIENCE.as_secs());
    }
    if tokio::time::timeout(CHECKPOINT_PATIENCE, checkpoints.stop()).await.is_err() {
        tracing::warn!("the live metrics could not be saved within {} s", CHECKPOINT_PATIENCE.as_secs());
    }
    Ok(())
}

/// Checks the tokens for ever, and shows what came of it in the metrics.
async fn watch_tokens(app: Arc<App>) {
    let metrics = app.telemetry.tokens();
    let checked = |tokens: &Tokens| {
        metrics.restored(tokens.restored());
        for status in tokens.status() {
            metrics.stored(status.kind.as_str(), status.is_known && status.problem.is_none());
        }
    };
    app.tokens.watch(checked).await;
}
