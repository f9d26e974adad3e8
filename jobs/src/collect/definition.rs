//! What a gauge is: its name, help and labels, and the queries its samples come from. Definitions are data; the
//! collector executes all of them in the same way.

use std::collections::BTreeSet;

use mongodb::bson::{Bson, Document};

use super::series::Merge;
use crate::metric::{Monitoring, Text};

/// A gauge computed from the database.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// The family name; the collector that computes it is known by the same name.
    pub name: Text,
    /// The HELP text: one sentence, without double quotes (OpenMetrics would want them escaped, the text format
    /// forbids it; without them both formats share one rendering).
    pub help: Text,
    /// The label names, in the order in which ties of the series budget are broken.
    pub labels: Vec<Text>,
    /// The label that survives when series are folded into `_other`.
    pub(crate) keep: Option<Text>,
    /// How many series it may have; as many as every gauge (`SERIES_BUDGET`) without a number of its own.
    pub(crate) budget: Option<usize>,
    /// What its values count or measure.
    pub unit: Text,
    /// Panels, recording rules and alerts.
    pub monitoring: Monitoring,
    /// How rows with equal labels are merged.
    pub(crate) merge: Merge,
    /// Whether it fails where one of its collections is a view, which may show any other one.
    pub(crate) without_views: bool,
    /// The most bytes that its series may take before the budget folds them; `None` for any number.
    pub(crate) most_bytes: Option<usize>,
    /// Where the rows come from. A row of value 0 is a known zero: a series that shows 0.
    pub(crate) queries: Vec<Query>,
}

/// A query that yields rows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Query {
    /// An aggregation pipeline of which every document is one row: `{<label>: any, ..., value: number}`.
    /// A document whose `value` is no finite number gives no sample.
    Rows {
        /// The collection to aggregate.
        collection: Text,
        /// The stages.
        pipeline: Vec<Document>,
    },
    /// An aggregation pipeline whose documents hold nested arrays; every innermost object counts one.
    ///
    /// The server only trims the documents. Walking the arrays here spares it an `$unwind` into millions of
    /// documents and a `$group` over all of them, which took seven times as long on the large library.
    Nested {
        /// The collection to aggregate.
        collection: Text,
        /// The stages; they should project nothing but the arrays and the labels.
        pipeline: Vec<Document>,
        /// The arrays from the outside in: the first is a field of the document, the next of its elements.
        arrays: Vec<Text>,
        /// For each label the field it is read from.
        labels: Vec<NestedField>,
    },
    /// The documents of a collection counted by some of their fields.
    Counted(Counted),
    /// Rows of value 0, by their label values, which show whatever the database holds.
    Fixed(Vec<Vec<&'static str>>),
}

/// A field of a document (`depth` 0) or of an element of the array at `depth` 1, 2, ...
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NestedField {
    /// How many arrays deep the field lies.
    pub(crate) depth: usize,
    /// Its name there.
    pub(crate) field: Text,
}

/// Documents counted by two fields or one: through an index where there is one, else by one pass.
///
/// An index cannot tell the BSON type symbol, deprecated since MongoDB 2, from the string of its letters; counted
/// through one, a symbol is a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// The collection to count.
    pub(crate) collection: Text,
    /// Only documents in which these fields have these values; may be empty.
    pub(crate) filter: Document,
    /// A field with few distinct values that nobody knows beforehand; the first label.
    pub(crate) open: Option<Text>,
    /// A field whose usual values are known; the last label.
    pub(crate) closed: Text,
    /// Those usual values. Others are counted too, only more slowly.
    pub(crate) usual: Vec<&'static str>,
}

