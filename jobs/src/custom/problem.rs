//! What is wrong with a custom metric, for the person who wrote it.

use std::fmt;

use serde::Serialize;

/// One thing that keeps a custom metric from being used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MetricProblem {
    /// The stage of the pipeline it is about, counted from 1; `None` if it is about another field.
    pub stage: Option<usize>,
    /// Where it is, what was found and what is accepted, in one sentence.
    pub message: String,
}

impl MetricProblem {
    /// A problem of a field other than the pipeline.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { stage: None, message: message.into() }
    }
}

impl fmt::Display for MetricProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
