//! A refresh that is asked for where another instance refreshes: the request goes to the holder by way of the lease,
//! and its steps and its report come back the same way.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mongodb::bson::{Bson, Document, doc};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::state::{PendingAnswer, RequestOutcome, SharingState};
use crate::lease::LeaseView;
use crate::refresh::{CollectorReport, Progress, RefreshError, Report, Scope, Trigger};

/// How often whoever asked looks how far the refresh is, and how often the holder says so.
const STEP_INTERVAL: Duration = Duration::from_millis(200);

/// How long the lease may be unreadable while somebody waits for the answer to a request.
const SILENCE: Duration = Duration::from_secs(30);

/// How long somebody waits for the snapshot that a report is about.
const SNAPSHOT_TIME: Duration = Duration::from_secs(5);

/// How often the holder tries to write an answer.
const ANSWER_ATTEMPTS: usize = 5;

/// Whether a request has no answer yet, and may get one.
pub(super) fn is_pending(answer: &PendingAnswer) -> bool {
    answer.borrow().is_none() && answer.has_changed().is_ok()
}

impl<P: Send + Sync + 'static> SharingState<P> {
    /// Asks the holder, or joins a request that waits for as much.
    pub(super) fn ask(self: &Arc<Self>, scope: Scope) -> PendingAnswer {
        let mut asked = self.asked.lock();
        if let Some((_, answer)) = asked.as_ref().filter(|(running, answer)| *running >= scope && is_pending(answer)) {
            return answer.clone();
        }
        let (sender, receiver) = watch::channel(None);
        *asked = Some((scope, receiver.clone()));
        drop(asked);
        let state = self.clone();
        // A task of its own: the steps are shown even if whoever asked does not wait.
        tokio::spawn(async move {
            let outcome = state.ask_holder(scope).await;
            sender.send_replace(Some(outcome));
        });
        receiver
    }

    async fn ask_holder(&self, scope: Scope) -> RequestOutcome {
        let not_asked = |reason: &dyn ToString| RefreshError::NotAsked { reason: reason.to_string() };
        let (mut relay, mut heard) = (Relay::default(), Instant::now());
        let number = loop {
            match self.lease.request(scope == Scope::All).await.map_err(|error| not_asked(&error))? {
                Some(number) => break number,
                None if self.lease.role().refreshes() => return self.job.refresh_in(scope, Trigger::Manual).await,
                None if heard.elapsed() > SILENCE => return Err(not_asked(&"there is no lease")),
                // The document was removed. Whoever held the lease, or this instance, makes it again.
                None => sleep(STEP_INTERVAL).await,
            }
        };
        loop {
            sleep(STEP_INTERVAL).await;
            if self.lease.role().refreshes() {
                return self.job.refresh_in(scope, Trigger::Manual).await;
            }
            match self.lease.read().await {
                Ok(Some(view)) => {
                    heard = Instant::now();
                    if view.requests.done >= number {
                        return self.answer(&view, relay).await;
                    }
                    if view.requests.begun >= number {
                        relay.pass(&view.requests.progress, &self.steps);
                    }
                }
                Err(error) if heard.elapsed() > SILENCE => return Err(not_asked(&error)),
                _ => {}
            }
        }
    }

    /// Shows the snapshot of a request that is done, tells the steps that were not told yet, and returns the report.
    async fn answer(&self, view: &LeaseView, mut relay: Relay) -> RequestOutcome {
        let report = Report::from_document(&view.requests.report, Duration::ZERO).ok_or(RefreshError::Ended)?;
        let asked = Instant::now();
        while self.job.given_generation().is_none_or(|shown| shown < report.generation)
            && asked.elapsed() < SNAPSHOT_TIME
        {
            sleep(self.catch_up(view, &mut None).await.min(STEP_INTERVAL)).await;
        }
        let report = Arc::new(report);
        relay.finish(&report, &self.steps);
        Ok(report)
    }

    /// Carries out what others have asked for, if anything: the holder under this lease does so.
    pub(super) fn carry_out(self: &Arc<Self>, view: &LeaseView) {
        let mut carried = self.carried.lock();
        let is_busy = carried.as_ref().is_some_and(|task| !task.is_finished());
        if view.requests.is_pending(view.fence) && !is_busy {
            let (state, view) = (self.clone(), view.clone());
            *carried = Some(tokio::spawn(async move { state.refresh_for(&view).await }));
        }
    }

    async fn refresh_for(&self, view: &LeaseView) {
        let number = view.requests.asked;
        let begun = doc! { "begun": number, "begun_by": view.fence, "full": false, "progress": {} };
        match self.lease.note(view.fence, &begun).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => return tracing::debug!(%error, "a refresh for another instance could not begin"),
        }
        let scope = if view.requests.is_full { Scope::All } else { Scope::Changed };
        let (mut steps, mut progress) = (self.job.steps(), StepsSoFar::default());
        let mut refresh = pin!(self.job.refresh_in(scope, Trigger::Manual));
        let mut ticks = interval(STEP_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let report = loop {
            tokio::select! {
                report = &mut refresh => break report,
                Ok(step) = steps.recv() => progress.add(&step),
                _ = ticks.tick() => {
                    if let Some(news) = progress.news() {
                        // Steps are for watching only.
                        let _ = self.lease.note(view.fence, &doc! { "progress": news }).await;
                    }
                }
            }
        };
        let report = report.map(|report| report.to_document()).unwrap_or_default();
        let done = doc! { "done": number, "report": report };
        for _ in 0..ANSWER_ATTEMPTS {
            if self.lease.note(view.fence, &done).await.is_ok() {
                return;
            }
            sleep(STEP_INTERVAL).await;
        }
    }
}