impl Definition {
    /// A gauge without labels and queries, of values that count or measure `unit`.
    #[must_use]
    pub(crate) fn new(name: impl Into<Text>, unit: impl Into<Text>, help: impl Into<Text>) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            labels: Vec::new(),
            keep: None,
            budget: None,
            merge: Merge::Sum,
            unit: unit.into(),
            monitoring: Monitoring::NONE,
            without_views: false,
            most_bytes: None,
            queries: Vec::new(),
        }
    }

    /// Sets panels, recording rules and alerts.
    #[must_use]
    pub(crate) fn monitoring(mut self, monitoring: Monitoring) -> Self {
        self.monitoring = monitoring;
        self
    }

    /// Sets the label names.
    #[must_use]
    pub(crate) fn labels<T: Into<Text>>(mut self, labels: impl IntoIterator<Item = T>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Names the label that folded series keep, so that sums by it stay exact.
    #[must_use]
    pub(crate) fn keeping(mut self, label: impl Into<Text>) -> Self {
        self.keep = Some(label.into());
        self
    }

    /// Sets how many series it may have, the folded ones included.
    #[must_use]
    pub fn within(mut self, budget: usize) -> Self {
        self.budget = Some(budget);
        self
    }

    /// Makes it fail where one of its collections is a view.
    #[must_use]
    pub(crate) fn without_views(mut self) -> Self {
        self.without_views = true;
        self
    }

    /// Makes it fail where its series take more bytes than this before the budget folds them.
    #[must_use]
    pub(crate) fn holding_at_most(mut self, bytes: usize) -> Self {
        self.most_bytes = Some(bytes);
        self
    }

    /// Sets how rows with equal labels are merged; they add up unless this says otherwise.
    #[must_use]
    pub(crate) fn merging(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// Adds a query.
    #[must_use]
    pub(crate) fn query(mut self, query: Query) -> Self {
        self.queries.push(query);
        self
    }

    /// Adds an aggregation pipeline of which every document is one row.
    #[must_use]
    pub(crate) fn rows(self, collection: impl Into<Text>, pipeline: impl IntoIterator<Item = Document>) -> Self {
        let pipeline = pipeline.into_iter().collect();
        self.query(Query::Rows { collection: collection.into(), pipeline })
    }

    /// The position of the label that folded series keep.
    #[must_use]
    pub(crate) fn kept_label(&self) -> Option<usize> {
        self.labels.iter().position(|label| Some(label) == self.keep.as_ref())
    }

    /// The collections that its queries read, those of `$lookup` and the like included.
    #[must_use]
    pub fn collections(&self) -> BTreeSet<Text> {
        let mut collections = BTreeSet::new();
        for query in &self.queries {
            match query {
                Query::Rows { collection, pipeline } | Query::Nested { collection, pipeline, .. } => {
                    collections.insert(collection.clone());
                    pipeline.iter().for_each(|stage| add_joined(stage, &mut collections));
                }
                Query::Counted(counted) => _ = collections.insert(counted.collection.clone()),
                Query::Fixed(_) => {}
            }
        }
        collections
    }
}

/// Adds the collections that a stage, or a stage within it, joins. What only looks like such a stage costs a look at
/// one more collection, no more.
fn add_joined(document: &Document, collections: &mut BTreeSet<Text>) {
    for (key, value) in document {
        let named = match (key.as_str(), value) {
            ("$lookup" | "$graphLookup", Bson::Document(join)) => join.get_str("from").ok(),
            ("$unionWith", Bson::Document(union)) => union.get_str("coll").ok(),
            ("$unionWith", Bson::String(name)) => Some(name.as_str()),
            _ => None,
        };
        collections.extend(named.map(|name| Text::Owned(name.to_owned())));
        add_joined_within(value, collections);
    }
}

fn add_joined_within(value: &Bson, collections: &mut BTreeSet<Text>) {
    match value {
        Bson::Document(document) => add_joined(document, collections),
        Bson::Array(values) => values.iter().for_each(|value| add_joined_within(value, collections)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn it_knows_every_collection_that_its_queries_read() {
        let deep = doc! { "$facet": { "one": [
            { "$lookup": { "from": "users", "as": "x", "pipeline": [{ "$unionWith": { "coll": "channels" } }] } },
            { "$graphLookup": { "from": "iptv_providers", "as": "y" } },
        ] } };
        let definition = Definition::new("a", "b", "c")
            .rows("titles", [deep, doc! { "$unionWith": "plain" }])
            .query(Query::Fixed(vec![]))
            .query(Query::Counted(Counted {
                collection: "provider_titles".into(),
                filter: doc! {},
                open: None,
                closed: "type".into(),
                usual: vec![],
            }));
        let expected = ["channels", "iptv_providers", "plain", "provider_titles", "titles", "users"];
        assert_eq!(definition.collections(), expected.map(Text::from).into());
    }
}
