//! Stages: which there are, what each takes, and the removal of secrets in those that read a collection.

use mongodb::bson::{Bson, Document, doc};

use super::readable::ReadableCollection;
use super::walk::PipelineWalk;

/// Every stage that is accepted.
#[rustfmt::skip]
pub(super) const STAGES: &[&str] = &[
    "$addFields", "$bucket", "$bucketAuto", "$count", "$facet", "$graphLookup", "$group", "$limit", "$lookup",
    "$match", "$project", "$redact", "$replaceRoot", "$replaceWith", "$sample", "$set", "$setWindowFields", "$skip",
    "$sort", "$sortByCount", "$unionWith", "$unset", "$unwind",
];

impl PipelineWalk {
    /// A pipeline, with the stages that remove secrets added within. Whoever calls adds the first one.
    pub(super) fn pipeline(&mut self, stages: &[Bson]) -> Vec<Document> {
        stages.iter().enumerate().filter_map(|(position, stage)| self.stage(position + 1, stage)).collect()
    }

    fn stage(&mut self, number: usize, stage: &Bson) -> Option<Document> {
        let one = stage.as_document().filter(|stage| stage.len() == 1).and_then(|stage| stage.iter().next());
        let Some((operator, argument)) = one else {
            self.place.push((number, "?".to_owned()));
            self.refuse("a stage is an object with one field, such as {$match: {...}}");
            self.place.pop();
            return None;
        };
        self.place.push((number, operator.clone()));
        let mut guarded = None;
        if self.count_stage() {
            self.deeper(|walk| guarded = walk.argument(operator, argument));
        }
        self.place.pop();
        guarded.map(|argument| doc! { operator: argument })
    }

    /// The argument of a stage as it may be run.
    fn argument(&mut self, operator: &str, argument: &Bson) -> Option<Bson> {
        match operator {
            "$lookup" => return self.lookup(argument),
            "$unionWith" => return self.union(argument),
            "$facet" => return self.facet(argument),
            "$graphLookup" => self.graph_lookup(argument),
            "$match" => {
                if let Some(query) = self.object_of(argument) {
                    self.query(query);
                }
            }
            "$project" | "$addFields" | "$set" => {
                if let Some(fields) = self.object_of(argument) {
                    self.expressions(fields);
                }
            }
            "$group" => self.group(argument),
            "$bucket" => self.buckets(argument, &["groupBy", "boundaries", "default", "output"]),
            "$bucketAuto" => self.buckets(argument, &["groupBy", "buckets", "output", "granularity"]),
            "$setWindowFields" => self.windows(argument),
            "$replaceRoot" => {
                if let Some(root) = self.options(argument, &["newRoot"]) {
                    root.values().for_each(|root| self.expression(root));
                }
            }
            "$replaceWith" | "$redact" | "$sortByCount" => self.expression(argument),
            "$count" | "$limit" | "$sample" | "$skip" | "$sort" | "$unset" | "$unwind" => self.literal(argument),
            _ => {
                self.refuse(format!(
                    "{operator} is not accepted; a custom metric only reads, with {}",
                    STAGES.join(", ")
                ));
                return None;
            }
        }
        Some(argument.clone())
    }

    fn group(&mut self, argument: &Bson) {
        let Some(fields) = self.object_of(argument) else { return };
        if let Some(id) = fields.get("_id") {
            self.expression(id);
        }
        self.accumulators(fields.iter().filter(|(field, _)| *field != "_id"));
    }

    fn buckets(&mut self, argument: &Bson, known: &[&str]) {
        let Some(options) = self.options(argument, known) else { return };
        for (option, value) in options {
            match option.as_str() {
                "groupBy" => self.expression(value),
                "output" => {
                    if let Some(fields) = self.object_of(value) {
                        self.accumulators(fields);
                    }
                }
                _ => self.literal(value),
            }
        }
    }

    fn windows(&mut self, argument: &Bson) {
        let Some(options) = self.options(argument, &["partitionBy", "sortBy", "output"]) else { return };
        for (option, value) in options {
            match option.as_str() {
                "partitionBy" => self.expression(value),
                "output" => {
                    if let Some(fields) = self.object_of(value) {
                        self.window_operators(fields);
                    }
                }
                _ => self.literal(value),
            }
        }
    }

