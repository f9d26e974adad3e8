//! Views: collections by their names, any other ones by what they show. Custom metrics read none; each run makes sure
//! of that, and so does whoever saves a metric.

use std::time::Duration;

use mongodb::Database;

use super::compile::Compiled;
use crate::collect::{Reading, Source, SourceError};

/// Why a custom metric cannot be run.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct RunError {
    /// What is wrong and what to do.
    pub message: String,
    /// Whether MongoDB gave no answer, or none of the metric: in an election, say. Then nothing is known of it.
    pub is_unknown: bool,
}

impl From<SourceError> for RunError {
    fn from(error: SourceError) -> Self {
        let is_outage = error.database_error().is_some_and(|error| error.may_be_an_outage());
        let is_unknown = is_outage || error.is_timeout();
        Self { message: error.to_string(), is_unknown }
    }
}

/// Succeeds if no collection that the metric reads is a view.
///
/// # Errors
/// When one is, or MongoDB gives no answer within `time`.
pub async fn refuse_views(database: &Database, compiled: &Compiled, time: Duration) -> Result<(), RunError> {
    let source = Source::new(database.clone(), Reading::at_any_time(), &compiled.definition.name, time);
    Ok(source.refuse_views(&compiled.definition.collections()).await?)
}
