//! Runs the service: what starts, in which order, and how it stops.

use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use playarr_jobs::lease::InstanceRole;
use playarr_jobs::refresh::{Progress, schedule_refreshes, watch_changes};
use playarr_jobs::sharing::bind;
use playarr_jobs::tasks::restart_after_panics;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::accounts::Tokens;
use crate::app::{App, AppError, connection_limits};
use crate::config::Config;
use crate::connections::{ConnectionTable, open_files};
use crate::database::{ConnectError, Connection, connect};
use crate::http::{self, Acceptor};
use crate::journal::{Keeper, KeeperOptions};
use crate::tls::Tls;

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
    let tls = Tls::new(config)?;
    let address = listener.local_addr().unwrap_or(config.address());
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, version = env!("CARGO_PKG_VERSION"), "listening");
    let (listener, connection) = if config.mongodb_uri.is_looked_up() {
        match look_up(config, listener, tls.clone(), shutdown.as_mut()).await? {
            Some(started) => started,
            None => return Ok(()),
        }
    } else {
        (listener, connect(config).await?)
    };
    run(config, listener, tls, connection, shutdown, beside).await
}

/// Connects once the servers can be looked up in the DNS. Until then, requests are answered with "starting". `None` if
/// the service is to stop before.
async fn look_up(
    config: &Config,
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    shutdown: Pin<&mut impl Future<Output = ()>>,
) -> Result<Option<(TcpListener, Connection)>, AppError> {
    let listen_error = |error| AppError::Listen { address: config.address(), error };
    let listener = listener.into_std().map_err(listen_error)?;
    let meanwhile = listener.try_clone().and_then(TcpListener::from_std).map_err(listen_error)?;
    let connections = ConnectionTable::new(connection_limits(config));
    let acceptor = Acceptor { listener: meanwhile, tls, base: config.base_path.clone(), connections };
    let (started, is_started) = oneshot::channel::<()>();
    let answers = tokio::spawn(http::serve_while_starting(acceptor, async {
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
    tls: Option<Arc<Tls>>,
    connection: Connection,
    shutdown: Pin<&mut impl Future<Output = ()>>,
    beside: impl FnOnce(Arc<App>) -> F,
) -> Result<(), AppError>
where
    F: Future<Output = ()> + Send + 'static,
{
    let app = App::new(config, &connection)?;
    let limits = connection_limits(config);
    if limits.total < config.max_connections {
        tracing::warn!(
            connections = limits.total,
            open_files = open_files(),
            "fewer connections than MAX_CONNECTIONS can be open: raise the limit of open files (ulimit -n, LimitNOFILE)"
        );
    }

    if let Some(tls) = &tls {
        app.telemetry.show_tls(tls.clone());
        let _ = app.tls.set(tls.clone());
    }

    // What runs beside the requests, in the order in which one needs the other.
    let options = KeeperOptions { commit_interval: config.commit_interval, series_expiry: config.live_series_expiry };
    let (live, telemetry) = (app.live.clone(), app.telemetry.clone());
    let keeper = Keeper::start(live, telemetry, &connection.database, &connection.health, options);
    let _ = app.journal.set(keeper.journal());
    let (remembered, watchers) = (app.remembered.clone(), app.feed.clone());
    let steps = move |step: &Progress| watchers.publish(step);
    let sharing = bind(app.job.clone(), &connection.database, connection.health.clone(), remembered, steps);
    let _ = app.sharing.set(sharing.clone());
    // Before the first refresh, whose end it must see.
    let ended = app.job.ended();
    let mut schedule = schedule_refreshes(app.job.clone(), config.refresh_interval, sharing.lease().roles()).await?;
    let _ = app.next_run.set(schedule.next_run());
    let mut background = JoinSet::new();
    background.spawn({
        let app = app.clone();
        async move { restart_after_panics(|| app.remembered.keep(app.snapshots.clone(), ended.clone())).await }
    });
    background.spawn({
        let sharing = sharing.clone();
        async move { restart_after_panics(|| sharing.keep()).await }
    });
    background.spawn({
        let (app, roles) = (app.clone(), sharing.lease().roles());
        async move { restart_after_panics(|| show_role(&app, roles.clone())).await }
    });
    background.spawn({
        let app = app.clone();
        async move { restart_after_panics(|| show_history(&app)).await }
    });
    background.spawn(beside(app.clone()));
    background.spawn(async move { restart_after_panics(|| connection.watch()).await });
    background.spawn({
        let app = app.clone();
        async move { restart_after_panics(|| watch_tokens(&app)).await }
    });
    background.spawn({
        let (app, journal) = (app.clone(), keeper.journal());
        async move {
            // What was kept before the start did not happen now.
            journal.read().await;
            restart_after_panics(|| app.overview.watch(&app.live)).await;
        }
    });
    background.spawn({
        let app = app.clone();
        async move { restart_after_panics(|| app.custom.watch()).await }
    });
    background.spawn({
        let (app, config) = (app.clone(), config.clone());
        async move { restart_after_panics(|| app.admins.prepare(&config)).await }
    });
    if let Some(tls) = tls.clone() {
        background.spawn(async move { restart_after_panics(|| tls.watch()).await });
    }
    if config.change_detection {
        let (job, telemetry) = (app.job.clone(), app.telemetry.clone());
        let noticed = move |are_noticed| telemetry.service().changes_noticed(are_noticed);
        background.spawn(async move { restart_after_panics(|| watch_changes(job.clone(), &noticed)).await });
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let (job, feed) = (app.job.clone(), app.feed.clone());
    let acceptor = Acceptor { listener, tls, base: app.base_path.clone(), connections: app.connections.clone() };
    let server = tokio::spawn(http::serve(http::routes(&app), acceptor, async {
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
    let refreshing = async {
        let refresh = timeout(REFRESH_TIME, job.idle()).await;
        // Without an answer, the lease ends with its time.
        let _ = timeout(COMMIT_TIME, sharing.stop()).await;
        refresh
    };
    let (requests, refresh) = tokio::join!(timeout(DRAIN_TIME, requests), refreshing);
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

/// Shows what is remembered in the metrics, for ever.
async fn show_history(app: &Arc<App>) {
    let (mut history, mut own) = (app.remembered.subscribe(), app.job.watch_own());
    loop {
        let (known, is_own) = (history.borrow_and_update().clone(), *own.borrow_and_update());
        app.telemetry.history().show(&known, !is_own);
        let changed = tokio::select! {
            changed = history.changed() => changed,
            changed = own.changed() => changed,
        };
        if changed.is_err() {
            return;
        }
    }
}

/// Shows in the metrics whether this instance refreshes, for ever.
async fn show_role(app: &Arc<App>, mut roles: watch::Receiver<InstanceRole>) {
    while roles.changed().await.is_ok() {
        let leads = matches!(*roles.borrow_and_update(), InstanceRole::Holder | InstanceRole::Alone { .. });
        app.telemetry.service().leads(leads);
    }
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
