//! The parts of the service, put together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use playarr_jobs::database::{Contents, Health};
use playarr_jobs::gauges;
use playarr_jobs::refresh::{
    Hooks, JOB_NAME, Moment, Progress, RefreshOptions, ScheduleError, Snapshot, SnapshotStore, Trigger,
    UpdateMetricsJob,
};
use playarr_jobs::remembered::Remembered;
use playarr_jobs::sharing::Sharing;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::accounts::{Admins, TokenError, Tokens};
use crate::config::{BasePath, Config};
use crate::connections::{ConnectionLimits, ConnectionTable, MAX_WEBSOCKETS, open_files};
use crate::custom::{CustomFileError, CustomMetrics};
use crate::database::{ConnectError, Connection};
use crate::journal::Journal;
use crate::live::{JobExecution, Label, Live, Status};
use crate::overview::OverviewData;
use crate::scrape::{Exposition, ScrapePermits, SnapshotPage};
use crate::telemetry::{Feed, Telemetry};
use crate::tls::{Tls, TlsError};
use crate::web::QueryLinks;

/// The service could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No connection to the database can be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The address cannot be listened on.
    #[error("LISTEN_ADDRESS={address}: cannot listen there: {error}; choose another address or port")]
    Listen {
        /// The address.
        address: std::net::SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The file of custom metrics cannot be used.
    #[error("CUSTOM_METRICS_FILE={0}")]
    CustomFile(#[from] CustomFileError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    pub job: UpdateMetricsJob<SnapshotPage>,
    /// The current snapshot.
    pub snapshots: Arc<SnapshotStore<SnapshotPage>>,
    /// The snapshots that MongoDB keeps.
    pub(crate) remembered: Remembered,
    /// What binds this instance to the others on the same database.
    pub(crate) sharing: OnceLock<Sharing<SnapshotPage>>,
    /// The custom metrics.
    pub(crate) custom: CustomMetrics<SnapshotPage>,
    /// The live metrics.
    pub(crate) live: Live,
    /// Keeps batches of events, once it is started.
    pub(crate) journal: OnceLock<Journal>,
    /// What the service says of itself.
    pub(crate) telemetry: Telemetry,
    /// The bodies of scrapes.
    pub(crate) exposition: Exposition,
    /// The open connections and their limits.
    pub(crate) connections: Arc<ConnectionTable>,
    /// The limit of scrapes at once.
    pub(crate) scrape_permits: ScrapePermits,
    /// The limit of open WebSockets.
    pub(crate) websocket_permits: Arc<Semaphore>,
    /// The data of the overview page that is kept between requests.
    pub(crate) overview: OverviewData,
    /// The name of Playarr's database.
    pub(crate) database_name: String,
    /// Whether MongoDB answers.
    pub(crate) health: Health,
    /// Whether the database is Playarr's.
    pub(crate) contents: watch::Receiver<Contents>,
    /// The bearer tokens.
    pub(crate) tokens: Tokens,
    /// The limit of large batches that are parsed at once: one for each core, so that the memory for them is bounded.
    pub(crate) unpacking: Arc<Semaphore>,
    /// The limit of searches through all series at once: one for each core.
    pub(crate) searching: Arc<Semaphore>,
    /// The path below which everything is served.
    pub(crate) base_path: BasePath,
    /// Where queries can be opened.
    pub(crate) query_links: QueryLinks,
    /// The most series of a gauge.
    pub(crate) series_budget: usize,
    /// Who is an admin.
    pub(crate) admins: Admins,
    /// The progress of refreshes, for those who watch.
    pub(crate) feed: Arc<Feed>,
    /// The time between refreshes.
    pub(crate) refresh_interval: Duration,
    /// TLS, once requests are answered, if there is any.
    pub(crate) tls: OnceLock<Arc<Tls>>,
    /// When the next scheduled refresh is due, once there is a schedule.
    pub(crate) next_run: OnceLock<watch::Receiver<Option<Moment>>>,
}

impl App {
    /// The parts for a database; nothing runs yet and the database is not asked anything.
    ///
    /// # Errors
    /// When the live metrics contradict each other, or the file of custom metrics cannot be used.
    pub fn new(config: &Config, connection: &Connection) -> Result<Arc<Self>, AppError> {
        let Connection { database, health, contents } = connection;
        let (live, telemetry) = (Live::new(), Telemetry::new(health.clone())?);
        telemetry.service().scheduled_every(config.refresh_interval);
        let snapshots = Arc::new(SnapshotStore::new(SnapshotPage::of(&Snapshot::default(), None)));
        let options = RefreshOptions {
            concurrency: config.refresh_concurrency,
            timeout: config.collector_timeout,
            series_budget: config.series_budget,
            max_staleness: config.max_staleness,
            change_detection: config.change_detection,
        };
        let connections = ConnectionTable::new(connection_limits(config));
        let definitions = gauges::all(config.episodes_detail);
        let feed = Arc::<Feed>::default();
        let (custom_ran, custom_reports) = mpsc::unbounded_channel();
        let (recorder, counters, watchers) = (live.clone(), telemetry.clone(), feed.clone());
        let hooks = Hooks {
            prepare: Box::new(|snapshot, last: &SnapshotPage| SnapshotPage::of(snapshot, Some(last))),
            progress: Box::new(move |progress| {
                if let Progress::Updated(report) = progress {
                    // An error says that nobody follows custom metrics, in a process that refreshes only once.
                    let _ = custom_ran.send(report.clone());
                }
                match progress {
                    Progress::Finished(report) => {
                        counters.service().refreshed(report);
                        let execution = JobExecution {
                            job_type: Label::repaired(JOB_NAME),
                            status: if report.is_success() { Status::Success } else { Status::Failure },
                            duration_seconds: report.duration.into(),
                        };
                        recorder.record(&execution.into());
                    }
                    // Not an execution of the job: it is not in the history of jobs either.
                    Progress::Updated(report) if report.trigger == Trigger::Change => {
                        counters.service().refreshed(report);
                    }
                    _ => {}
                }
                watchers.publish(progress);
            }),
        };
        let job =
            UpdateMetricsJob::new(database.clone(), health.clone(), definitions, options, snapshots.clone(), hooks);
        let custom = CustomMetrics::new(
            database,
            health.clone(),
            job.clone(),
            telemetry.clone(),
            config.custom_metrics_file.clone(),
            custom_reports,
        )?;
        Ok(Arc::new(Self {
            job,
            sharing: OnceLock::new(),
            custom,
            exposition: Exposition::new(snapshots.clone(), live.clone(), telemetry.clone()),
            snapshots,
            remembered: Remembered::new(database, health.clone(), config.history_max_bytes),
            live,
            journal: OnceLock::new(),
            telemetry,
            scrape_permits: ScrapePermits::new(config.max_concurrent_scrapes, connections.clone()),
            connections,
            websocket_permits: Arc::new(Semaphore::new(MAX_WEBSOCKETS)),
            overview: OverviewData::default(),
            database_name: database.name().to_owned(),
            health: health.clone(),
            contents: contents.subscribe(),
            tokens: Tokens::new(database),
            unpacking: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
            searching: Arc::new(Semaphore::new(std::thread::available_parallelism().map_or(1, usize::from))),
            base_path: config.base_path.clone(),
            query_links: QueryLinks { prometheus: config.prometheus_url.clone(), grafana: config.grafana_url.clone() },
            series_budget: config.series_budget,
            admins: Admins::new(config, database),
            feed,
            refresh_interval: config.refresh_interval,
            tls: OnceLock::new(),
            next_run: OnceLock::new(),
        }))
    }
}

/// The limits of connections as configured, as far as the process may open files.
pub(crate) fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits { total: config.max_connections, per_address: config.max_connections_per_address }
        .within(open_files())
}
