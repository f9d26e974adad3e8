//! A custom metric as it is written: in YAML, or in the JSON of the API.

use std::fmt;

use mongodb::bson::{Bson, Document};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The series budget of one that sets none.
const DEFAULT_BUDGET: usize = 1_000;

/// A gauge that an admin defined. Nothing in it is checked yet, except that there are no other fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomMetric {
    /// The name of the family; starts with `playarr_custom_`.
    pub name: String,
    /// The HELP text: one sentence.
    pub help: String,
    /// What its values count or measure.
    #[serde(default = "default_unit")]
    pub unit: String,
    /// The collection of Playarr's database that the pipeline reads.
    pub collection: String,
    /// The fields of the pipeline's documents that become labels.
    #[serde(default)]
    pub labels: Vec<String>,
    /// The field of the pipeline's documents that is the value; may be a path (`stats.count`).
    #[serde(default = "default_value")]
    pub value: String,
    /// The most series that it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<usize>,
    /// The aggregation pipeline.
    pub pipeline: Pipeline,
}

impl CustomMetric {
    /// The most series that it may have, whether or not it says so itself.
    #[must_use]
    pub fn series_budget(&self) -> usize {
        self.budget.unwrap_or(DEFAULT_BUDGET)
    }
}

fn default_unit() -> String {
    "values".to_owned()
}

fn default_value() -> String {
    "value".to_owned()
}

/// An aggregation pipeline in one of the two ways to write it. Which one is kept, so that an admin finds their own text
/// again.
#[derive(Clone, Debug, PartialEq)]
pub enum Pipeline {
    /// A list of stages, whose values may be extended JSON (`{"$date": "..."}`).
    Stages(Vec<Bson>),
    /// The same list as a text of extended JSON.
    Text(String),
}

impl Pipeline {
    /// The stages.
    ///
    /// # Errors
    /// When the text is not a list in extended JSON.
    pub fn stages(&self) -> Result<Vec<Bson>, String> {
        match self {
            Self::Stages(stages) => Ok(stages.clone()),
            Self::Text(text) => serde_json::from_str(text)
                .map_err(|error| format!("the pipeline is not a list of stages in extended JSON: {error}")),
        }
    }
}

impl Serialize for Pipeline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Stages(stages) => stages.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> Deserialize<'de> for Pipeline {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PipelineVisitor)
    }
}

struct PipelineVisitor;

impl<'de> Visitor<'de> for PipelineVisitor {
    type Value = Pipeline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of stages, or a text of extended JSON")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Pipeline, E> {
        Ok(Pipeline::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut stages: A) -> Result<Pipeline, A::Error> {
        let mut list = Vec::new();
        // As documents, not as JSON values: the order of fields means something in `$sort`.
        while let Some(stage) = stages.next_element::<Bson>()? {
            list.push(stage);
        }
        Ok(Pipeline::Stages(list))
    }
}

impl From<Vec<Document>> for Pipeline {
    fn from(stages: Vec<Document>) -> Self {
        Self::Stages(stages.into_iter().map(Bson::Document).collect())
    }
}