/// The steps of a refresh so far, as the holder notes them.
#[derive(Default)]
struct StepsSoFar {
    generation: i64,
    collectors: i64,
    collected: Vec<Bson>,
    has_news: bool,
}

impl StepsSoFar {
    fn add(&mut self, step: &Progress) {
        match step {
            Progress::Started { generation, collectors, .. } => {
                self.generation = i64::try_from(*generation).unwrap_or(i64::MAX);
                self.collectors = i64::try_from(*collectors).unwrap_or(i64::MAX);
                self.collected.clear();
            }
            Progress::Collected(report) => self.collected.push(report.to_document().into()),
            _ => return,
        }
        self.has_news = true;
    }

    fn news(&mut self) -> Option<Document> {
        std::mem::take(&mut self.has_news).then(|| {
            let (generation, collectors) = (self.generation, self.collectors);
            doc! { "generation": generation, "collectors": collectors, "collected": self.collected.clone() }
        })
    }
}

/// Tells the steps of a refresh elsewhere, each once.
#[derive(Default)]
pub(super) struct Relay {
    has_started: bool,
    told: BTreeSet<String>,
}

impl Relay {
    /// Tells what the holder has noted.
    pub(super) fn pass(&mut self, progress: &Document, steps: &dyn Fn(&Progress)) {
        let number = |name| progress.get_i64(name).ok().and_then(|number| u64::try_from(number).ok());
        let (Some(generation), Some(collectors)) = (number("generation"), number("collectors")) else { return };
        self.start(generation, usize::try_from(collectors).unwrap_or(usize::MAX), steps);
        for collected in progress.get_array("collected").into_iter().flatten() {
            if let Some(report) = collected.as_document().and_then(CollectorReport::from_document) {
                self.collected(report, steps);
            }
        }
    }

    /// Tells the rest of a refresh that is done.
    fn finish(&mut self, report: &Arc<Report>, steps: &dyn Fn(&Progress)) {
        let counted: Vec<_> = report.collectors.iter().filter(|one| !one.is_kept).cloned().collect();
        self.start(report.generation, counted.len(), steps);
        for one in counted {
            self.collected(one, steps);
        }
        steps(&Progress::Finished(report.clone()));
    }

    fn start(&mut self, generation: u64, collectors: usize, steps: &dyn Fn(&Progress)) {
        if !std::mem::replace(&mut self.has_started, true) {
            steps(&Progress::Started { generation, trigger: Trigger::Manual, collectors });
        }
    }

    fn collected(&mut self, report: CollectorReport, steps: &dyn Fn(&Progress)) {
        if self.told.insert(report.name.clone()) {
            steps(&Progress::Collected(report));
        }
    }
}
