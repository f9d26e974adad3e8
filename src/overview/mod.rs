//! The library and what happens in it, small enough for a page of pictures: made from the snapshot and the live
//! metrics, never from the database.

mod activity;
mod families;
mod history;
mod library;
mod providers;
mod top;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use playarr_jobs::refresh::Snapshot;

pub use activity::{Activity, Cache, Count, Durations, Outcomes, Quantile};
pub use history::{History, MOST_POINTS, Past, SAMPLE_INTERVAL, Window};
pub use library::{Channels, Library, Titles, Watchlist};
pub use providers::{Account, Busy, Connections, Expiry, Providers};
pub use top::{Amount, Entry, Others, Top};

use crate::live::Live;
use families::Families;

/// What is remembered between one look and the next.
#[derive(Debug, Default)]
pub struct Overview {
    history: Mutex<History>,
    /// The library of a generation: adding up thousands of series each time would be a waste.
    library: Mutex<Option<(u64, Arc<Library>)>>,
}

impl Overview {
    /// Takes samples of the live metrics, for as long as it is awaited.
    pub async fn watch(&self, live: &Live) {
        let mut interval = tokio::time::interval(SAMPLE_INTERVAL);
        loop {
            interval.tick().await;
            lock(&self.history).sample(Instant::now(), live.traffic());
        }
    }

    /// Streams and cache operations up to now; none before the live metrics are restored.
    #[must_use]
    pub fn past(&self, window: Window, live: &Live) -> Option<Past> {
        let history = lock(&self.history);
        history.past(window, (Instant::now(), SystemTime::now()), &live.traffic())
    }

    /// The library of a snapshot.
    #[must_use]
    pub fn library(&self, snapshot: &Snapshot) -> Arc<Library> {
        let mut last = lock(&self.library);
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

/// The providers of a snapshot as they are at this moment.
#[must_use]
pub fn providers(snapshot: &Snapshot, library: &Library, now: SystemTime) -> Providers {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let largest = library.providers.shown.iter().map(|provider| &*provider.name);
    Providers::of(&gauges(snapshot), largest, now)
}

/// What happened so far.
#[must_use]
pub fn activity(live: &Live) -> Activity {
    Activity::of(&Families::new(&live.recorded()))
}

fn gauges(snapshot: &Snapshot) -> Families<'_> {
    Families::new(snapshot.collectors.iter().filter_map(|collector| collector.family.as_deref()))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds a lock here leaves half a change behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
