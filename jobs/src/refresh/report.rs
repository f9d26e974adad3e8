//! What a refresh reports: its trigger, each step while it runs, and its result.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::snapshot::Collector;

/// What set a refresh off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// The interval was over.
    Schedule,
    /// An admin asked for it.
    Manual,
    /// The service has no snapshot yet.
    Startup,
    /// The data is known to have changed.
    Change,
}

impl Trigger {
    /// All triggers, for metrics that show each from the start.
    pub const ALL: [Self; 4] = [Self::Schedule, Self::Manual, Self::Startup, Self::Change];

    /// The name in metrics and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::Startup => "startup",
            Self::Change => "change",
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a refresh did.
#[derive(Clone, Debug)]
pub struct Report {
    /// The snapshot's generation.
    pub generation: u64,
    /// What set it off.
    pub trigger: Trigger,
    /// When it started.
    pub started: SystemTime,
    /// How long it took, from the first query to the published snapshot.
    pub duration: Duration,
    /// Each collector's part.
    pub collectors: Vec<CollectorReport>,
}

/// A collector's part of a refresh.
#[derive(Clone, Debug)]
pub struct CollectorReport {
    /// The name of the gauge.
    pub name: String,
    /// How many series it shows now.
    pub series: usize,
    /// How many series the budget folded away.
    pub folded: usize,
    /// How long it took.
    pub duration: Duration,
    /// Why it failed; its last good values stay.
    pub error: Option<String>,
    /// Whether it did not run, because nothing was written to its collections since it last did. The rest tells of that
    /// run.
    pub is_kept: bool,
}

impl Report {
    /// Whether every collector succeeded.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.collectors.iter().all(|collector| collector.error.is_none())
    }

    /// Whether no collector succeeded.
    #[must_use]
    pub fn is_total_failure(&self) -> bool {
        self.collectors.iter().all(|collector| collector.error.is_some())
    }
}

/// What a refresh counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// The gauges whose collections may have changed since they were counted; all of them where that is not known.
    Changed,
    /// All gauges.
    All,
}

/// What a refresh tells those who watch it, while it goes on.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A refresh began.
    Started {
        /// The generation it will publish.
        generation: u64,
        /// What set it off.
        trigger: Trigger,
        /// How many collectors it runs.
        collectors: usize,
    },
    /// A collector is done.
    Collected(CollectorReport),
    /// The snapshot is published.
    Finished(Arc<Report>),
    /// Some gauges were counted again outside of a refresh, and are published: custom metrics, or gauges whose data
    /// changed.
    Updated(Arc<Report>),
    /// A snapshot of another instance is shown, with the report of that one's last refresh.
    Adopted(Option<Arc<Report>>),
}

impl CollectorReport {
    /// What a collector of the current snapshot did in its last run.
    #[must_use]
    pub fn of(collector: &Collector) -> Self {
        Self {
            name: collector.name.to_string(),
            series: collector.series(),
            folded: collector.folded,
            duration: collector.duration,
            error: collector.error.clone(),
            is_kept: false,
        }
    }
}
