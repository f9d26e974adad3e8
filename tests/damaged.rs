//! What people and other programs may have left in the service's own collections: the service says what is wrong,
//! carries on with the rest, and works as before once that is mended.

use std::time::Duration;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use playarr_sandbox::TestDatabase;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::{fixtures, load};
use crate::support::running::Running;
use crate::support::until;

/// Far longer than anything takes here; a lease that nobody gives back ends after ten seconds.
const SOON: Duration = Duration::from_secs(40);

const SETTINGS: [(&str, &str); 1] = [("CHANGE_DETECTION", "on")];

/// The collections of the service, with what chooses their small documents.
const OWN: [(&str, &str); 3] = [("playarr_metrics", "_id"), ("playarr_metrics_journal", "_id"), SNAPSHOTS];
const SNAPSHOTS: (&str, &str) = ("playarr_metrics_snapshots", "form");

async fn library() -> (TestDatabase, Database) {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let database = own.connect().await.unwrap();
    load(&database, &fixtures()).await.unwrap();
    (own, database)
}

async fn set(database: &Database, collection: &str, filter: Document, fields: Document) {
    let changed = database.collection::<Document>(collection).update_many(filter, doc! { "$set": fields }).await;
    assert!(changed.unwrap().matched_count > 0, "there is one");
}

async fn role(running: &Running) -> Value {
    let request = running.request(Method::GET, "/api/metrics/status").header("x-api-key", "admin001");
    request.send().await.unwrap().json::<Value>().await.unwrap()["sharing"].take()
}

async fn until_role(running: &Running, expected: &str) {
    until(expected, SOON, || async { role(running).await["role"] == expected }).await;
}

async fn until_said(running: &Running, words: &str) {
    until(words, SOON, || async { running.log.lock().unwrap().contains(words) }).await;
}

async fn until_remembered(running: &Running) {
    until("what is shown is stored", SOON, || async {
        value(&running.series().await, "playarr_metrics_snapshot_remembered", &[]) == Some(1.0)
    })
    .await;
}

/// Adds a user, which shows soon.
async fn until_a_change_shows(running: &Running) {
    let users = || async { value(&running.series().await, "playarr_active_users", &[]).unwrap() };
    let before = users().await;
    let user = doc! { "username": format!("user-{before}"), "api_key": format!("key-{before}") };
    running.database.collection::<Document>("users").insert_one(user).await.unwrap();
    until("the change shows", SOON, || async { users().await > before }).await;
}

async fn count_a_hit(running: &Running) -> StatusCode {
    let event = json!({ "type": "cache_operation", "operation": "hit" });
    running.events().json(&json!({ "events": [event] })).send().await.unwrap().status()
}

async fn hits(running: &Running) -> f64 {
    value(&running.series().await, "playarr_cache_operations_total", &[("operation", "hit")]).unwrap_or_default()
}

/// Ends a process that has not panicked.
async fn end(running: Running) {
    let panics = value(&running.series().await, "playarr_metrics_panics_total", &[]);
    assert_eq!(panics, Some(0.0));
    assert!(running.end("TERM").await.success());
}

/// A document that no text is in, and one that MongoDB just takes.
fn spoil(document: &RawDocumentBuf) -> RawDocumentBuf {
    let mut deep = doc! {};
    for _ in 0..170 {
        deep = doc! { "a": deep };
    }
    let mut bytes = RawDocumentBuf::try_from(&doc! { "text": "??" }).unwrap().into_bytes();
    let at = bytes.windows(2).position(|pair| pair == b"??").unwrap();
    bytes[at] = 0xff;
    let no_text = RawDocumentBuf::from_bytes(bytes).unwrap();
    let mut spoiled = document.clone();
    spoiled.append(mongodb::bson::raw::cstr!("no_text"), no_text);
    spoiled.append(mongodb::bson::raw::cstr!("deep"), RawDocumentBuf::try_from(&deep).unwrap());
    spoiled
}

