//! Aggregation expressions that read messy documents by the rules of the specification.

use mongodb::bson::{Bson, doc};

/// An expression: the field's value if it can be a label, else null.
///
/// To a `$group`, a decimal 1 and an integer 1 are one key, known by the type of whichever came first. Only the
/// integer is a label value, so what can be none is made null before it is grouped.
pub(crate) fn labelable(field: &str) -> Bson {
    let path = format!("${field}");
    doc! { "$cond": [
        { "$in": [{ "$type": &path }, ["string", "int", "long", "double"]] },
        &path,
        null,
    ] }
    .into()
}

/// An expression: whether the field is exactly this text. To MongoDB a symbol equals the string of its letters.
pub(crate) fn is_text(field: &str, text: &str) -> Bson {
    let path = format!("${field}");
    doc! { "$and": [{ "$eq": [{ "$type": &path }, "string"] }, { "$eq": [&path, text] }] }.into()
}

/// An expression: whether the field is an object (`{$type: "object"}` in a `$match` also takes arrays of them).
pub(crate) fn is_object(field: &str) -> Bson {
    doc! { "$eq": [{ "$type": format!("${field}") }, "object"] }.into()
}

/// An expression: the length of an array that is a field of an object, 0 for whatever is none.
pub(crate) fn length(object: &str, array: &str) -> Bson {
    // A path through an array of objects would collect their fields into an array that nobody stored.
    let path = format!("${object}.{array}");
    doc! { "$cond": [{ "$and": [is_object(object), { "$isArray": &path }] }, { "$size": &path }, 0] }.into()
}
