//! What a pipeline reads, out of MongoDB's explanation of it.
//!
//! A preview must not read more than a run. A plan that scans the collection is only looked at: it reads every
//! document, and how many there are MongoDB knows by heart. A plan that takes an index is executed once more for its
//! numbers, which are far below those of a scan.
//!
//! Only the stages that decide what is read are explained, the removal of secrets and the first `$match`: MongoDB 6.0.5
//! crashes where it is to explain with numbers a `$unionWith` that is followed by a `$group`.

use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use mongodb::options::{ReadPreference, SelectionCriteria};

use super::compile::Compiled;
use crate::database::DatabaseError;

/// What one run reads of the collection that the pipeline starts with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadCost {
    /// Documents; `None` if MongoDB did not say.
    pub documents: Option<u64>,
    /// Index keys; `None` if MongoDB did not say.
    pub keys: Option<u64>,
    /// The index that is used.
    pub index: Option<String>,
    /// Whether the whole collection is read, document by document.
    pub is_scan: bool,
}

/// How MongoDB plans a pipeline.
pub(super) struct ReadPlan {
    explanation: Document,
    documents: Option<u64>,
}

impl ReadPlan {
    /// Asks for the plan. MongoDB gives up after `time`, whether or not somebody still waits for the answer.
    pub(super) async fn explain(
        database: &Database,
        compiled: &Compiled,
        time: Duration,
    ) -> Result<Self, DatabaseError> {
        let ask = |command| {
            let secondary = SelectionCriteria::ReadPreference(ReadPreference::SecondaryPreferred { options: None });
            database.run_command(command).selection_criteria(secondary)
        };
        let explanation = ask(explained(compiled, "queryPlanner", time)).await?;
        if is_scan(&explanation) {
            let count = ask(doc! { "count": &compiled.collection }).await?;
            return Ok(Self { explanation, documents: count.get("n").and_then(number) });
        }
        let explanation = ask(explained(compiled, "executionStats", time)).await?;
        Ok(Self { explanation, documents: None })
    }

    pub(super) fn cost(&self) -> ReadCost {
        if let Some(documents) = self.documents {
            return ReadCost { documents: Some(documents), keys: Some(0), index: None, is_scan: true };
        }
        let plan = &self.explanation;
        let index = find(plan, "indexName").and_then(Bson::as_str).map(str::to_owned);
        let examined = |field| find(plan, field).and_then(number);
        ReadCost {
            documents: examined("totalDocsExamined"),
            keys: examined("totalKeysExamined"),
            index,
            is_scan: is_scan(plan),
        }
    }
}

fn is_scan(explanation: &Document) -> bool {
    find(explanation, "winningPlan").and_then(Bson::as_document).is_some_and(|plan| has_stage(plan, "COLLSCAN"))
}

fn has_stage(plan: &Document, stage: &str) -> bool {
    plan.iter().any(|(key, value)| match value {
        Bson::String(name) => key == "stage" && name == stage,
        Bson::Document(inner) => has_stage(inner, stage),
        Bson::Array(inner) => inner.iter().filter_map(Bson::as_document).any(|inner| has_stage(inner, stage)),
        _ => false,
    })
}

/// The question how the documents of a pipeline are found.
fn explained(compiled: &Compiled, verbosity: &str, time: Duration) -> Document {
    doc! {
        "explain": { "aggregate": &compiled.collection, "pipeline": compiled.reading_stages(), "cursor": {} },
        "verbosity": verbosity,
        "comment": format!("playarr-metrics preview of {}", compiled.definition.name),
        "maxTimeMS": i64::try_from(time.as_millis()).unwrap_or(i64::MAX),
    }
}

/// The first field of this name, whichever of its shapes the explanation has. That of the plan comes before those of
/// plans that were rejected.
fn find<'a>(document: &'a Document, name: &str) -> Option<&'a Bson> {
    if let Some(value) = document.get(name) {
        return Some(value);
    }
    document.iter().filter(|(key, _)| *key != "command").find_map(|(_, value)| match value {
        Bson::Document(inner) => find(inner, name),
        Bson::Array(inner) => inner.iter().filter_map(Bson::as_document).find_map(|inner| find(inner, name)),
        _ => None,
    })
}

fn number(value: &Bson) -> Option<u64> {
    match value {
        Bson::Int32(number) => u64::try_from(*number).ok(),
        Bson::Int64(number) => u64::try_from(*number).ok(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count as MongoDB writes it")]
        Bson::Double(number) if *number >= 0.0 => Some(*number as u64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(explanation: Document) -> ReadPlan {
        ReadPlan { explanation, documents: None }
    }

    #[test]
    fn the_numbers_are_found_in_each_shape_of_the_explanation() {
        let winning = doc! { "stage": "FETCH", "inputStage": { "stage": "IXSCAN", "indexName": "type_1" } };
        let (planner, stats) =
            (doc! { "winningPlan": winning }, doc! { "totalKeysExamined": 7_i64, "totalDocsExamined": 5 });
        let flat = doc! { "queryPlanner": &planner, "executionStats": &stats, "command": { "indexName": "no" } };
        let staged = doc! { "stages": [{ "$cursor": { "queryPlanner": planner, "executionStats": stats } }] };
        for explanation in [flat, staged] {
            let expected =
                ReadCost { documents: Some(5), keys: Some(7), index: Some("type_1".to_owned()), is_scan: false };
            assert_eq!(plan(explanation).cost(), expected);
        }
    }

    #[test]
    fn a_scan_is_found_within_the_plan() {
        let inner =
            doc! { "winningPlan": { "queryPlan": { "stage": "GROUP", "inputStage": { "stage": "COLLSCAN" } } } };
        assert!(is_scan(&doc! { "queryPlanner": inner }));
        assert!(!is_scan(&doc! { "queryPlanner": { "winningPlan": { "stage": "EOF" } } }));
    }
}
