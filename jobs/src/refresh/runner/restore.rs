//! Snapshots from elsewhere: that of the process before this one, whose values are shown, with their true age, until
//! there are new ones; and those of the instance that refreshes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Runner;
use crate::collect::Definition;
use crate::refresh::report::Progress;
use crate::refresh::shared::SharedSnapshot;
use crate::refresh::snapshot::{Collector, Published, Snapshot};

/// Why a gauge shows nothing that the remembered snapshot did not have.
const NOT_YET: &str = "not counted yet since the start of the service";

impl<P: Send + Sync + 'static> Runner<P> {
    /// Publishes the remembered snapshot unless values were taken already.
    pub(in crate::refresh) async fn restore(self: &Arc<Self>) {
        let Some(bonds) = self.bonds.get().filter(|_| !self.store.load().snapshot.is_taken()) else { return };
        let Some(remembered) = (bonds.recall)().await else { return };
        let _publishing = self.publishing.lock().await;
        let last = self.store.load();
        if last.snapshot.is_taken() || !remembered.snapshot.is_taken() {
            return;
        }
        let SharedSnapshot { snapshot: remembered, report: _, moment } = remembered;
        let definitions = self.gauges.definitions();
        let mut collectors: Vec<_> = definitions.iter().map(|definition| restored(&remembered, definition)).collect();
        let custom = self.custom.definitions();
        collectors.extend(custom.iter().filter_map(|definition| remembered.collector(&definition.name).cloned()));
        // A refresh that found nothing may have had a number already; numbers never go back.
        let generation = remembered.generation.max(last.snapshot.generation);
        let age_seconds = remembered.taken_at.map(|taken_at| taken_at.age()).unwrap_or_default().as_secs();
        let snapshot = Snapshot { generation, collectors, ..remembered };
        if self.show(snapshot, moment).await {
            tracing::info!(generation, age_seconds, "showing the snapshot of before the start until the first refresh");
        }
    }

    /// Publishes a snapshot of the instance that refreshes, unless a later one of it is shown. Returns whether it is
    /// shown now.
    pub(in crate::refresh) async fn adopt(self: &Arc<Self>, shared: SharedSnapshot) -> bool {
        let _publishing = self.publishing.lock().await;
        let SharedSnapshot { mut snapshot, report, moment } = shared;
        let last = self.store.load();
        let generation = snapshot.generation;
        if generation <= self.given.load(Ordering::Relaxed) {
            return true;
        }
        for collector in &mut snapshot.collectors {
            // The same values stay the same family, so that they are not rendered again.
            let shown = last.snapshot.collector(&collector.name).and_then(|shown| shown.family.clone());
            if let Some(shown) = shown.filter(|shown| collector.family.as_ref() == Some(shown)) {
                collector.family = Some(shown);
            }
        }
        let is_shown = self.show(snapshot, moment).await;
        if is_shown {
            self.is_own.send_replace(false);
            self.given.store(generation, Ordering::Relaxed);
            self.progress(&Progress::Adopted(report));
        }
        is_shown
    }

    /// Prepares a snapshot and publishes it. Returns whether that worked.
    async fn show(self: &Arc<Self>, snapshot: Snapshot, moment: Option<mongodb::bson::Timestamp>) -> bool {
        let this = self.clone();
        let prepared = tokio::task::spawn_blocking(move || {
            let last = this.store.load();
            let prepared = (this.hooks.prepare)(&snapshot, &last.prepared);
            this.store.publish(Arc::new(Published { snapshot, prepared }));
        });
        if let Err(error) = prepared.await {
            tracing::error!(%error, "preparing a snapshot of elsewhere failed; the first refresh takes its place");
            return false;
        }
        let mut shown = self.shown.lock();
        *shown = (*shown).max(moment);
        true
    }
}

/// What the remembered snapshot has for a definition. A gauge whose labels are others by now has nothing.
fn restored(remembered: &Snapshot, definition: &Definition) -> Collector {
    let has_labels = |collector: &&Collector| {
        let family = collector.family.as_deref();
        family.is_none_or(|family| family.columns.iter().map(|column| &column.name).eq(&definition.labels))
    };
    remembered.collector(&definition.name).filter(has_labels).cloned().unwrap_or_else(|| Collector {
        name: definition.name.clone(),
        family: None,
        folded: 0,
        duration: std::time::Duration::ZERO,
        last_success: None,
        error: Some(NOT_YET.to_owned()),
    })
}
