//! A remembered snapshot and its head, byte by byte in each form that was ever written. Every later version reads them.
//!
//! A new form gets files of its own: `UPDATE_GOLDEN=1 cargo test -p playarr-jobs --lib old_forms` writes those that are
//! missing, and never changes one.

use std::path::PathBuf;
use std::time::Duration;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, deserialize_from_slice, serialize_to_vec};

use super::head::{Draft, RunFacts};
use super::{FamilySums, Head, body, form};
use crate::metric::{Family, Kind, Points};
use crate::refresh::{Collector, Moment, Snapshot};

fn kept(name: &str, write: impl FnOnce() -> Vec<u8>) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/forms").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, write()).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn snapshot() -> Snapshot {
    let rows = [(vec!["agtv", "Sport"], 3.0), (vec!["agtv", ""], 0.5), (vec!["\u{fc}", "Sport"], -1e300)];
    let family =
        Family::numbers("playarr_channels_count", "Channels.", Kind::Gauge, &["provider_id", "category"], rows);
    let collector = |name: &'static str, family, error| Collector {
        name: name.into(),
        family,
        folded: 5,
        duration: Duration::from_micros(1_234_567),
        last_success: Moment::before(Duration::from_secs(120)),
        error,
    };
    let collectors = vec![
        collector("playarr_channels_count", Some(family.into()), None),
        collector("playarr_active_users", None, Some("the time limit of 30 s was exceeded".to_owned())),
    ];
    Snapshot { generation: 300, taken_at: Moment::before(Duration::from_secs(60)), collectors, ..Snapshot::default() }
}

#[test]
fn a_snapshot_of_form_1_is_read() {
    let expected = snapshot();
    let packed = kept("snapshot-1.bin", || body::pack(&expected).unwrap());
    let read = body::unpack(&packed, Duration::from_secs(5)).unwrap();
    assert_eq!(read.generation, 300);
    let age = read.taken_at.unwrap().age().as_secs();
    assert!((65..600).contains(&age), "{age} s: the age then, and the time since");
    assert_eq!(read.collectors.len(), 2);
    for (read, expected) in read.collectors.iter().zip(&expected.collectors) {
        assert_eq!((&read.name, read.folded, read.duration), (&expected.name, expected.folded, expected.duration));
        assert_eq!((&read.error, read.family.is_some()), (&expected.error, expected.family.is_some()));
    }
    let family = |snapshot: &Snapshot| snapshot.collectors[0].family.clone().unwrap();
    let (read, expected) = (family(&read), family(&expected));
    assert_eq!((&read.name, &read.help, read.kind), (&expected.name, &expected.help, expected.kind));
    let (Points::Numbers(read_numbers), Points::Numbers(numbers)) = (&read.points, &expected.points) else {
        panic!("gauges are numbers")
    };
    assert_eq!(read_numbers, numbers);
    for (read, expected) in read.columns.iter().zip(&expected.columns) {
        let texts = |column: &crate::metric::Column| {
            let (texts, rows) = column.parts();
            rows.iter().map(|&row| texts.get(row).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!((&read.name, texts(read)), (&expected.name, texts(expected)));
    }
}

#[test]
fn the_head_of_a_snapshot_of_form_1_is_read() {
    let draft = Draft {
        generation: 300,
        age: Duration::from_secs(60),
        lag: Duration::from_millis(5),
        body: ObjectId::from_bytes([7; 12]),
        chunks: 1,
        bytes: 222,
        series: 3,
        totals: FamilySums::of_all(&snapshot()),
        run: RunFacts::default(),
    };
    let written = kept("snapshot-head-1.bson", || {
        let mut document = draft.document();
        document.insert("_id", "hour:2025-11-25T17:00:00Z");
        document.insert("written_at", DateTime::from_millis(1_764_093_397_000));
        serialize_to_vec(&document).unwrap()
    });
    let head = Head::of(&deserialize_from_slice::<Document>(&written).unwrap()).unwrap();
    assert_eq!((head.generation, head.series, head.bytes, head.chunks), (300, 3, 222, 1));
    assert_eq!(head.period, Some(super::Period::Hour));
    assert_eq!(head.taken_at, std::time::UNIX_EPOCH + Duration::from_secs(1_764_093_337));
    assert_eq!(head.sum("playarr_channels_count", Some("agtv")), Some(3.5));
}

#[test]
fn the_form_that_is_written_has_its_files() {
    for name in [format!("snapshot-{}.bin", form::FORM), format!("snapshot-head-{}.bson", form::FORM)] {
        let path = format!("{}/../fixtures/forms/{name}", env!("CARGO_MANIFEST_DIR"));
        assert!(std::fs::exists(&path).unwrap(), "{path} is missing; add a test for this form above");
    }
}
