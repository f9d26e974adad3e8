//! The start from a remembered snapshot: its values are shown, with their true age, until the first refresh has new
//! ones.

use std::pin::Pin;
use std::sync::Arc;

use super::Runner;
use crate::collect::Definition;
use crate::refresh::snapshot::{Collector, Published, Snapshot};

/// Why a gauge shows nothing that the remembered snapshot did not have.
const NOT_YET: &str = "not counted yet since the start of the service";

/// Reads the remembered snapshot, if there is one.
pub type Recall = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Snapshot>> + Send>> + Send + Sync>;

impl<P: Send + Sync + 'static> Runner<P> {
    /// Publishes the remembered snapshot unless values were taken already.
    pub(super) async fn restore(self: &Arc<Self>) {
        let Some(recall) = self.recall.get().filter(|_| !self.store.load().snapshot.is_taken()) else { return };
        let Some(remembered) = recall().await else { return };
        let this = self.clone();
        let published = tokio::task::spawn_blocking(move || {
            let _publishing = this.publishing.lock();
            let last = this.store.load();
            if last.snapshot.is_taken() || !remembered.is_taken() {
                return;
            }
            let definitions = this.gauges.definitions();
            let mut collectors: Vec<_> =
                definitions.iter().map(|definition| restored(&remembered, definition)).collect();
            let custom = this.custom.definitions();
            collectors.extend(custom.iter().filter_map(|definition| remembered.collector(&definition.name).cloned()));
            // A refresh that found nothing may have had a number already; numbers never go back.
            let generation = remembered.generation.max(last.snapshot.generation);
            let snapshot = Snapshot { generation, collectors, ..remembered };
            let prepared = (this.hooks.prepare)(&snapshot, &last.prepared);
            let age = snapshot.taken_at.map(|taken_at| taken_at.age());
            this.store.publish(Published { snapshot, prepared });
            let age_seconds = age.unwrap_or_default().as_secs();
            tracing::info!(generation, age_seconds, "showing the snapshot of before the start until the first refresh");
        });
        if let Err(error) = published.await {
            tracing::error!(%error, "preparing the remembered snapshot failed; the first refresh takes its place");
        }
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
