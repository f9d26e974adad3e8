//! Documents of the service's own collections, read without trust: people and other programs can write there as well.

use mongodb::bson::raw::RawElement;
use mongodb::bson::{Bson, Document, RawBson, RawDocument, RawDocumentBuf};
use serde::Deserialize;

/// How deep the parts of a document may lie in each other. The service's own have six levels at most; MongoDB takes
/// about 180, and reading so many would overflow the stack of a thread.
const MAX_DEPTH: usize = 32;

/// A document of any content: for collections that are read whole, so that one bad document spoils no other.
///
/// Bytes that are no UTF-8 are read as `U+FFFD`, and what lies too deep as null.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "RawDocumentBuf")]
pub struct StoredDocument(Document);

impl StoredDocument {
    /// What it holds.
    #[must_use]
    pub fn into_inner(self) -> Document {
        self.0
    }
}

impl From<RawDocumentBuf> for StoredDocument {
    fn from(raw: RawDocumentBuf) -> Self {
        Self(document(&raw, MAX_DEPTH))
    }
}

fn document(raw: &RawDocument, depth: usize) -> Document {
    // The server checks that what it stores is BSON; after an error nothing more could be read.
    let elements = raw.iter_elements().map_while(Result::ok);
    elements.map(|element| (element.key().as_str().to_owned(), value(&element, depth))).collect()
}

fn value(element: &RawElement<'_>, depth: usize) -> Bson {
    let Some(inner) = depth.checked_sub(1) else { return Bson::Null };
    match element.value_utf8_lossy() {
        Ok(RawBson::Document(nested)) => document(&nested, inner).into(),
        Ok(RawBson::Array(nested)) => {
            let elements = nested.iter_elements().map_while(Result::ok);
            Bson::Array(elements.map(|element| value(&element, inner)).collect())
        }
        // Its scope is a document of any depth, and nothing here is code.
        Ok(RawBson::JavaScriptCodeWithScope(_)) | Err(_) => Bson::Null,
        Ok(simple) => simple.try_into().unwrap_or(Bson::Null),
    }
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{deserialize_from_slice, doc, serialize_to_vec};

    use super::*;

    fn read(raw: &[u8]) -> Document {
        deserialize_from_slice::<StoredDocument>(raw).unwrap().into_inner()
    }

    #[test]
    fn a_document_is_read_as_it_was_written() {
        let whole = doc! { "a": 1_i64, "b": [{ "c": "text" }, 2.5, null], "d": { "e": { "f": true } } };
        assert_eq!(read(&serialize_to_vec(&whole).unwrap()), whole);
    }

    #[test]
    fn bytes_that_are_no_text_spoil_only_themselves() {
        let mut raw = serialize_to_vec(&doc! { "a": "??", "b": ["??"], "c": 7 }).unwrap();
        for at in 0..raw.len() - 1 {
            if raw[at..].starts_with(b"??") {
                raw[at] = 0xff;
            }
        }
        assert_eq!(read(&raw), doc! { "a": "\u{fffd}?", "b": ["\u{fffd}?"], "c": 7 });
    }

    #[test]
    fn what_lies_too_deep_is_left_out() {
        let mut deep = doc! { "bottom": true };
        for _ in 0..170 {
            deep = doc! { "a": [deep] };
        }
        deep.insert("b", 7);
        let read = read(&serialize_to_vec(&deep).unwrap());
        assert_eq!(read.get_i32("b").unwrap(), 7);
        assert!(format!("{read}").len() < 1_000, "{read}");
    }
}
