//! The custom metrics of a service, as they are shown.

use std::collections::BTreeMap;

use playarr_jobs::custom::{CustomMetric, MetricProblem};
use playarr_jobs::database::DatabaseError;
use playarr_jobs::metric::Text;

use super::pauses::Pause;
use super::record::Revision;

/// Where a custom metric is defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DefinedIn {
    /// On the page, or through the API; in our collection.
    Page,
    /// In `CUSTOM_METRICS_FILE`.
    File,
}

/// What those who look at the series of a custom metric want to know of it.
#[derive(Clone, Debug)]
pub(crate) struct RunningMetric {
    /// What its values count.
    pub(crate) unit: Text,
    /// The most series that it may have.
    pub(crate) budget: usize,
    /// Where it can be changed.
    pub(crate) defined_in: DefinedIn,
}

/// The custom metrics that run, by name.
pub(crate) type RunningMetrics = BTreeMap<Text, RunningMetric>;

/// A custom metric.
#[derive(Clone, Debug)]
pub(crate) struct CustomEntry {
    /// What it is.
    pub(crate) metric: CustomMetric,
    /// Where it is defined.
    pub(crate) origin: DefinedIn,
    /// Its present revision; `None` for one of the file.
    pub(crate) revision: Option<Revision>,
    /// Whether the file hides one of this name that was defined on the page.
    pub(crate) hides_page: bool,
    /// Why it is not run, though it is stored: it does not pass the checks of this version.
    pub(crate) problems: Vec<MetricProblem>,
    /// Since when it is paused.
    pub(crate) pause: Option<Pause>,
}

/// All custom metrics.
#[derive(Clone, Debug, Default)]
pub(crate) struct CustomOverview {
    /// By name.
    pub(crate) entries: Vec<CustomEntry>,
    /// What is wrong with the file: it was changed, and the version before it stays.
    pub(crate) file_problem: Option<String>,
    /// What is wrong with those of our collection: they cannot be read, say.
    pub(crate) store_problem: Option<String>,
}

/// A custom metric could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChangeError {
    /// It cannot be used as it is.
    #[error("the metric is not valid: {}", messages(.0))]
    Invalid(Vec<MetricProblem>),
    /// There is none of this name.
    #[error("there is no custom metric {0}; GET /api/metrics/custom lists them")]
    Unknown(String),
    /// It belongs to the file.
    #[error("{0} is defined in CUSTOM_METRICS_FILE; change it there")]
    InFile(String),
    /// Somebody else changed it.
    #[error("{0} was changed by somebody else meanwhile; load it again, then change it")]
    Conflict(String),
    /// There is nothing before it.
    #[error("{0} has no earlier revision")]
    NothingToUndo(String),
    /// What is stored cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// MongoDB does not answer, or refuses.
    #[error("the custom metrics could not be read or written: {0}")]
    Database(#[from] DatabaseError),
    /// MongoDB gave no answer about the metric.
    #[error("the metric could not be checked: {0}")]
    Unchecked(String),
    /// Another instance counts.
    #[error("the metric is not counted now: {0}; try again at the instance that refreshes, which the status names")]
    NotCounted(String),
}

fn messages(problems: &[MetricProblem]) -> String {
    problems.iter().map(|problem| problem.message.as_str()).collect::<Vec<_>>().join("; ")
}
