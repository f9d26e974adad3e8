//! All families to one snapshot: `UpdateMetricsJob` runs the collectors, publishes the snapshot and reports; the
//! scheduler says when.

mod job_history;
mod log;
mod moment;
mod report;
mod scheduler;
mod snapshot;
mod update;

pub use moment::Moment;
pub use report::{CollectorReport, Progress, Report, Trigger};
pub use scheduler::{MAX_INTERVAL, MIN_INTERVAL, Schedule, ScheduleError, schedule_refreshes};
pub use snapshot::{Collector, Published, Snapshot, SnapshotStore};
pub use update::{Hooks, JOB_NAME, RefreshError, RefreshOptions, UpdateMetricsJob};
