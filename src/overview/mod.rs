//! The numbers of the overview page: small, made from the snapshot and the live metrics, never from the database.

mod activity;
mod directory;
mod families;
mod library;
mod providers;
mod ranking;
mod timeline;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use playarr_jobs::refresh::Snapshot;

pub(crate) use directory::Directory;
pub(crate) use timeline::{TimelineView, Window};

use crate::live::Live;

use activity::Activity;
use families::Families;
use library::Library;
use providers::Providers;
use timeline::{SAMPLE_INTERVAL, Timeline};

/// The number of accounts in an answer that does not ask for all.
const MAX_ACCOUNTS: usize = 10;

/// What is kept between one request and the next.
#[derive(Debug, Default)]
pub(crate) struct OverviewData {
    timeline: Mutex<Timeline>,
    /// The library of the last generation that was asked for: adding up thousands of series is worth doing once.
    library: Mutex<Option<(u64, Arc<Library>)>>,
}

impl OverviewData {
    /// Samples the live metrics for the timeline, for as long as it is awaited.
    pub(crate) async fn watch(&self, live: &Live) {
        let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
        loop {
            interval.tick().await;
            if let Some(traffic) = live.traffic() {
                self.timeline.lock().sample(Instant::now(), traffic);
            }
        }
    }

    /// Streams and cache operations up to now; `None` before the first sample.
    #[must_use]
    pub(crate) fn timeline(&self, window: Window, live: &Live) -> Option<TimelineView> {
        let timeline = self.timeline.lock();
        timeline.view(window, (Instant::now(), SystemTime::now()), &live.traffic()?)
    }

    /// The library of a snapshot.
    #[must_use]
    pub(crate) fn library(&self, snapshot: &Snapshot) -> Arc<Library> {
        let mut last = self.library.lock();
        match &*last {
            Some((generation, library)) if *generation == snapshot.generation => library.clone(),
            _ => {
                let library = Arc::new(Library::of(&gauges(snapshot)));
                *last = Some((snapshot.generation, library.clone()));
                library
            }
        }
    }
}

/// The accounts at the providers at this moment; all of them or the most urgent ten.
#[must_use]
pub(crate) fn providers(snapshot: &Snapshot, directory: &Directory, all: bool, now: SystemTime) -> Providers {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let limit = if all { usize::MAX } else { MAX_ACCOUNTS };
    Providers::of(&gauges(snapshot), directory, limit, now)
}

/// The live metrics so far.
#[must_use]
pub(crate) fn activity(live: &Live, directory: &Directory) -> Activity {
    Activity::of(&Families::new(&live.recorded()), directory)
}

fn gauges(snapshot: &Snapshot) -> Families<'_> {
    Families::new(snapshot.collectors.iter().filter_map(|collector| collector.family.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_added_up_once_for_each_generation() {
        let data = OverviewData::default();
        let library = |generation| data.library(&Snapshot { generation, ..Snapshot::default() });
        let first = library(1);
        assert!(Arc::ptr_eq(&first, &library(1)));
        assert!(!Arc::ptr_eq(&first, &library(2)));
    }
}
