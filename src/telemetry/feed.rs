//! What those who watch the service are told as it happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use playarr_jobs::refresh::{CollectorReport, Progress, Report, Trigger};
use tokio::sync::{broadcast, watch};

/// How many steps a watcher may be behind. A slower one loses steps and has to read the status again.
const BACKLOG: usize = 256;

/// The progress of refreshes, for those who watch.
#[derive(Debug)]
pub(crate) struct Feed {
    collectors: AtomicUsize,
    done: AtomicUsize,
    last_report: watch::Sender<Option<Arc<Report>>>,
    steps: broadcast::Sender<Step>,
    stopping: watch::Sender<bool>,
}

/// A step of a refresh.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// It began.
    Started {
        /// The generation it will publish.
        generation: u64,
        /// What set it off.
        trigger: Trigger,
        /// How many collectors it has.
        collectors: usize,
    },
    /// A collector is done.
    Collected {
        /// What it did.
        report: CollectorReport,
        /// How many are done.
        done: usize,
        /// Of how many.
        of: usize,
    },
    /// The snapshot is published.
    Finished(Arc<Report>),
    /// Some gauges were counted again outside of a refresh, and are published.
    Updated,
}

/// A feed that nobody watches yet.
impl Default for Feed {
    fn default() -> Self {
        Self {
            collectors: AtomicUsize::new(0),
            done: AtomicUsize::new(0),
            last_report: watch::Sender::new(None),
            steps: broadcast::Sender::new(BACKLOG),
            stopping: watch::Sender::new(false),
        }
    }
}

impl Feed {
    /// Passes a step on to whoever watches.
    pub(crate) fn publish(&self, progress: &Progress) {
        let step = match progress {
            Progress::Started { generation, trigger, collectors } => {
                self.done.store(0, Ordering::Relaxed);
                self.collectors.store(*collectors, Ordering::Relaxed);
                Step::Started { generation: *generation, trigger: *trigger, collectors: *collectors }
            }
            Progress::Collected(report) => Step::Collected {
                report: report.clone(),
                done: self.done.fetch_add(1, Ordering::Relaxed) + 1,
                of: self.collectors.load(Ordering::Relaxed),
            },
            Progress::Finished(report) => {
                self.last_report.send_replace(Some(report.clone()));
                Step::Finished(report.clone())
            }
            Progress::Updated(report) => {
                if report.trigger == Trigger::Change {
                    self.last_report.send_replace(Some(report.clone()));
                }
                Step::Updated
            }
            Progress::Adopted(report) => {
                if let Some(report) = report {
                    self.last_report.send_replace(Some(report.clone()));
                }
                Step::Updated
            }
        };
        // An error says that nobody watches.
        let _ = self.steps.send(step);
    }

    /// The report of the last refresh; none before the first.
    #[must_use]
    pub(crate) fn last_report(&self) -> Option<Arc<Report>> {
        self.last_report.borrow().clone()
    }

    /// The steps from now on.
    #[must_use]
    pub(crate) fn steps(&self) -> broadcast::Receiver<Step> {
        self.steps.subscribe()
    }

    /// What tells somebody who watches that the service stops. [`Feed::stop`] waits until it is dropped.
    #[must_use]
    pub(crate) fn stop_signal(&self) -> StopSignal {
        StopSignal(self.stopping.subscribe())
    }

    /// Tells everybody who watches that the service stops, and waits until they are gone.
    pub(crate) async fn stop(&self) {
        self.stopping.send_replace(true);
        self.stopping.closed().await;
    }
}

/// Tells that the service stops.
#[derive(Debug)]
pub(crate) struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    /// Waits until the service stops.
    pub(crate) async fn given(&mut self) {
        // An error says that the feed is gone, and with it the service.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}
