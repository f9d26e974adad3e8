//! The changes that admins make: saved, deleted and undone, on top of what they have seen.

use std::time::Duration;

use playarr_jobs::custom::{Compiled, CustomMetric, MAX_METRICS, MetricProblem, compile, refuse_views};

use super::handle::CustomMetrics;
use super::metrics::{ChangeError, CustomEntry, DefinedIn};
use super::record::{CustomRecord, Revision};

/// How long the check for views may take before a metric is saved.
const VIEW_CHECK_TIME: Duration = Duration::from_secs(5);

impl<P: Send + Sync + 'static> CustomMetrics<P> {
    /// The one of this name with its history.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub(crate) async fn get(&self, name: &str) -> Result<(CustomEntry, Vec<Revision>), ChangeError> {
        let found = self.overview().entries.into_iter().find(|entry| entry.metric.name == name);
        let mut entry = found.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        if entry.origin == DefinedIn::File {
            return Ok((entry, Vec::new()));
        }
        // What the collection has now, not what was read some seconds ago: a change is made on top of it.
        let record = self.record(name).await?.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        entry.metric = record.current.metric.clone().ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        entry.revision = Some(record.current);
        Ok((entry, record.history))
    }

    /// Saves a metric. `expected` is the revision that the admin has seen; without it, whatever is there is replaced.
    /// True if it is new.
    ///
    /// # Errors
    /// When it is not valid, belongs to the file, or was changed meanwhile.
    pub(crate) async fn put(
        &self,
        metric: CustomMetric,
        expected: Option<i64>,
        author: &str,
    ) -> Result<bool, ChangeError> {
        let compiled = compile(&metric).map_err(ChangeError::Invalid)?;
        self.expect_page(&metric.name)?;
        self.expect_room(&metric.name)?;
        self.expect_collections(&compiled).await?;
        let name = metric.name.clone();
        let before = self.record(&name).await?;
        let present = before.as_ref().map(|record| record.current.number);
        if expected.is_some_and(|expected| present != Some(expected)) {
            return Err(ChangeError::Conflict(name));
        }
        let is_new = before.as_ref().is_none_or(|record| record.current.metric.is_none());
        let after = match before {
            None => CustomRecord::first(&name, metric, author),
            Some(before) if before.current.metric.as_ref() == Some(&metric) => return Ok(false),
            Some(before) => before.changed(Some(metric), author),
        };
        self.write(present, &after).await?;
        Ok(is_new)
    }

    /// Deletes a metric; its revisions stay, so that this can be undone.
    ///
    /// # Errors
    /// When there is none, it belongs to the file, or was changed meanwhile.
    pub(crate) async fn delete(&self, name: &str, expected: Option<i64>, author: &str) -> Result<(), ChangeError> {
        self.expect_page(name)?;
        let before = self.record(name).await?.filter(|record| record.current.metric.is_some());
        let before = before.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        let present = before.current.number;
        if expected.is_some_and(|expected| expected != present) {
            return Err(ChangeError::Conflict(name.to_owned()));
        }
        self.write(Some(present), &before.changed(None, author)).await
    }

    /// Brings the revision before the present one back.
    ///
    /// # Errors
    /// When there is none, it is not valid any more, or the metric was changed meanwhile.
    pub(crate) async fn undo(&self, name: &str, author: &str) -> Result<(), ChangeError> {
        self.expect_page(name)?;
        let before = self.record(name).await?.ok_or_else(|| ChangeError::Unknown(name.to_owned()))?;
        let present = before.current.number;
        let after = before.undone(author).ok_or_else(|| ChangeError::NothingToUndo(name.to_owned()))?;
        if let Some(metric) = &after.current.metric {
            self.expect_room(name)?;
            self.expect_collections(&compile(metric).map_err(ChangeError::Invalid)?).await?;
        }
        self.write(Some(present), &after).await
    }

    async fn record(&self, name: &str) -> Result<Option<CustomRecord>, ChangeError> {
        let record = self.inner.store.get(name).await?.transpose();
        record.map_err(|error| ChangeError::Unreadable(error.to_string()))
    }

    async fn write(&self, expected: Option<i64>, record: &CustomRecord) -> Result<(), ChangeError> {
        let document = record.to_document().map_err(|error| ChangeError::Unreadable(error.to_string()))?;
        if !self.inner.store.replace(expected, &record.name, document).await? {
            return Err(ChangeError::Conflict(record.name.clone()));
        }
        self.load().await;
        Ok(())
    }

    fn expect_page(&self, name: &str) -> Result<(), ChangeError> {
        let in_file = self.inner.state.lock().file.metrics.iter().any(|metric| metric.name == name);
        if in_file { Err(ChangeError::InFile(name.to_owned())) } else { Ok(()) }
    }

    fn expect_room(&self, name: &str) -> Result<(), ChangeError> {
        let state = self.inner.state.lock();
        let wanted = state.wanted();
        if wanted.len() < MAX_METRICS || wanted.iter().any(|(metric, _)| metric.name == name) {
            return Ok(());
        }
        let problem = format!("there are {} custom metrics, and {MAX_METRICS} are the most; delete one", wanted.len());
        Err(ChangeError::Invalid(vec![MetricProblem::new(problem)]))
    }

    async fn expect_collections(&self, compiled: &Compiled) -> Result<(), ChangeError> {
        refuse_views(&self.inner.database, compiled, VIEW_CHECK_TIME).await.map_err(|error| {
            if error.is_unknown {
                ChangeError::Unchecked(error.message)
            } else {
                ChangeError::Invalid(vec![MetricProblem::new(error.message)])
            }
        })
    }
}
