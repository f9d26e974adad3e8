//! The custom metrics of a running service: puts file and collection together, gives the job what should run, pauses
//! what keeps failing, and makes the changes that admins ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::Database;
use parking_lot::Mutex;
use playarr_jobs::custom::{Compiled, CustomMetric, MAX_METRICS, MetricProblem, Preview, RunError, compile, preview};
use playarr_jobs::database::{DatabaseError, Health};
use playarr_jobs::metric::Text;
use playarr_jobs::refresh::{Report, UpdateMetricsJob};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::MissedTickBehavior;

use super::file::{CustomFile, CustomFileError, FileStamp};
use super::metrics::{ChangeError, CustomEntry, CustomOverview, DefinedIn, RunningMetric, RunningMetrics};
use super::pauses::{PauseChange, Pauses};
use super::record::CustomRecord;
use super::store::CustomStore;
use crate::telemetry::Telemetry;

/// How often file and collection are looked at. Two looks fit into the ten seconds in which instances follow.
const LOOK_INTERVAL: Duration = Duration::from_secs(4);

/// How many previews run at once. Each may take MongoDB's time for seconds, and tens of megabytes here.
const PREVIEWS: usize = 2;

/// The custom metrics of a service. Clones are handles to the same ones.
pub(crate) struct CustomMetrics<P> {
    pub(super) inner: Arc<CustomInner<P>>,
}

impl<P> Clone for CustomMetrics<P> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

pub(super) struct CustomInner<P> {
    pub(super) database: Database,
    pub(super) store: CustomStore,
    health: Health,
    job: UpdateMetricsJob<P>,
    telemetry: Telemetry,
    path: Option<PathBuf>,
    pub(super) state: Mutex<CustomState>,
    /// The limit of previews at once.
    previews: Semaphore,
    /// How runs ended, as the job reports them.
    reports: tokio::sync::Mutex<UnboundedReceiver<Arc<Report>>>,
}

#[derive(Default)]
pub(super) struct CustomState {
    pub(super) file: CustomFile,
    stamp: Option<FileStamp>,
    file_problem: Option<String>,
    /// Those of our collection, deleted ones included, without their history.
    records: BTreeMap<String, CustomRecord>,
    store_problem: Option<String>,
    /// Why a metric of the collection does not run.
    problems: BTreeMap<String, Vec<MetricProblem>>,
    /// What the job was given.
    running: BTreeMap<String, CustomMetric>,
    pauses: Pauses,
}

impl CustomState {
    /// Those that should run, those of the file first; it wins where a name is in both places.
    pub(super) fn wanted(&self) -> Vec<(&CustomMetric, DefinedIn)> {
        let in_file = |name: &str| self.file.metrics.iter().any(|metric| metric.name == name);
        let of_page = self.records.values().filter_map(|record| record.current.metric.as_ref());
        let of_page = of_page.filter(|metric| !in_file(&metric.name)).map(|metric| (metric, DefinedIn::Page));
        self.file.metrics.iter().map(|metric| (metric, DefinedIn::File)).chain(of_page).collect()
    }
}

