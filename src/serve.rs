//! Runs the service: what starts, in which order, and how it stops.

use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use playarr_jobs::refresh::schedule_refreshes;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::accounts::Tokens;
use crate::app::{App, AppError};
use crate::config::Config;
use crate::database::{ConnectError, Connection, connect};
use crate::http;
use crate::journal::{Keeper, KeeperOptions};

/// How long requests under way may go on after the signal to stop. With the times below it stays under the ten seconds
/// after which containers are killed.
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// How long a refresh under way may go on: long enough to end and be noted, not to wait for a database that is away.
const REFRESH_TIME: Duration = Duration::from_secs(2);

/// How long the last commit may take, once nothing is counted any more.
const COMMIT_TIME: Duration = Duration::from_secs(2);

/// The pause after servers could not be looked up. It doubles with each further failure.
const FIRST_LOOKUP_RETRY: Duration = Duration::from_secs(1);

/// The longest such pause.
const LONGEST_LOOKUP_RETRY: Duration = Duration::from_secs(10);

/// Binds the address of the configuration.
///
/// # Errors
/// When the address is in use, or does not belong to this machine.
pub async fn listen(config: &Config) -> Result<TcpListener, AppError> {
    let address = config.address();
    TcpListener::bind(address).await.map_err(|error| AppError::Listen { address, error })
}

/// Serves until `shutdown` is done, then drains and returns.
///
/// # Errors
/// When a part cannot be set up.
pub async fn serve(
    config: &Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), AppError> {
    serve_beside(config, listener, shutdown, |_| ready(())).await
}

/// As [`serve`], and runs what `beside` makes of the parts of the service meanwhile.
///
/// # Errors
/// When a part cannot be set up.
pub async fn serve_beside<F>(
    config: &Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
    beside: impl FnOnce(Arc<App>) -> F,
) -> Result<(), AppError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = pin!(shutdown);
    let address = listener.local_addr().unwrap_or(config.address());
    tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
    let (listener, connection) = if config.mongodb_uri.is_looked_up() {
        match look_up(config, listener, shutdown.as_mut()).await? {
            Some(started) => started,
            None => return Ok(()),
        }
    } else {
        (listener, connect(config).await?)
    };
    run(config, listener, connection, shutdown, beside).await
}

