//! Makes a snapshot of the last one and what was collected, and publishes it: here, and to the other instances.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;

use super::Runner;
use crate::lease::Reservation;
use crate::refresh::group::Collected;
use crate::refresh::moment::Moment;
use crate::refresh::report::{CollectorReport, Report};
use crate::refresh::shared::ShareOutcome;
use crate::refresh::snapshot::{Published, ReadReport, Snapshot};

/// How long the first snapshot waits for its number.
const FIRST_NUMBER_TIME: Duration = Duration::from_millis(500);

/// What was published.
pub(in crate::refresh) struct Publication {
    /// The number of the snapshot.
    pub(in crate::refresh) generation: u64,
    /// What is to be said of all collectors.
    pub(in crate::refresh) collectors: Vec<CollectorReport>,
    pub(in crate::refresh) report: Option<Arc<Report>>,
}

/// The number of a snapshot.
#[derive(Clone, Copy)]
enum Number {
    /// From the lease: the snapshot is for all instances.
    Given(u64),
    /// Of this instance's own.
    Own(u64),
}

impl<P: Send + Sync + 'static> Runner<P> {
    /// Publishes the last snapshot with what was collected in it. `None` if it could not be prepared, or another
    /// instance refreshes; what is shown then stays, and what was collected is due again.
    ///
    /// `read` says how built-in gauges were read, if any were. `is_current` says that whatever was not collected is
    /// known to be as it is in the database. `report` makes the report of a refresh from the number and the reports of
    /// all collectors.
    pub(in crate::refresh) async fn publish(
        self: &Arc<Self>,
        collected: Vec<Collected>,
        read: Option<ReadReport>,
        is_current: bool,
        report: impl FnOnce(u64, Vec<CollectorReport>) -> Option<Report>,
    ) -> Option<Publication> {
        let _publishing = self.publishing.lock().await;
        let names: Vec<_> = collected.iter().map(|one| one.collector.name.clone()).collect();
        let duration = collected.iter().map(|one| one.collector.duration).sum();
        let publication = self.try_to_publish(collected, read, is_current, report).await;
        if publication.is_none() {
            self.gauges.forget(&names, duration);
            self.custom.forget(&names, duration);
        }
        publication
    }

    async fn try_to_publish(
        self: &Arc<Self>,
        collected: Vec<Collected>,
        read: Option<ReadReport>,
        is_current: bool,
        report: impl FnOnce(u64, Vec<CollectorReport>) -> Option<Report>,
    ) -> Option<Publication> {
        let has_news = is_current || collected.iter().any(|one| one.collector.is_successful());
        let number = self.number(has_news).await?;
        let (Number::Given(generation) | Number::Own(generation)) = number;
        let this = self.clone();
        let made = tokio::task::spawn_blocking(move || this.make(generation, collected, read, has_news)).await;
        let (published, collectors) = made
            .inspect_err(|error| tracing::error!(%error, "preparing the snapshot failed; the last one stays"))
            .ok()?;
        let report = report(generation, collectors.clone()).map(Arc::new);
        if let Some(report) = &report {
            *self.last_report.lock() = Some(report.clone());
        }
        let is_given = matches!(number, Number::Given(_));
        let mut is_own = !is_given;
        if let Some(bonds) = self.bonds.get().filter(|_| is_given) {
            // Before it is shown here: a process that is killed in between has shown nothing that is lost.
            let (last_report, moment) = (self.last_report.lock().clone(), *self.shown.lock());
            let shared = (bonds.share)(published.clone(), last_report, moment).await;
            match shared {
                ShareOutcome::Shared => self.handing_on.lock().succeeded(),
                ShareOutcome::Unreached | ShareOutcome::NotStored => {
                    let may_wait = shared == ShareOutcome::Unreached && self.store.load().snapshot.is_taken();
                    // What is shown should never go back, so the next process should find it.
                    if self.handing_on.lock().failed(may_wait) {
                        tracing::debug!("what was counted is thrown away: the database does not confirm it is stored");
                        return None;
                    }
                    is_own = true;
                }
                ShareOutcome::Superseded { generation: later } => {
                    tracing::info!(generation, later, "a snapshot came too late: there is a later one");
                    self.highest.fetch_max(later, Ordering::Relaxed);
                    return None;
                }
            }
        }
        // Nobody may take what is shown for handed on, not even for a moment.
        if is_own {
            self.is_own.send_replace(true);
        }
        self.store.publish(published);
        self.is_own.send_if_modified(|before| std::mem::replace(before, is_own) != is_own);
        if is_given {
            self.given.store(generation, Ordering::Relaxed);
        }
        Some(Publication { generation, collectors, report })
    }

    /// The number of the next snapshot; `None` if there is to be none.
    async fn number(&self, has_news: bool) -> Option<Number> {
        let (last, is_taken) = {
            let last = self.store.load();
            (last.snapshot.generation, last.snapshot.is_taken())
        };
        let Some(bonds) = self.bonds.get() else { return Some(Number::Own(last + 1)) };
        let reserving = bonds.lease.reserve(last.max(self.highest.load(Ordering::Relaxed)));
        let reservation = match is_taken {
            true => reserving.await,
            // Whoever has nothing to show yet does not wait long; it is handed on later.
            false => timeout(FIRST_NUMBER_TIME, reserving).await.unwrap_or(Reservation::Unreached),
        };
        match reservation {
            Reservation::Number(number) => Some(Number::Given(number)),
            Reservation::Alone => Some(Number::Own(last + 1)),
            Reservation::Lost => {
                tracing::info!("what was counted is thrown away: another instance refreshes");
                None
            }
            // That nothing could be counted shows, but another instance may have counted: the number is not used up.
            Reservation::Unreached if !has_news || !is_taken => Some(Number::Own(last.max(1))),
            Reservation::Unreached => {
                tracing::debug!("what was counted is thrown away: the database does not say who refreshes");
                None
            }
        }
    }

    /// The snapshot of this number, prepared, and what is to be said of all collectors.
    fn make(
        &self,
        generation: u64,
        collected: Vec<Collected>,
        read: Option<ReadReport>,
        has_news: bool,
    ) -> (Arc<Published<P>>, Vec<CollectorReport>) {
        let last = self.store.load();
        let taken_at = if has_news { Some(Moment::now()) } else { last.snapshot.taken_at };
        let mut new: HashMap<_, _> = collected.into_iter().map(|one| (one.definition.name.clone(), one)).collect();
        let (mut collectors, mut reports) = (Vec::new(), Vec::new());
        for definition in self.gauges.definitions().into_iter().chain(self.custom.definitions()) {
            // One whose definition was replaced meanwhile is counted again.
            let new = new.remove(&definition.name).filter(|new| Arc::ptr_eq(&new.definition, &definition));
            let is_kept = new.is_none();
            let kept = || last.snapshot.collector(&definition.name).cloned();
            if let Some(collector) = new.map(|new| new.collector).or_else(kept) {
                reports.push(CollectorReport { is_kept, ..CollectorReport::of(&collector) });
                collectors.push(collector);
            }
        }
        let read = read.unwrap_or_else(|| last.snapshot.read.clone());
        let snapshot = Snapshot { generation, taken_at, collectors, read };
        let prepared = (self.hooks.prepare)(&snapshot, &last.prepared);
        (Arc::new(Published { snapshot, prepared }), reports)
    }
}
