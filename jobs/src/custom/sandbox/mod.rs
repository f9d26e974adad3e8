//! What a pipeline of an admin may do: read some of Playarr's collections without their secrets, and nothing else.
//!
//! Three rules, each a list of what is allowed, so that what nobody thought of is refused:
//! - only the stages of [`stage`], the query operators of [`query`], and the expression operators, accumulators and
//!   variables of [`expression`], at any depth;
//! - only the collections of [`readable`];
//! - the first stages of every pipeline over a collection are ours and remove what is secret ([`readable::removal`]).
//!   So no `$$ROOT`, `$getField` or `$objectToArray` after it can bring a secret back: it is not in the document.
//!
//! Three stages read a collection before their pipeline could remove anything from it. `$lookup` compares
//! `foreignField` with the documents as they are stored: it must be a field that may be read, or guesses could be
//! checked. `$graphLookup` compares `connectToField` and `restrictSearchWithMatch` so, and returns whole documents: it
//! may read only collections without secrets. A view could show any collection under the name of another: each run
//! makes sure that no collection is one ([`Definition::without_views`](crate::gauges::Definition)).

mod expression;
mod query;
mod readable;
mod stage;
mod walk;

use mongodb::bson::{Bson, Document};

pub use expression::operators;
pub use readable::{ReadableCollection, readable_collections};

use super::problem::MetricProblem;
use walk::PipelineWalk;

/// Every stage that is accepted.
#[must_use]
pub fn stages() -> &'static [&'static str] {
    stage::STAGES
}

/// A pipeline that may be run.
#[derive(Clone, Debug, Default)]
pub(super) struct Guarded {
    /// The stages, with those that remove secrets.
    pub(super) pipeline: Vec<Document>,
    /// How many of them, at the start, remove secrets.
    pub(super) removing: usize,
}

/// The pipeline as it may be run on a collection.
///
/// # Errors
/// Everything in it that is not accepted.
pub(super) fn guard(collection: &str, stages: &[Bson]) -> Result<Guarded, Vec<MetricProblem>> {
    let mut walk = PipelineWalk::default();
    let removal = walk.collection("collection", collection).map(ReadableCollection::removal).unwrap_or_default();
    let stages = walk.pipeline(stages);
    if !walk.problems.is_empty() {
        return Err(walk.problems);
    }
    let removing = removal.len();
    let pipeline = removal.into_iter().chain(stages).collect();
    Ok(Guarded { pipeline, removing })
}

#[cfg(test)]
mod tests;
