//! Expressions, accumulators and variables: what computes a value from the fields of a document.

use mongodb::bson::{Bson, Document};

use super::walk::PipelineWalk;

/// Operators of expressions. They compute from what they are given and from nothing else; `$function`, `$accumulator`
/// and `$meta` are not among them, nor whatever a later MongoDB adds.
#[rustfmt::skip]
const OPERATORS: &[&str] = &[
    // Arithmetic.
    "$abs", "$add", "$ceil", "$divide", "$exp", "$floor", "$ln", "$log", "$log10", "$mod", "$multiply", "$pow",
    "$round", "$sqrt", "$subtract", "$trunc", "$bitAnd", "$bitNot", "$bitOr", "$bitXor", "$rand",
    // Trigonometry.
    "$sin", "$cos", "$tan", "$asin", "$acos", "$atan", "$atan2", "$asinh", "$acosh", "$atanh", "$sinh", "$cosh",
    "$tanh", "$degreesToRadians", "$radiansToDegrees",
    // Logic and comparison.
    "$and", "$or", "$not", "$cmp", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$cond", "$ifNull", "$switch", "$let",
    "$literal",
    // Arrays and sets.
    "$arrayElemAt", "$arrayToObject", "$concatArrays", "$filter", "$first", "$firstN", "$in", "$indexOfArray",
    "$isArray", "$last", "$lastN", "$map", "$maxN", "$minN", "$objectToArray", "$range", "$reduce", "$reverseArray",
    "$size", "$slice", "$sortArray", "$zip", "$allElementsTrue", "$anyElementTrue", "$setDifference", "$setEquals",
    "$setIntersection", "$setIsSubset", "$setUnion",
    // Objects.
    "$getField", "$setField", "$unsetField", "$mergeObjects",
    // Texts.
    "$concat", "$indexOfBytes", "$indexOfCP", "$ltrim", "$regexFind", "$regexFindAll", "$regexMatch", "$replaceOne",
    "$replaceAll", "$rtrim", "$split", "$strLenBytes", "$strLenCP", "$strcasecmp", "$substr", "$substrBytes",
    "$substrCP", "$toLower", "$toUpper", "$trim", "$binarySize", "$bsonSize",
    // Dates.
    "$dateAdd", "$dateDiff", "$dateFromParts", "$dateFromString", "$dateSubtract", "$dateToParts", "$dateToString",
    "$dateTrunc", "$dayOfMonth", "$dayOfWeek", "$dayOfYear", "$hour", "$isoDayOfWeek", "$isoWeek", "$isoWeekYear",
    "$millisecond", "$minute", "$month", "$second", "$week", "$year", "$tsSecond", "$tsIncrement",
    // Types.
    "$convert", "$isNumber", "$toBool", "$toDate", "$toDecimal", "$toDouble", "$toInt", "$toLong", "$toObjectId",
    "$toString", "$type",
    // Accumulators that are expressions as well.
    "$avg", "$max", "$min", "$sum", "$stdDevPop", "$stdDevSamp", "$median", "$percentile",
];

/// Accumulators of groups.
#[rustfmt::skip]
const ACCUMULATORS: &[&str] = &[
    "$addToSet", "$avg", "$bottom", "$bottomN", "$count", "$first", "$firstN", "$last", "$lastN", "$max", "$maxN",
    "$median", "$mergeObjects", "$min", "$minN", "$percentile", "$push", "$stdDevPop", "$stdDevSamp", "$sum", "$top",
    "$topN",
];

/// What windows take beside the accumulators.
#[rustfmt::skip]
const WINDOW_OPERATORS: &[&str] = &[
    "$covariancePop", "$covarianceSamp", "$denseRank", "$derivative", "$documentNumber", "$expMovingAvg",
    "$integral", "$linearFill", "$locf", "$rank", "$shift",
];

/// Variables of MongoDB. Those of a pipeline start with a small letter. Others tell of the server or its users.
const VARIABLES: &[&str] = &["ROOT", "CURRENT", "REMOVE", "NOW", "CLUSTER_TIME", "DESCEND", "PRUNE", "KEEP"];

