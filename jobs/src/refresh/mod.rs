//! All families to one snapshot: `UpdateMetricsJob` runs the collectors, publishes the snapshot and reports; the
//! scheduler says when.

mod changes;
mod group;
mod handing_on;
mod job_history;
mod last_run;
mod log;
mod moment;
mod options;
mod report;
mod report_document;
mod runner;
mod scheduler;
mod shared;
mod snapshot;
mod turns;
mod update;
mod writes;

pub use changes::watch_changes;
pub use moment::Moment;
pub use options::{Hooks, Prepare, RefreshOptions};
pub use report::{CollectorReport, Progress, Report, Scope, Trigger};
pub use scheduler::{MAX_INTERVAL, MIN_INTERVAL, Schedule, ScheduleError, schedule_refreshes};
pub use shared::{Bonds, Recall, Share, ShareOutcome, SharedSnapshot};
pub use snapshot::{Collector, Published, ReadReport, Snapshot, SnapshotStore};

pub use crate::collect::Lag;
pub use update::{ChangeDetection, JOB_NAME, RefreshError, UpdateMetricsJob};
