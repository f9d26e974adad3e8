//! Fuzz targets: remembered snapshots and their heads as MongoDB returns them.

use std::hash::Hash;
use std::time::Duration;

use mongodb::bson::{Document, deserialize_from_slice, serialize_to_vec};
use playarr_fuzz::{EXTENDED_JSON, RAW_BSON, bson_of, elements_of, fuzz, kind_of};

use super::{Head, body, form};
use crate::metric::{Family, Kind};
use crate::refresh::{Collector, Snapshot};

const HEAD: &[u8] = br#"{"_id":"hour:2026-11-25T17:00:00Z","form":1,"generation":{"$numberLong":"7"},
    "age_ms":{"$numberLong":"60000"},"lag_ms":{"$numberLong":"5"},"body":{"$oid":"070707070707070707070707"},"chunks":1,
    "bytes":{"$numberLong":"100"},"series":{"$numberLong":"3"},"written_at":{"$date":"2026-11-25T17:01:00Z"},
    "totals":[{"family":"playarr_x_count","total":1.5,"groups":["a","b"],"sums":[1.25,0.25]}]}"#;

fn snapshot() -> Snapshot {
    let rows = [(vec!["a", ""], 1.0), (vec!["b", "x"], f64::NAN), (vec!["a", "ü"], 0.1)];
    let family = Family::numbers("playarr_x_count", "Help.", Kind::Gauge, &["provider_id", "b"], rows);
    let collector = Collector {
        name: "playarr_x_count".into(),
        family: Some(family.into()),
        folded: 3,
        duration: Duration::from_micros(7),
        last_success: None,
        error: Some("down".to_owned()),
    };
    Snapshot { generation: 7, collectors: vec![collector], ..Snapshot::default() }
}

/// About what a snapshot holds, so that an input with something else is a new outcome.
fn shape(snapshot: &Snapshot) -> String {
    let family = |family: &Family| (family.kind, family.columns.len().min(3), family.len().min(3));
    let collector = |collector: &Collector| {
        let family = collector.family.as_deref().map(family);
        (family, collector.folded.min(1), collector.last_success.is_some(), collector.error.is_some())
    };
    format!("{:?} {:?}", snapshot.is_taken(), snapshot.collectors.iter().map(collector).take(3).collect::<Vec<_>>())
}

#[test]
fn a_remembered_snapshot_may_be_any_bytes() {
    let plain = form::encode(&snapshot());
    fuzz("snapshot forms", &[&plain, &form::encode(&Snapshot::default())], &["\x01", "\u{7ff}"], |bytes| {
        match form::decode(bytes, Duration::ZERO) {
            Err(error) => kind_of(&error.to_string()),
            Ok(snapshot) => {
                let again =
                    form::decode(&form::encode(&snapshot), Duration::ZERO).expect("what was decoded is encoded");
                assert_eq!(again.collectors.len(), snapshot.collectors.len());
                shape(&snapshot)
            }
        }
    });
    let packed = body::pack(&snapshot()).unwrap();
    fuzz("packed snapshots", &[&packed], &[], |bytes| match body::unpack(bytes, Duration::ZERO) {
        Err(error) => kind_of(&error.to_string()),
        Ok(snapshot) => shape(&snapshot),
    });
}

/// What a head says, so far as it can be read.
fn head(document: Option<Document>) -> Option<impl Hash> {
    let head = Head::of(&document?)?;
    Some((head.totals.len().min(4), head.period.is_some(), head.taken_at < head.written_at))
}

#[test]
fn the_head_of_a_remembered_snapshot_may_be_any_document() {
    let words = ["\"totals\":", "\"groups\":", "\"sums\":", "\"age_ms\":", "\"chunks\":", "\"day:"];
    let words = [&words, EXTENDED_JSON].concat();
    fuzz("heads of snapshots", &[HEAD], &words, |text| head(serde_json::from_slice(text).ok()));

    let raw = serialize_to_vec(&serde_json::from_slice::<Document>(HEAD).unwrap()).unwrap();
    let words = [&["totals\0", "groups\0", "sums\0", "age_ms\0", "chunks\0", "day:"], RAW_BSON].concat();
    fuzz("raw heads of snapshots", &[elements_of(&raw)], &words, |elements| {
        head(deserialize_from_slice(&bson_of(elements)).ok())
    });
}