impl<P: Send + Sync + 'static> CustomMetrics<P> {
    /// The custom metrics of the file, which run from now on. Those of the collection follow once they are read.
    /// `reports` tells how runs of `job` ended.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub(crate) fn new(
        database: &Database,
        health: Health,
        job: UpdateMetricsJob<P>,
        telemetry: Telemetry,
        path: Option<PathBuf>,
        reports: UnboundedReceiver<Arc<Report>>,
    ) -> Result<Self, CustomFileError> {
        let stamp = path.as_deref().and_then(FileStamp::of);
        let file = path.as_deref().map(CustomFile::read).transpose()?.unwrap_or_default();
        let inner = CustomInner {
            database: database.clone(),
            store: CustomStore::new(database),
            health,
            job,
            telemetry,
            path,
            state: Mutex::new(CustomState { file, stamp, ..CustomState::default() }),
            previews: Semaphore::new(PREVIEWS),
            reports: tokio::sync::Mutex::new(reports),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Follows file, collection and runs. Never returns.
    pub(crate) async fn watch(&self) {
        let mut reports = self.inner.reports.lock().await;
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.apply();
        let mut file_look: Option<JoinHandle<()>> = None;
        loop {
            tokio::select! {
                report = reports.recv() => match report {
                    Some(report) => self.ran(&report),
                    None => return,
                },
                _ = look.tick() => {
                    // A file on a share that does not answer keeps nothing else waiting.
                    if file_look.as_ref().is_none_or(JoinHandle::is_finished) {
                        let custom = self.clone();
                        file_look = Some(spawn_blocking(move || custom.follow_file()));
                    }
                    self.load().await;
                    self.retry_due();
                }
            }
        }
    }

    /// Reads those of the collection, and runs all once. For a process that refreshes only once.
    pub(crate) async fn run_once(&self) {
        // Without an answer of the collection, those of the file run.
        let run = self.load().await.or_else(|| self.apply());
        if let Some(run) = run {
            // One that failed says so among the collectors.
            let _ = run.await;
        }
    }

    /// Every custom metric as it is now.
    #[must_use]
    pub(crate) fn overview(&self) -> CustomOverview {
        let state = self.inner.state.lock();
        let entries = state.wanted().into_iter().map(|(metric, origin)| {
            let record = state.records.get(&metric.name);
            let of_page = record.map(|record| record.current.clone()).filter(|current| current.metric.is_some());
            CustomEntry {
                metric: metric.clone(),
                origin,
                hides_page: origin == DefinedIn::File && of_page.is_some(),
                revision: of_page.filter(|_| origin == DefinedIn::Page),
                problems: state.problems.get(&metric.name).cloned().unwrap_or_default(),
                pause: state.pauses.of(&metric.name).cloned(),
            }
        });
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by(|a, b| a.metric.name.cmp(&b.metric.name));
        CustomOverview { entries, file_problem: state.file_problem.clone(), store_problem: state.store_problem.clone() }
    }

    /// What is known of those that run.
    #[must_use]
    pub(crate) fn running(&self) -> RunningMetrics {
        let state = self.inner.state.lock();
        let in_file = |name: &String| state.file.metrics.iter().any(|metric| metric.name == *name);
        let running = state.running.iter().map(|(name, metric)| {
            let defined_in = if in_file(name) { DefinedIn::File } else { DefinedIn::Page };
            let (unit, budget) = (metric.unit.clone().into(), metric.series_budget());
            (name.clone().into(), RunningMetric { unit, budget, defined_in })
        });
        running.collect()
    }

    /// Runs one now, paused or not, and waits until it is done.
    ///
    /// # Errors
    /// When there is none, or it could not be counted here.
    pub(crate) async fn retry(&self, name: &str) -> Result<(), ChangeError> {
        if !self.inner.state.lock().running.contains_key(name) {
            return Err(ChangeError::Unknown(name.to_owned()));
        }
        let names = BTreeSet::from([Text::from(name.to_owned())]);
        let counted = self.inner.job.refresh_custom(names).await;
        let report = counted.map_err(|error| ChangeError::NotCounted(error.to_string()))?;
        // Its report reaches the watch as well; what it says must be known to whoever asked.
        let has_failed = report.collectors.iter().any(|collector| collector.error.is_some());
        if !has_failed {
            self.ran(&report);
        }
        Ok(())
    }

    /// What a metric would show. Waits for other previews if there are many.
    ///
    /// # Errors
    /// When it fails.
    pub(crate) async fn preview(&self, compiled: &Compiled) -> Result<Preview, RunError> {
        let _permit = self.inner.previews.acquire().await;
        preview(&self.inner.database, compiled).await
    }

    /// Reads the file again, and says what came of it; `None` without a file.
    pub(crate) fn reload_file(&self) -> Option<Result<usize, String>> {
        let path = self.inner.path.as_deref()?;
        let stamp = FileStamp::of(path);
        let read = CustomFile::read(path);
        let mut state = self.inner.state.lock();
        state.stamp = stamp;
        let outcome = match read {
            Ok(file) => {
                state.file_problem = None;
                state.file = file;
                Ok(state.file.metrics.len())
            }
            Err(error) => {
                state.file_problem = Some(error.to_string());
                Err(error.to_string())
            }
        };
        drop(state);
        self.apply();
        Some(outcome)
    }

    /// Reads the file again if it was changed.
    fn follow_file(&self) {
        let Some(path) = self.inner.path.as_deref() else { return };
        // Without the lock: a share may not answer.
        let stamp = FileStamp::of(path);
        if self.inner.state.lock().stamp == stamp {
            return;
        }
        match self.reload_file() {
            Some(Ok(count)) => tracing::info!(count, "CUSTOM_METRICS_FILE was changed and read again"),
            Some(Err(error)) => tracing::warn!("the custom metrics stay as they are: {error}"),
            None => {}
        }
    }

    /// Reads those of the collection. Returns the run of what is new, if anything is.
    pub(super) async fn load(&self) -> Option<JoinHandle<()>> {
        let asked = Instant::now();
        let read = self.inner.store.all().await;
        if let Err(error) = &read
            && self.inner.health.explains(error, asked).await
        {
            return None;
        }
        let mut state = self.inner.state.lock();
        let mut problems = Vec::new();
        match read {
            Ok(records) => {
                state.records.clear();
                for record in records {
                    match record {
                        Ok(record) => _ = state.records.insert(record.name.clone(), record),
                        Err(error) => problems.push(error.to_string()),
                    }
                }
            }
            Err(error) => problems.push(unreadable(&error)),
        }
        let problem = (!problems.is_empty()).then(|| problems.join("; "));
        if let Some(problem) = problem.as_ref().filter(|problem| state.store_problem.as_ref() != Some(problem)) {
            tracing::warn!("{problem}");
        }
        state.store_problem = problem;
        drop(state);
        self.apply()
    }

    /// Gives the job what should run. Returns the run of what is new, if anything is.
    fn apply(&self) -> Option<JoinHandle<()>> {
        let mut state = self.inner.state.lock();
        let (mut running, mut definitions, mut problems) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for (metric, _) in state.wanted() {
            match compile(metric) {
                _ if definitions.len() == MAX_METRICS => {
                    let problem = format!("there are more than {MAX_METRICS} custom metrics; delete others");
                    problems.insert(metric.name.clone(), vec![MetricProblem::new(problem)]);
                }
                Ok(compiled) => {
                    running.insert(metric.name.clone(), metric.clone());
                    definitions.push(compiled.definition);
                }
                Err(found) => _ = problems.insert(metric.name.clone(), found),
            }
        }
        let CustomState { pauses, running: before, .. } = &mut *state;
        pauses.retain(|name| running.contains_key(name) && running.get(name) == before.get(name));
        let is_new = *before != running;
        (state.running, state.problems) = (running, problems);
        // Within the lock, so that the job ends with what was decided last.
        self.pause(&state);
        is_new.then(|| self.inner.job.replace_custom(definitions))
    }

    fn pause(&self, state: &CustomState) {
        let paused = state.pauses.names();
        self.inner.telemetry.custom().show(state.running.keys().map(|name| (name.as_str(), paused.contains(name))));
        self.inner.job.pause_custom(paused.into_iter().map(Text::from).collect());
    }

    /// Notes how custom metrics ran.
    fn ran(&self, report: &Report) {
        let mut state = self.inner.state.lock();
        if self.inner.health.outage().is_some() {
            return state.pauses.forgive();
        }
        let now = Instant::now();
        let mut is_changed = false;
        for collector in &report.collectors {
            if !state.running.contains_key(&collector.name) {
                continue;
            }
            let name = &collector.name;
            match state.pauses.ran(name, collector.error.is_some(), now) {
                PauseChange::None => continue,
                PauseChange::Paused => {
                    let error = collector.error.as_deref().unwrap_or_default();
                    tracing::warn!("{name} failed in three refreshes in a row and is paused for an hour: {error}");
                }
                PauseChange::Resumed => tracing::info!("{name} works again and is not paused any more"),
            }
            is_changed = true;
        }
        if is_changed {
            self.pause(&state);
        }
    }

    /// Tries the paused ones whose hour is over.
    fn retry_due(&self) {
        let mut state = self.inner.state.lock();
        let now = Instant::now();
        let due = state.pauses.due(now);
        if due.is_empty() {
            return;
        }
        state.pauses.trying(&due, now);
        drop(state);
        let (job, names) = (self.inner.job.clone(), due.into_iter().map(Text::from).collect());
        tokio::spawn(async move { job.refresh_custom(names).await });
    }
}

fn unreadable(error: &DatabaseError) -> String {
    format!("the custom metrics of the page cannot be read: {error}; those of CUSTOM_METRICS_FILE run all the same")
}
