//! A walk over a pipeline: where it is, what it found so far.

use mongodb::bson::Bson;

use super::readable::{self, ReadableCollection, readable_collections};
use crate::custom::names::MAX_STAGES;
use crate::custom::problem::MetricProblem;

/// The deepest nesting of values. Deeper ones are refused by MongoDB anyway, at 100.
const MAX_DEPTH: usize = 80;

/// What a walk has found.
#[derive(Default)]
pub(super) struct PipelineWalk {
    pub(super) problems: Vec<MetricProblem>,
    /// The stages on the way to where the walk is, each with its number, from the outside in.
    pub(super) place: Vec<(usize, String)>,
    /// How many stages were met.
    stages: usize,
    /// How deep the walk is in values.
    depth: usize,
}

impl PipelineWalk {
    /// Notes what is wrong with where the walk is.
    pub(super) fn refuse(&mut self, complaint: impl AsRef<str>) {
        let stage = self.place.first().map(|(number, _)| *number);
        let place: Vec<_> =
            self.place.iter().map(|(number, operator)| format!("stage {number} ({operator})")).collect();
        let complaint = complaint.as_ref();
        let message =
            if place.is_empty() { complaint.to_owned() } else { format!("{}: {complaint}", place.join(", ")) };
        self.problems.push(MetricProblem { stage, message });
    }

    /// A collection that is read. `field` is where its name stands.
    pub(super) fn collection(&mut self, field: &str, name: &str) -> Option<&'static ReadableCollection> {
        if let Some(found) = readable::find(name) {
            return Some(found);
        }
        let known: Vec<_> = readable_collections().iter().map(|collection| collection.name).collect();
        let reason = match name {
            "settings" => "holds tokens and cannot be read",
            name if name.starts_with("playarr_metrics") => "belongs to this service and cannot be read",
            _ => "is not a collection of Playarr that can be read",
        };
        self.refuse(format!("{field}: {name:?} {reason}; accepted are {}", known.join(", ")));
        None
    }

    /// Counts a stage. False if there are too many.
    pub(super) fn count_stage(&mut self) -> bool {
        self.stages += 1;
        if self.stages == MAX_STAGES + 1 {
            self.refuse(format!("the pipeline has more than {MAX_STAGES} stages, those of sub-pipelines included"));
        }
        self.stages <= MAX_STAGES
    }

    /// Goes one level deeper for as long as `inside` runs.
    pub(super) fn deeper(&mut self, inside: impl FnOnce(&mut Self)) {
        if self.depth == MAX_DEPTH {
            self.refuse(format!("values are nested more than {MAX_DEPTH} levels deep"));
            return;
        }
        self.depth += 1;
        inside(self);
        self.depth -= 1;
    }

    /// A value that stands for itself: no operators in it, and no code.
    pub(super) fn literal(&mut self, value: &Bson) {
        self.deeper(|walk| match value {
            Bson::Document(document) => {
                for (key, value) in document {
                    if key.starts_with('$') {
                        walk.refuse(format!("{key} stands where only a value is accepted"));
                    }
                    walk.key(key);
                    walk.literal(value);
                }
            }
            Bson::Array(values) => values.iter().for_each(|value| walk.literal(value)),
            value => walk.scalar(value),
        });
    }

    /// A value without others in it: any type but code and pointers.
    pub(super) fn scalar(&mut self, value: &Bson) {
        let name = match value {
            Bson::JavaScriptCode(_) | Bson::JavaScriptCodeWithScope(_) => "JavaScript code",
            Bson::DbPointer(_) => "a pointer to another collection",
            Bson::String(text) if text.contains('\0') => "a text with a zero byte",
            _ => return,
        };
        self.refuse(format!("{name} is not accepted"));
    }

    /// The name of a field or a variable that the pipeline makes. With a dollar it would look like an operator.
    pub(super) fn name(&mut self, name: &str) {
        if name.starts_with('$') {
            self.refuse(format!("{name} stands where only the name of a field or of a variable is accepted"));
        }
        self.key(name);
    }

    /// The name of a field.
    pub(super) fn key(&mut self, key: &str) {
        if key.contains('\0') {
            self.refuse("a field name with a zero byte is not accepted");
        }
    }

    /// A text, or a complaint that names the field.
    pub(super) fn text<'a>(&mut self, field: &str, value: Option<&'a Bson>) -> Option<&'a str> {
        let text = value.and_then(Bson::as_str);
        if text.is_none() {
            self.refuse(format!("{field} must be a text"));
        }
        text
    }
}