    /// A join. What is joined loses its secrets first; `foreignField` is compared before that, so it must not be one.
    fn lookup(&mut self, argument: &Bson) -> Option<Bson> {
        let options = self.options(argument, &["from", "localField", "foreignField", "let", "pipeline", "as"])?;
        let from = self.text("from", options.get("from")).and_then(|from| self.collection("from", from));
        for field in ["localField", "foreignField", "as"] {
            if options.contains_key(field) {
                self.text(field, options.get(field));
            }
        }
        if let (Some(from), Some(field)) = (from, options.get("foreignField").and_then(Bson::as_str))
            && !from.may_compare(field)
        {
            self.refuse(format!(
                "foreignField: {field:?} of {} is secret and cannot be compared; what can be read is {}",
                from.name,
                from.description()
            ));
        }
        if let Some(variables) = options.get("let")
            && let Some(variables) = self.object_of(variables)
        {
            self.expressions(variables);
        }
        let pipeline = self.sub_pipeline(options);
        let mut guarded = options.clone();
        if let Some(pipeline) = with_removal(from, pipeline) {
            guarded.insert("pipeline", pipeline);
        }
        Some(guarded.into())
    }

    /// The documents of another collection, without their secrets.
    fn union(&mut self, argument: &Bson) -> Option<Bson> {
        let name_only;
        let options = match argument {
            Bson::String(name) => {
                name_only = doc! { "coll": name };
                &name_only
            }
            argument => self.options(argument, &["coll", "pipeline"])?,
        };
        let name = self.text("coll", options.get("coll"))?;
        let collection = self.collection("coll", name);
        let pipeline = self.sub_pipeline(options);
        let mut guarded = doc! { "coll": name };
        if let Some(pipeline) = with_removal(collection, pipeline) {
            guarded.insert("pipeline", pipeline);
        }
        Some(guarded.into())
    }

    fn facet(&mut self, argument: &Bson) -> Option<Bson> {
        let facets = self.object_of(argument)?;
        let mut guarded = Document::new();
        for (name, pipeline) in facets {
            self.name(name);
            match pipeline.as_array() {
                Some(stages) => _ = guarded.insert(name, self.pipeline(stages)),
                None => self.refuse(format!("{name:?} must be a list of stages")),
            }
        }
        Some(guarded.into())
    }

    fn graph_lookup(&mut self, argument: &Bson) {
        let known = [
            "from",
            "startWith",
            "connectFromField",
            "connectToField",
            "as",
            "maxDepth",
            "depthField",
            "restrictSearchWithMatch",
        ];
        let Some(options) = self.options(argument, &known) else { return };
        let from = self.text("from", options.get("from")).and_then(|from| self.collection("from", from));
        if let Some(from) = from.filter(|from| from.has_secrets()) {
            self.refuse(format!(
                "from: {} holds secrets, which $graphLookup would compare and return; use $lookup, which can leave \
                 them away",
                from.name
            ));
        }
        for (option, value) in options {
            match option.as_str() {
                "startWith" => self.expression(value),
                "restrictSearchWithMatch" => {
                    if let Some(query) = self.object_of(value) {
                        self.query(query);
                    }
                }
                _ => self.literal(value),
            }
        }
    }

    /// The pipeline among the options of a stage, if there is one.
    fn sub_pipeline(&mut self, options: &Document) -> Option<Vec<Document>> {
        match options.get("pipeline")? {
            Bson::Array(stages) => Some(self.pipeline(stages)),
            _ => {
                self.refuse("pipeline must be a list of stages");
                None
            }
        }
    }

    /// An object with no other fields than these.
    fn options<'a>(&mut self, argument: &'a Bson, known: &[&str]) -> Option<&'a Document> {
        let options = self.object_of(argument)?;
        let unknown: Vec<_> = options.keys().filter(|option| !known.contains(&option.as_str())).collect();
        for option in &unknown {
            self.refuse(format!("the option {option:?} is not accepted; accepted are {}", known.join(", ")));
        }
        unknown.is_empty().then_some(options)
    }

    fn object_of<'a>(&mut self, argument: &'a Bson) -> Option<&'a Document> {
        let object = argument.as_document();
        if object.is_none() {
            self.refuse("an object is expected here");
        }
        object
    }
}

/// A sub-pipeline with the stage that removes secrets first. `None` where there is nothing to run.
fn with_removal(
    collection: Option<&'static ReadableCollection>,
    pipeline: Option<Vec<Document>>,
) -> Option<Vec<Document>> {
    let removal = collection.map(ReadableCollection::removal).unwrap_or_default();
    if removal.is_empty() && pipeline.is_none() {
        return None;
    }
    Some(removal.into_iter().chain(pipeline.into_iter().flatten()).collect())
}