impl PipelineWalk {
    /// An expression, or an object or array of them.
    pub(super) fn expression(&mut self, value: &Bson) {
        self.deeper(|walk| match value {
            Bson::String(text) => {
                walk.variable(text);
                walk.scalar(value);
            }
            Bson::Array(values) => values.iter().for_each(|value| walk.expression(value)),
            Bson::Document(document) => walk.object(document),
            value => walk.scalar(value),
        });
    }

    /// An object of expressions, or one with an operator.
    fn object(&mut self, document: &Document) {
        let mut operators = document.keys().filter(|key| key.starts_with('$'));
        let Some(operator) = operators.next() else {
            return self.expressions(document);
        };
        if document.len() > 1 {
            return self.refuse(format!("the object with {operator} has other fields, but an operator stands alone"));
        }
        if !OPERATORS.contains(&operator.as_str()) {
            return self.refuse(format!(
                "the operator {operator} is not accepted in an expression; accepted are those that compute from the \
                 fields of a document ({})",
                docs()
            ));
        }
        match document.get(operator) {
            Some(value) if operator == "$literal" => self.literal(value),
            Some(value) => self.expression(value),
            None => {}
        }
    }

    /// The values of an object whose names are fields.
    pub(super) fn expressions(&mut self, document: &Document) {
        for (key, value) in document {
            self.name(key);
            self.expression(value);
        }
    }

    /// Fields, each with one accumulator.
    pub(super) fn accumulators<'a>(&mut self, fields: impl IntoIterator<Item = (&'a String, &'a Bson)>) {
        for (field, value) in fields {
            self.name(field);
            let one = value.as_document().filter(|value| value.len() == 1).and_then(|value| value.iter().next());
            match one {
                Some((operator, argument)) if ACCUMULATORS.contains(&operator.as_str()) => self.expression(argument),
                Some((operator, _)) => self.refuse(format!(
                    "the accumulator {operator} of {field:?} is not accepted; accepted are {}",
                    ACCUMULATORS.join(", ")
                )),
                None => self.refuse(format!("{field:?} must be an object with one accumulator, such as {{$sum: 1}}")),
            }
        }
    }

    /// Fields, each with an operator of a window and the window's bounds.
    pub(super) fn window_operators(&mut self, fields: &Document) {
        for (field, value) in fields {
            self.name(field);
            let Some(value) = value.as_document() else {
                self.refuse(format!("{field:?} must be an object with an operator and its window"));
                continue;
            };
            for (operator, argument) in value {
                let operator = operator.as_str();
                if operator == "window" {
                    self.literal(argument);
                } else if ACCUMULATORS.contains(&operator) || WINDOW_OPERATORS.contains(&operator) {
                    self.expression(argument);
                } else {
                    self.refuse(format!("the operator {operator} of {field:?} is not accepted ({})", docs()));
                }
            }
        }
    }

    /// A text in an expression: with two dollars it is a variable.
    fn variable(&mut self, text: &str) {
        let Some(path) = text.strip_prefix("$$") else { return };
        let name = path.split('.').next().unwrap_or_default();
        let is_own = name.starts_with(|first: char| first.is_ascii_lowercase());
        if !is_own && !VARIABLES.contains(&name) {
            let known: Vec<_> = VARIABLES.iter().map(|name| format!("$${name}")).collect();
            self.refuse(format!(
                "the variable $${name} is not accepted; accepted are {} and those of $let, $map, $filter, $reduce and \
                 $lookup",
                known.join(", ")
            ));
        }
    }
}

fn docs() -> &'static str {
    "docs/custom-metrics.md lists them"
}

/// Every operator, for the documentation.
#[must_use]
pub fn operators() -> [(&'static str, &'static [&'static str]); 3] {
    [("expressions", OPERATORS), ("accumulators", ACCUMULATORS), ("windows", WINDOW_OPERATORS)]
}
