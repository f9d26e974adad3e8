//! One question to the database, within a time; and the options of what must not be lost.

use std::future::IntoFuture;
use std::time::Duration;

use mongodb::options::{
    Acknowledgment, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};

use super::error::DatabaseError;

/// Awaits one answer of the database, or several that belong together (an `async` block), for at most `time`.
///
/// The driver's own errors and [`DatabaseError`] are both welcome in the block.
///
/// # Errors
/// What went wrong, in plain words; [`DatabaseError::Timeout`] when the time is up. A write that timed out may have
/// happened or may happen yet.
pub async fn ask<T, E>(time: Duration, question: impl IntoFuture<Output = Result<T, E>>) -> Result<T, DatabaseError>
where
    E: Into<DatabaseError>,
{
    match tokio::time::timeout(time, question.into_future()).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(DatabaseError::Timeout(time)),
    }
}

/// A write that survives a crash and a failover: on the disks of a majority, or an error after `time`.
///
/// Without the limit, the server would wait for ever where a majority cannot be reached.
#[must_use]
pub fn durable(time: Duration) -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).journal(true).w_timeout(time).build()
}

/// Options of a collection whose documents must not be lost nor read before they are safe: written with [`durable`],
/// read from the primary as a majority has them.
#[must_use]
pub fn durable_options(time: Duration) -> CollectionOptions {
    CollectionOptions::builder()
        .write_concern(durable(time))
        .read_concern(ReadConcern::majority())
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_question_without_an_answer_ends_with_its_time() {
        let silent = std::future::pending::<Result<(), mongodb::error::Error>>();
        let error = ask(Duration::from_secs(5), silent).await.unwrap_err();
        assert_eq!(error.to_string(), "MongoDB gave no answer within 5 s");
        assert!(error.is_away() && !error.is_refusal());
    }
}
