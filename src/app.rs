//! The parts of the service and how they hang together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::doc;
use mongodb::options::ClientOptions;
use mongodb::{Client, Database};
use playarr_jobs::gauges;
use playarr_jobs::scheduler::{self, ScheduleError};
use playarr_jobs::snapshot::{Snapshot, SnapshotStore};
use playarr_jobs::update::{Hooks, Progress, RefreshOptions, UpdateMetricsJob};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;

use crate::accounts::{Admins, TOKEN_CHECK_INTERVAL, TokenError, Tokens};
use crate::config::{Config, ConfigError, redacted_uri};
use crate::exposition::Page;
use crate::http;
use crate::live::Live;
use crate::scrape::{Exposition, Places};

/// How long the driver looks for a server, and waits for a connection, unless the connection string says otherwise.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// How long requests under way may go on after the signal to stop.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);

/// The service could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A setting that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error("LISTEN_ADDRESS={address}: cannot listen there: {error}; choose another address or port")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The database does not answer.
    #[error("MongoDB at {uri} does not answer: {error}; is it running, and is MONGODB_URI right?")]
    Unreachable {
        /// The connection string without its secrets.
        uri: String,
        /// What the driver says.
        error: String,
    },
    /// The live metrics contradict each other.
    #[error("the live metrics could not be set up: {0}")]
    Live(#[from] prometheus::Error),
    /// The schedule could not be set up.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The tokens could not be read or written.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The parts that requests are answered from.
pub struct App {
    /// The job behind the snapshot.
    pub job: UpdateMetricsJob<Page>,
    /// The current snapshot.
    pub snapshots: Arc<SnapshotStore<Page>>,
    /// What is counted as it happens.
    pub live: Live,
    /// What scrapes get.
    pub exposition: Exposition,
    /// Places for scrapes.
    pub scrapes: Places,
    /// The bearer tokens.
    pub tokens: Tokens,
    /// Who may refresh.
    pub admins: Admins,
}

impl App {
    /// The parts for a database; nothing runs yet and the database is not asked anything.
    ///
    /// # Errors
    /// When the live metrics contradict each other.
    pub fn new(config: &Config, database: &Database) -> Result<Arc<Self>, AppError> {
        let live = Live::new()?;
        let snapshots = Arc::new(SnapshotStore::new(Page::of(&Snapshot::default())));
        let options = RefreshOptions {
            concurrency: config.refresh_concurrency,
            timeout: config.collector_timeout,
            series_budget: config.series_budget,
        };
        let recorder = live.clone();
        let hooks = Hooks {
            prepare: Box::new(Page::of),
            progress: Box::new(move |progress| {
                if let Progress::Finished(report) = progress {
                    recorder.service().refreshed(report);
                }
            }),
        };
        let definitions = gauges::all(config.episodes_detail);
        let job = UpdateMetricsJob::new(database.clone(), definitions, options, snapshots.clone(), hooks);
        Ok(Arc::new(Self {
            job,
            exposition: Exposition::new(snapshots.clone(), live.clone()),
            snapshots,
            live,
            scrapes: Places::new(config.max_concurrent_scrapes),
            tokens: Tokens::new(database),
            admins: Admins::new(database),
        }))
    }
}

/// The database of the configuration. Does not connect: the driver does when it is first asked something.
///
/// # Errors
/// When the connection string is none, or names a host that cannot be looked up (`mongodb+srv`).
pub async fn database(config: &Config) -> Result<Database, AppError> {
    // The driver's own message may quote the connection string, password and all.
    let refused = |_| ConfigError::Uri { redacted: redacted_uri(config.mongodb_uri.reveal()) };
    let mut options = ClientOptions::parse(config.mongodb_uri.reveal()).await.map_err(refused)?;
    options.app_name.get_or_insert_with(|| "playarr-metrics".to_owned());
    options.server_selection_timeout.get_or_insert(CONNECT_PATIENCE);
    options.connect_timeout.get_or_insert(CONNECT_PATIENCE);
    let client = Client::with_options(options).map_err(refused)?;
    Ok(client.database(&config.mongodb_db_name))
}

/// Succeeds if the database answers.
///
/// # Errors
/// When it does not.
pub async fn ping(config: &Config, database: &Database) -> Result<(), AppError> {
    let unreachable = |error| AppError::Unreachable { uri: redacted_uri(config.mongodb_uri.reveal()), error };
    let ping = database.run_command(doc! { "ping": 1 }).into_future();
    match tokio::time::timeout(2 * CONNECT_PATIENCE, ping).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unreachable(error.kind.to_string())),
        Err(_) => Err(unreachable("no answer in time".to_owned())),
    }
}

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
    let mut schedule = scheduler::start(app.job.clone(), config.refresh_interval).await?;
    let watch = tokio::spawn(watch_tokens(app.clone()));

    let (stop, stopped) = tokio::sync::oneshot::channel();
    let server = tokio::spawn(http::serve(http::routes(app), listener, async {
        let _ = stopped.await;
    }));
    shutdown.await;
    tracing::info!("stopping: no new connections, requests under way go on");
    let _ = stop.send(());
    schedule.stop().await;
    watch.abort();
    if tokio::time::timeout(DRAIN_PATIENCE, server).await.is_err() {
        tracing::warn!(
            "some requests were still under way after {} s and are cut off",
            DRAIN_PATIENCE.as_secs()
        );
    }
    Ok(())
}

/// Keeps the tokens as the settings have them. Says so when the database goes away and when it is back.
async fn watch_tokens(app: Arc<App>) {
    let mut check = tokio::time::interval(TOKEN_CHECK_INTERVAL);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        check.tick().await;
        match app.tokens.sync().await {
            Ok(()) if failing => tracing::info!("the tokens can be read again"),
            Err(error) if !failing => tracing::warn!(%error, "the tokens held in memory stay"),
            _ => continue,
        }
        failing = !failing;
    }
}