/// Connects once the servers can be looked up in the DNS. Until then, requests are answered with "starting". `None` if
/// the service is to stop before.
async fn look_up(
    config: &Config,
    listener: TcpListener,
    shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<(TcpListener, Connection)>, AppError> {
    let listen_error = |error| AppError::Listen { address: config.address(), error };
    let listener = listener.into_std().map_err(listen_error)?;
    let meanwhile = listener.try_clone().and_then(TcpListener::from_std).map_err(listen_error)?;
    let (started, is_started) = oneshot::channel::<()>();
    let answers = tokio::spawn(http::serve_while_starting(meanwhile, async {
        let _ = is_started.await;
    }));
    let connection = tokio::select! {
        connection = connect_patiently(|| connect(config)) => Some(connection?),
        () = shutdown => None,
    };
    drop(started);
    // Those who keep their connection open without asking for anything are not waited for.
    let _ = timeout(DRAIN_TIME, answers).await;
    let listener = TcpListener::from_std(listener).map_err(listen_error)?;
    Ok(connection.map(|connection| (listener, connection)))
}

/// Connects as soon as the servers can be looked up: one log line if they cannot, and one when they can.
async fn connect_patiently<C, F>(connect: impl Fn() -> F) -> Result<C, ConnectError>
where
    F: Future<Output = Result<C, ConnectError>>,
{
    let mut pause = FIRST_LOOKUP_RETRY;
    loop {
        match connect().await {
            Err(error @ ConnectError::Lookup { .. }) => {
                if pause == FIRST_LOOKUP_RETRY {
                    tracing::warn!("{error}; trying again until they can");
                }
            }
            connection => {
                if pause > FIRST_LOOKUP_RETRY {
                    tracing::info!("the servers of MongoDB could be looked up");
                }
                return connection;
            }
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_LOOKUP_RETRY);
    }
}

async fn run<F>(
    config: &Config,
    listener: TcpListener,
    connection: Connection,
    shutdown: Pin<&mut impl Future<Output = ()>>,
    beside: impl FnOnce(Arc<App>) -> F,
) -> Result<(), AppError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let app = App::new(config, &connection)?;

    // What runs beside the requests, in the order in which one needs the other.
    let options = KeeperOptions { commit_interval: config.commit_interval, series_expiry: config.live_series_expiry };
    let keeper = Keeper::start(app.live.clone(), app.telemetry.clone(), &connection.database, options);
    let _ = app.journal.set(keeper.journal());
    let mut schedule = schedule_refreshes(app.job.clone(), config.refresh_interval).await?;
    let _ = app.next_run.set(schedule.next_run());
    let mut background = JoinSet::new();
    background.spawn(beside(app.clone()));
    background.spawn(async move { connection.watch().await });
    background.spawn({
        let app = app.clone();
        async move { watch_tokens(&app).await }
    });
    background.spawn({
        let (app, journal) = (app.clone(), keeper.journal());
        async move {
            // What was kept before the start did not happen now.
            journal.read().await;
            app.overview.watch(&app.live).await;
        }
    });
    background.spawn({
        let (app, config) = (app.clone(), config.clone());
        async move { app.admins.prepare(&config).await }
    });
    let (stop, stopped) = oneshot::channel::<()>();
    let (job, feed) = (app.job.clone(), app.feed.clone());
    let server = tokio::spawn(http::serve(http::routes(&app), listener, async {
        let _ = stopped.await;
    }));

    shutdown.await;

    // The other way round: no new requests, nothing new in the background, then what is under way, then the last
    // commit.
    tracing::info!("stopping: no new connections, requests under way go on");
    drop(stop);
    schedule.stop().await;
    background.abort_all();
    let requests = async { tokio::join!(server, feed.stop()) };
    let (requests, refresh) = tokio::join!(timeout(DRAIN_TIME, requests), timeout(REFRESH_TIME, job.idle()));
    if requests.is_err() {
        tracing::warn!("some requests were still under way after {} s and are cut off", DRAIN_TIME.as_secs());
    }
    if refresh.is_err() {
        tracing::warn!("a refresh was still under way after {} s and is cut off", REFRESH_TIME.as_secs());
    }
    if timeout(COMMIT_TIME, keeper.stop()).await.is_err() {
        tracing::warn!("the live metrics could not be committed within {} s", COMMIT_TIME.as_secs());
    }
    Ok(())
}

/// Checks the tokens for ever, and shows what came of it in the metrics.
async fn watch_tokens(app: &Arc<App>) {
    let metrics = app.telemetry.tokens();
    let checked = |tokens: &Tokens| {
        metrics.restored(tokens.restored());
        for status in tokens.status() {
            metrics.stored(status.kind.as_str(), status.is_known && status.problem.is_none());
        }
    };
    app.tokens.watch(&app.health, checked).await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::ready;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_connects_soon_after_the_servers_can_be_looked_up() {
        let lookup = || ConnectError::Lookup {
            uri: "mongodb+srv://db.example".to_owned(),
            error: "the DNS does not answer".to_owned(),
        };
        let (started, asked) = (Instant::now(), Cell::new(0));
        let connection = connect_patiently(|| {
            asked.set(asked.get() + 1);
            // For a minute.
            let is_away = started.elapsed() < Duration::from_secs(60);
            ready(if is_away { Err(lookup()) } else { Ok("a connection") })
        });
        assert_eq!(connection.await.unwrap(), "a connection");
        assert!(started.elapsed() <= Duration::from_secs(60) + LONGEST_LOOKUP_RETRY, "{:?}", started.elapsed());
        assert!(asked.get() <= 12, "the pauses grow: {}", asked.get());
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_try_would_not_mend_is_said_at_once() {
        let invalid = || crate::config::ConfigError::Invalid {
            name: "MONGODB_URI",
            value: "mongodb+srv://db.example".to_owned(),
            complaint: "bad".to_owned(),
        };
        let started = Instant::now();
        let outcome = connect_patiently(|| ready(Err::<(), _>(invalid().into()))).await;
        assert!(matches!(outcome, Err(ConnectError::Config(_))));
        assert_eq!(started.elapsed(), Duration::ZERO);
    }
}
