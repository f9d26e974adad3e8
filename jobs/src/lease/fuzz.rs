//! Fuzz target: the document of the lease, which any version and any hand may have written.

use mongodb::bson::{Document, deserialize_from_slice, serialize_to_vec};
use playarr_fuzz::{EXTENDED_JSON, RAW_BSON, bson_of, elements_of, fuzz};

use super::document::LeaseView;

const LEASE: &[u8] = br#"{"_id":"refresh_lease","form":1,"holder":"a","fence":{"$numberLong":"3"},
    "generation":{"$numberLong":"7"},"is_over":false,"facts":{"change_detection":"on"},"requests":{
    "asked":{"$numberLong":"2"},"full":true,"begun":{"$numberLong":"1"},"begun_by":{"$numberLong":"3"},
    "done":{"$numberLong":"1"},"progress":{"generation":{"$numberLong":"7"}},"report":{"trigger":"manual"}}}"#;

/// What an instance makes of the document.
fn read(document: Option<Document>) -> String {
    let Some(document) = document else { return "no document".to_owned() };
    let view = match LeaseView::of(&document) {
        Ok(view) => view,
        Err(error) => return error.to_string(),
    };
    let is_pending = [view.requests.is_pending(view.fence), view.requests.is_pending(i64::MIN)];
    let parts = [&view.facts, &view.requests.progress, &view.requests.report].map(|part| part.len().min(3));
    format!("{} {} {is_pending:?} {parts:?}", view.is_over, view.requests.is_full)
}

#[test]
fn the_lease_may_be_any_document() {
    let words = ["\"form\":", "\"requests\":", "\"report\":", "\"progress\":", "\"full\":", "\"is_over\":"];
    let words = [&words, EXTENDED_JSON].concat();
    fuzz("leases", &[LEASE], &words, |text| read(serde_json::from_slice(text).ok()));

    let raw = serialize_to_vec(&serde_json::from_slice::<Document>(LEASE).unwrap()).unwrap();
    let words = [&["form\0", "requests\0", "report\0", "progress\0", "full\0", "is_over\0"], RAW_BSON].concat();
    fuzz("raw leases", &[elements_of(&raw)], &words, |elements| read(deserialize_from_slice(&bson_of(elements)).ok()));
}