async fn spoil_all(database: &Database) -> usize {
    let mut count = 0;
    for (collection, field) in OWN {
        let documents = database.collection::<RawDocumentBuf>(collection);
        let found = documents.find(doc! { field: { "$exists": true } }).await.unwrap();
        for document in found.try_collect::<Vec<_>>().await.unwrap() {
            let id: Bson = document.get("_id").unwrap().unwrap().try_into().unwrap();
            documents.delete_one(doc! { "_id": id }).await.unwrap();
            documents.insert_one(spoil(&document)).await.unwrap();
            count += 1;
        }
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_text_or_lies_too_deep_in_each_document_keeps_nothing_from_working() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until_remembered(&running).await;
    let metric = json!({
        "name": "playarr_custom_users", "help": "Users.", "collection": "users", "pipeline": [{ "$count": "value" }],
    });
    let put = running.request(Method::PUT, "/api/metrics/custom/playarr_custom_users").header("x-api-key", "admin001");
    assert_eq!(put.json(&metric).send().await.unwrap().status(), StatusCode::CREATED);
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    until("the hit counts", SOON, || async { hits(&running).await > 0.5 }).await;
    end(running).await;

    let count = spoil_all(&database).await;
    assert!(count >= 8, "the lease, the base, tokens, a custom metric, an entry and three heads: {count}");
    let running = Running::start_on(&own, &SETTINGS).await;
    until_role(&running, "refreshes").await;
    until_remembered(&running).await;
    until_a_change_shows(&running).await;
    until("the hit of before is there", SOON, || async { hits(&running).await > 0.5 }).await;
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    until("both count", SOON, || async { hits(&running).await > 1.5 }).await;
    assert!(running.series().await.contains_key("playarr_custom_users"));

    // And while it runs.
    spoil_all(&database).await;
    until_a_change_shows(&running).await;
    until_remembered(&running).await;
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    until("all count", SOON, || async { hits(&running).await > 2.5 }).await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_claims_to_have_any_number_of_chunks_is_not_believed() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until_remembered(&running).await;
    end(running).await;

    let claims = doc! { "chunks": i32::MAX, "bytes": i64::MAX };
    set(&database, "playarr_metrics_snapshots", doc! { "form": 1 }, claims.clone()).await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until_said(&running, "the last snapshot could not be read; the first refresh takes its place").await;
    until_remembered(&running).await;
    until_a_change_shows(&running).await;

    set(&database, "playarr_metrics_snapshots", doc! { "period": { "$ne": "last" }, "form": 1 }, claims).await;
    let changes = running.request(Method::GET, "/api/metrics/changes").header("x-api-key", "admin001");
    let status = changes.send().await.unwrap().status();
    assert!([StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&status), "{status}");
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_with_the_highest_numbers_is_said_to_be_damaged_and_made_anew_when_it_is_deleted() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until_role(&running, "refreshes").await;
    let lease = doc! { "_id": "refresh_lease" };
    for field in ["fence", "generation"] {
        set(&database, "playarr_metrics", lease.clone(), doc! { field: i64::MAX }).await;
        until_role(&running, "alone").await;
        let reason = role(&running).await["reason"].as_str().unwrap().to_owned();
        assert!(
            reason.contains(&format!("damaged (its {field}")) && reason.contains("delete the document"),
            "{reason}"
        );
        until_a_change_shows(&running).await;
        database.collection::<Document>("playarr_metrics").delete_one(lease.clone()).await.unwrap();
        until_role(&running, "refreshes").await;
        until_remembered(&running).await;
    }
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_that_would_last_for_ever_is_taken() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until_role(&running, "refreshes").await;
    let far = mongodb::bson::DateTime::parse_rfc3339_str("9999-12-31T00:00:00Z").unwrap();
    for expires in [Bson::DateTime(far), Bson::MaxKey, Bson::Null] {
        set(
            &database,
            "playarr_metrics",
            doc! { "_id": "refresh_lease" },
            doc! { "holder": "nobody", "expires": expires },
        )
        .await;
        until("somebody refreshes", SOON, || async {
            let role = role(&running).await;
            role["role"] == "refreshes" && role["holder"] == role["instance"]
        })
        .await;
        until_a_change_shows(&running).await;
    }
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_with_other_options_is_named_and_events_are_taken_once_it_is_dropped() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until("a hit is taken", SOON, || async { count_a_hit(&running).await == StatusCode::OK }).await;
    end(running).await;
    let journal = database.collection::<Document>("playarr_metrics_journal");
    journal.drop_indexes().await.unwrap();
    journal.create_index(mongodb::IndexModel::builder().keys(doc! { "batches": 1 }).build()).await.unwrap();

    let running = Running::start_on(&own, &SETTINGS).await;
    until_said(&running, "drop it, and it is made as it should be").await;
    assert_eq!(count_a_hit(&running).await, StatusCode::SERVICE_UNAVAILABLE);
    journal.drop_index("batches_1").await.unwrap();
    until("a hit is taken", SOON, || async { count_a_hit(&running).await == StatusCode::OK }).await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_of_a_later_version_is_said_and_left_alone() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    let journal = database.collection::<Document>("playarr_metrics_journal");
    let later = doc! { "_id": { "w": 777_i64, "n": 1_i64 }, "form": 2, "news": true };
    journal.insert_one(&later).await.unwrap();
    until_said(&running, "a document of the live metrics has form 2").await;
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    until("the hit counts", SOON, || async { hits(&running).await > 0.5 }).await;
    assert_eq!(journal.find_one(doc! { "form": 2 }).await.unwrap(), Some(later));
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_no_request_can_carry_does_not_take_the_place_of_one_that_works() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    let token = running.metrics_token().to_owned();
    for unusable in ["x\ny".to_owned(), "x y".to_owned(), "\u{e9}".repeat(20), "x".repeat(100_000)] {
        set(&database, "settings", doc! { "_id": "metrics_token" }, doc! { "value": unusable }).await;
        let written = || async {
            let settings = database.collection::<Document>("settings");
            settings
                .find_one(doc! { "_id": "metrics_token" })
                .await
                .unwrap()
                .unwrap()
                .get_str("value")
                .unwrap()
                .to_owned()
        };
        until("the token is there again", SOON, || async { written().await == token }).await;
        running.series().await;
    }
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_the_journal_with_an_odd_id_or_odd_numbers_of_events_stop_no_others() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    let batch = json!({ "batch_id": "one", "events": [{ "type": "cache_operation", "operation": "hit" }] });
    let post = async |running: &Running| running.events().json(&batch).send().await.unwrap().status();
    assert_eq!(post(&running).await, StatusCode::OK);
    end(running).await;

    let journal = database.collection::<Document>("playarr_metrics_journal");
    let mut deep = doc! {};
    for _ in 0..150 {
        deep = doc! { "a": deep };
    }
    for id in [doc! { "w": &deep, "n": 1_i64 }, doc! { "w": 7_i64, "n": &deep }, doc! { "w": "text", "n": Bson::Null }]
    {
        journal.insert_one(doc! { "_id": id, "form": 1 }).await.unwrap();
    }
    let has_batches = doc! { "batches.0": { "$exists": true } };
    set(&database, "playarr_metrics_journal", has_batches, doc! { "events": [deep] }).await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until("the batch is known", SOON, || async { post(&running).await == StatusCode::OK }).await;
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    until("the new one counts", SOON, || async { hits(&running).await > 0.5 }).await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_packed_in_the_base_may_lie_as_deep_as_it_fits() {
    let (own, database) = library().await;
    let running = Running::start_on(&own, &SETTINGS).await;
    assert_eq!(count_a_hit(&running).await, StatusCode::OK);
    end(running).await;

    // Documents in documents by hand: their lengths, from the inside out.
    let mut deep = vec![5, 0, 0, 0, 0];
    for _ in 0..20_000 {
        let length = i32::try_from(deep.len() + 8).unwrap();
        deep = [&length.to_le_bytes()[..], b"\x03a\0", &deep, b"\0"].concat();
    }
    let (families, end_of) = (b"\x04families\0\x05\0\0\0\0\x04reports\0\x05\0\0\0\0\x03x\0", b"\0");
    let length = i32::try_from(4 + families.len() + deep.len() + 1).unwrap();
    let totals = [&length.to_le_bytes()[..], families, &deep, end_of].concat();
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, &totals).unwrap();
    let bytes = packed.finish().unwrap();
    let totals = mongodb::bson::Binary { subtype: mongodb::bson::spec::BinarySubtype::Generic, bytes };
    set(&database, "playarr_metrics", doc! { "_id": "live_base" }, doc! { "totals": totals }).await;
    let running = Running::start_on(&own, &SETTINGS).await;
    until("events are taken", SOON, || async { count_a_hit(&running).await == StatusCode::OK }).await;
    end(running).await;
}
