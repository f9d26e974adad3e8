//! A custom metric to an ordinary definition.

use mongodb::bson::{Bson, Document, doc};

use super::metric::CustomMetric;
use super::names;
use super::problem::MetricProblem;
use super::sandbox::{Guarded, guard};
use crate::collect::Definition;

/// The largest pipeline, in bytes of BSON.
const MAX_PIPELINE: usize = 32 << 10;

/// The most bytes that the series of one may take before the budget folds them. A `$range` that is unwound gives
/// millions of series within the time that a collector has.
const MAX_BYTES: usize = 32 << 20;

/// A custom metric that may be run.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// What the collector executes.
    pub definition: Definition,
    /// The most series that it may have.
    pub(super) budget: usize,
    /// The collection that the pipeline starts with.
    pub(super) collection: String,
    /// The pipeline as it is sent to MongoDB.
    pub(super) pipeline: Vec<Document>,
    /// How many stages at its start remove secrets.
    removing: usize,
}

impl Compiled {
    /// The stages that decide which documents are read: the removal of secrets, and a `$match` at the start.
    pub(super) fn reading_stages(&self) -> Vec<Document> {
        let is_match = |stage: &Document| stage.contains_key("$match");
        let matches = self.pipeline[self.removing..].iter().take_while(|stage| is_match(stage)).count();
        self.pipeline[..self.removing + matches].to_vec()
    }

    /// The fields that a `$match` at the start compares, for the advice to have an index on them.
    pub(super) fn match_fields(&self) -> Vec<String> {
        let stages = self.reading_stages();
        let queries = stages.iter().filter_map(|stage| stage.get_document("$match").ok());
        queries.flat_map(Document::keys).filter(|key| !key.starts_with('$')).cloned().collect()
    }

    /// Whether it joins another collection document by document.
    pub(super) fn joins(&self) -> bool {
        self.pipeline.iter().any(|stage| stage.contains_key("$lookup") || stage.contains_key("$graphLookup"))
    }
}

/// Checks a custom metric and makes it a definition.
///
/// # Errors
/// Everything that is wrong with it.
pub fn compile(metric: &CustomMetric) -> Result<Compiled, Vec<MetricProblem>> {
    let mut problems = names::problems(metric);
    let stages = metric.pipeline.stages().unwrap_or_else(|problem| {
        problems.push(MetricProblem::new(problem));
        Vec::new()
    });
    let guarded = guard(&metric.collection, &stages).unwrap_or_else(|more| {
        problems.extend(more);
        Guarded::default()
    });
    let mut pipeline = guarded.pipeline;
    pipeline.push(rows(metric));
    match mongodb::bson::serialize_to_vec(&doc! { "pipeline": pipeline.clone() }) {
        Ok(bytes) if bytes.len() <= MAX_PIPELINE => {}
        Ok(bytes) => problems.push(MetricProblem::new(format!(
            "the pipeline has {} bytes; up to {MAX_PIPELINE} are accepted",
            bytes.len()
        ))),
        Err(error) => problems.push(MetricProblem::new(format!("the pipeline cannot be sent to MongoDB: {error}"))),
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let definition = Definition::new(metric.name.clone(), metric.unit.clone(), metric.help.clone())
        .labels(metric.labels.iter().cloned())
        .within(metric.series_budget())
        .without_views()
        .holding_at_most(MAX_BYTES)
        .rows(metric.collection.clone(), pipeline.clone());
    Ok(Compiled {
        definition,
        budget: metric.series_budget(),
        collection: metric.collection.clone(),
        pipeline,
        removing: guarded.removing,
    })
}

/// The last stage: what the collector reads of a document, and nothing else.
fn rows(metric: &CustomMetric) -> Document {
    let mut fields = doc! { "_id": 0 };
    for label in &metric.labels {
        fields.insert(label, 1);
    }
    let value = if metric.value == "value" { Bson::Int32(1) } else { format!("${}", metric.value).into() };
    fields.insert("value", value);
    doc! { "$project": fields }
}
