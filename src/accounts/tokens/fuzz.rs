//! Fuzz target: the documents of tokens, which Playarr and people write as well.

use mongodb::bson::{DateTime, Document, RawDocumentBuf, doc};
use playarr_fuzz::{RAW_BSON, bson_of, elements_of, fuzz};

use super::record::Record;
use super::setting::TokenSetting;

const WORDS: &[&str] =
    &["form\0", "revision\0", "value\0", "createdAt\0", "lastUpdated\0", "revoked\0", "digest\0", "at\0", "\t", " "];

fn raw(document: &Document) -> Vec<u8> {
    elements_of(RawDocumentBuf::try_from(document).unwrap().as_bytes()).to_vec()
}

#[test]
fn the_document_of_a_token_may_hold_anything() {
    let words = [WORDS, RAW_BSON].concat();
    let record = Record::new("one".to_owned().into()).replaced_by("two".to_owned().into());
    fuzz("records of tokens", &[&raw(&record.document("metrics_token"))], &words, |elements| {
        let document = RawDocumentBuf::from_bytes(bson_of(elements)).ok()?;
        let record = Record::of(&document)?;
        let again = RawDocumentBuf::try_from(&record.document("metrics_token")).unwrap();
        assert_eq!(Record::of(&again).as_ref(), Some(&record), "what was read is written");
        let next = record.replaced_by("three".to_owned().into());
        assert!(next.has_revoked(record.value.reveal()) || record.value.reveal() == "three");
        let _ = (record.next_revision(&next), record.updated_at());
        Some((record.has_revoked("one"), record.value.reveal().len().min(8), record.updated_at().is_some()))
    });
    let setting = doc! { "_id": "metrics_token", "value": " one\t", "lastUpdated": DateTime::now() };
    fuzz("settings of tokens", &[&raw(&setting)], &words, |elements| {
        let document = RawDocumentBuf::from_bytes(bson_of(elements)).ok()?;
        let setting = TokenSetting::of(&document);
        let token = setting.token().map(str::to_owned);
        assert!(token.as_ref().is_none_or(|token| !token.trim().is_empty() && token.trim() == token), "{token:?}");
        Some((std::mem::discriminant(&setting), token.map(|token| token.len().min(8))))
    });
}
