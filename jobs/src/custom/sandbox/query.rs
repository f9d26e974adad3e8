//! Queries: what `$match` takes.

use mongodb::bson::{Bson, Document};

use super::walk::PipelineWalk;

/// Operators that stand in place of a value. `$where`, `$text`, `$near` and `$jsonSchema` are not among them.
#[rustfmt::skip]
const OPERATORS: &[&str] = &[
    "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$type", "$mod", "$regex", "$options",
    "$all", "$elemMatch", "$size", "$not", "$bitsAllClear", "$bitsAllSet", "$bitsAnyClear", "$bitsAnySet",
];

/// Operators that combine queries.
const LOGICAL: &[&str] = &["$and", "$or", "$nor"];

impl PipelineWalk {
    /// A query: fields with values or operators, and queries combined.
    pub(super) fn query(&mut self, query: &Document) {
        self.deeper(|walk| {
            for (key, value) in query {
                walk.key(key);
                if LOGICAL.contains(&key.as_str()) {
                    walk.queries(key, value);
                } else if key == "$expr" {
                    walk.expression(value);
                } else if key.starts_with('$') {
                    walk.refuse(format!(
                        "{key} is not accepted in a query; accepted are fields, {} and $expr",
                        LOGICAL.join(", ")
                    ));
                } else {
                    walk.predicate(key, value);
                }
            }
        });
    }

    fn queries(&mut self, operator: &str, list: &Bson) {
        let Some(list) = list.as_array() else { return self.refuse(format!("{operator} must be a list of queries")) };
        for query in list {
            match query.as_document() {
                Some(query) => self.query(query),
                None => self.refuse(format!("{operator} must be a list of queries")),
            }
        }
    }

    /// What a field is compared with: a value, or operators.
    fn predicate(&mut self, field: &str, value: &Bson) {
        let operators = value.as_document().filter(|value| value.keys().any(|key| key.starts_with('$')));
        let Some(operators) = operators else { return self.literal(value) };
        self.deeper(|walk| {
            for (operator, argument) in operators {
                walk.key(operator);
                match operator.as_str() {
                    "$not" => walk.predicate(field, argument),
                    "$elemMatch" => walk.element(field, argument),
                    "$all" => match argument.as_array() {
                        Some(values) => values.iter().for_each(|value| walk.predicate(field, value)),
                        None => walk.refuse("$all must be a list"),
                    },
                    operator if OPERATORS.contains(&operator) => walk.literal(argument),
                    operator => walk.refuse(format!(
                        "the operator {operator} on {field:?} is not accepted in a query; accepted are {}",
                        OPERATORS.join(", ")
                    )),
                }
            }
        });
    }

    /// What an element of an array is compared with: operators on itself, or a query on its fields.
    fn element(&mut self, field: &str, value: &Bson) {
        let Some(query) = value.as_document() else { return self.refuse("$elemMatch must be an object") };
        if query.keys().any(|key| OPERATORS.contains(&key.as_str())) {
            self.predicate(field, value);
        } else {
            self.query(query);
        }
    }
}
