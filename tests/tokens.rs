//! Tokens: made once however many instances start, picked up when others change them, never lost to an error, and never
//! back once they are revoked.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use futures_util::future::join_all;
use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::{Collection, Database};
use playarr_metrics::accounts::{TokenKind, Tokens, Unknown};
use playarr_sandbox::{Mongod, TestDatabase};
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

const METRICS: TokenKind = TokenKind::Metrics;
const INGEST: TokenKind = TokenKind::Ingest;

async fn database() -> (TestDatabase, Database) {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    (database, connected)
}

fn settings(database: &Database) -> Collection<Document> {
    database.collection("settings")
}

fn records(database: &Database) -> Collection<Document> {
    database.collection("playarr_metrics")
}

async fn shown(tokens: &Tokens, kind: TokenKind) -> String {
    tokens.show(kind).await.unwrap().value.reveal().to_owned()
}

async fn in_settings(database: &Database) -> String {
    let setting = settings(database).find_one(doc! { "_id": "metrics_token" }).await.unwrap().unwrap();
    setting.get_str("value").unwrap().to_owned()
}

async fn set(database: &Database, token: &str) {
    let change = doc! { "$set": { "value": token, "lastUpdated": DateTime::now() } };
    settings(database).update_one(doc! { "_id": "metrics_token" }, change).upsert(true).await.unwrap();
}

/// Playarr's cache of all settings, as it was when Playarr first read one of them.
struct PlayarrCache(Vec<Document>);

impl PlayarrCache {
    async fn read(database: &Database) -> Self {
        let all = settings(database).find(doc! {}).await.unwrap();
        Self(all.try_collect().await.unwrap())
    }

    /// What Playarr does when a user changes any setting.
    async fn write_back(&self, database: &Database) {
        for setting in &self.0 {
            let mut fields = setting.clone();
            let id = fields.remove("_id").unwrap();
            fields.insert("lastUpdated", DateTime::now());
            let update = doc! { "$set": fields };
            settings(database).update_one(doc! { "_id": id }, update).upsert(true).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_instances_started_at_once_on_an_empty_database_agree_on_one_token() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let instances = join_all(
        (0..10).map(|_| Service::empty().server(database.uri()).setting("MONGODB_DB_NAME", database.name()).ready()),
    )
    .await;
    let token = instances[0].token().await;
    assert_eq!(token.len(), 64);
    assert!(token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    for instance in &instances {
        assert_eq!(instance.scrape_with(&token).send().await.unwrap().status(), StatusCode::OK);
    }
    let database = &instances[0].database;
    let in_settings = settings(database).count_documents(doc! { "_id": { "$regex": "token" } }).await.unwrap();
    assert_eq!(in_settings, 1, "the other tokens are kept elsewhere");
    let records = records(database).count_documents(doc! { "_id": { "$regex": "_token$" } }).await.unwrap();
    assert_eq!(records, 3, "one of each token");
    let jobs = database.collection::<Document>("job_history");
    assert_eq!(jobs.count_documents(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_changed_in_the_database_counts_within_ten_seconds() {
    let service = Service::empty().ready().await;
    let old = service.token().await;
    let ingest = service.ingest_token().await;
    set(&service.database, "  changed-by-hand\n").await;
    let started = Instant::now();
    until("the new token counts", Duration::from_secs(10), || async {
        service.scrape_with("changed-by-hand").send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    assert_eq!(service.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(in_settings(&service.database).await, "  changed-by-hand\n", "what others set stays as it is");
    assert_eq!(service.ingest_token().await, ingest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_or_empty_setting_gets_a_token_and_a_present_one_stays() {
    let (_guard, database) = database().await;
    let mut invalid = RawDocumentBuf::try_from(doc! { "_id": "metrics_token", "value": "??" }).unwrap().into_bytes();
    let at = invalid.windows(2).position(|bytes| bytes == b"??").unwrap();
    invalid[at] = 0xff;
    let mut kinds: Vec<_> = [Bson::Null, "".into(), " \n".into(), 5.into(), vec![Bson::from("x")].into()]
        .map(|value| {
            RawDocumentBuf::try_from(
                doc! { "_id": "metrics_token", "value": value, "createdAt": DateTime::from_millis(1_000) },
            )
            .unwrap()
        })
        .into();
    kinds.push(RawDocumentBuf::from_bytes(invalid).unwrap());
    kinds.push(RawDocumentBuf::try_from(doc! { "_id": "metrics_token" }).unwrap());
    for empty in kinds {
        settings(&database).delete_many(doc! {}).await.unwrap();
        records(&database).delete_many(doc! {}).await.unwrap();
        database.collection::<RawDocumentBuf>("settings").insert_one(&empty).await.unwrap();
        let token = shown(&Tokens::new(&database), METRICS).await;
        assert_eq!(token.len(), 64, "{empty:?}");
        let setting = settings(&database).find_one(doc! { "_id": "metrics_token" }).await.unwrap().unwrap();
        assert_eq!(setting.get_str("value").unwrap(), token, "{empty:?}");
        if let Ok(created) = empty.get_datetime("createdAt") {
            assert_eq!(setting.get_datetime("createdAt").unwrap(), &created);
        }
        assert!(setting.get_datetime("lastUpdated").is_ok());
        assert_eq!(shown(&Tokens::new(&database), METRICS).await, token);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_token_replaces_the_old_one_at_once() {
    let (_guard, database) = database().await;
    let tokens = Tokens::new(&database);
    assert_eq!(tokens.accepts(METRICS, "x"), Err(Unknown::NotRead));
    tokens.check().await.unwrap();
    for kind in TokenKind::ALL {
        let old = shown(&tokens, kind).await;
        let new = tokens.rotate(kind).await.unwrap();
        assert_ne!(old, new.reveal());
        assert_eq!(tokens.accepts(kind, &old), Ok(false));
        assert_eq!(tokens.accepts(kind, new.reveal()), Ok(true));
        assert_eq!(shown(&Tokens::new(&database), kind).await, new.reveal());
        assert!(!format!("{tokens:?}").contains(new.reveal()), "no secret in the debug output");
    }
    assert_eq!(in_settings(&database).await, shown(&tokens, METRICS).await, "Playarr's own page reads it there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_error_is_never_taken_for_an_absent_token() {
    let mut mongod = Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    let database = mongodb::Client::with_uri_str(&uri).await.unwrap().database("playarr");
    let tokens = Tokens::new(&database);
    tokens.check().await.unwrap();
    let token = shown(&tokens, METRICS).await;
    mongod.kill().await.unwrap();
    tokens.check().await.unwrap_err();
    assert_eq!(tokens.accepts(METRICS, &token), Ok(true), "the token held in memory stays");
    assert!(tokens.status().iter().all(|status| status.is_known && status.problem.is_some()));
    let unknown = Tokens::new(&database);
    unknown.check().await.unwrap_err();
    assert_eq!(unknown.accepts(METRICS, &token), Err(Unknown::NotRead));
    mongod.restart().await.unwrap();
    until("the database is back", Duration::from_secs(30), || async { tokens.check().await.is_ok() }).await;
    assert_eq!(tokens.accepts(METRICS, &token), Ok(true));
    assert!(tokens.status().iter().all(|status| status.problem.is_none()));
    assert_eq!(shown(&tokens, METRICS).await, token);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_cache_that_playarr_writes_back_never_revives_a_token() {
    let service = Service::with(fixtures()).ready().await;
    let old = service.token().await;
    let cache = PlayarrCache::read(&service.database).await;
    let rotate = service.post("/api/settings/metrics/regenerate").header("x-api-key", "admin001");
    let new = rotate.send().await.unwrap().json::<Value>().await.unwrap()["value"].as_str().unwrap().to_owned();

    cache.write_back(&service.database).await;
    assert_eq!(in_settings(&service.database).await, old);
    until("the new token is in the settings again", Duration::from_secs(10), || async {
        assert_eq!(service.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(service.scrape_with(&new).send().await.unwrap().status(), StatusCode::OK);
        in_settings(&service.database).await == new
    })
    .await;
    until("the restoration is counted", Duration::from_secs(10), || async {
        service.text().await.contains("\nplayarr_metrics_token_restored_total 1\n")
    })
    .await;
    let (uri, name) = service.settings();
    let database = service.database.clone();

    // Once more, while the service is down; then after a rotation elsewhere.
    let other = Tokens::new(&database);
    let newest = other.rotate(METRICS).await.unwrap().reveal().to_owned();
    cache.write_back(&database).await;
    let after = Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name).ready().await;
    for revoked in [&old, &new] {
        assert_eq!(after.scrape_with(revoked).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(after.scrape_with(&newest).send().await.unwrap().status(), StatusCode::OK);
    until("the newest token is in the settings again", Duration::from_secs(10), || async {
        in_settings(&database).await == newest
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_never_seen_before_is_a_rotation_by_somebody_else_and_revokes_the_one_before() {
    let (_guard, database) = database().await;
    let (one, other) = (Tokens::new(&database), Tokens::new(&database));
    one.check().await.unwrap();
    other.check().await.unwrap();
    let first = shown(&one, METRICS).await;
    set(&database, "by-playarr").await;
    one.check().await.unwrap();
    other.check().await.unwrap();
    set(&database, &first).await;
    for _ in 0..2 {
        one.check().await.unwrap();
        other.check().await.unwrap();
        for tokens in [&one, &other] {
            assert_eq!(tokens.accepts(METRICS, &first), Ok(false));
            assert_eq!(tokens.accepts(METRICS, "by-playarr"), Ok(true));
        }
    }
    assert_eq!(in_settings(&database).await, "by-playarr");
    assert_eq!(one.restored() + other.restored(), 1, "by one of them");
}

/// Between the two writes of a rotation, another instance sees the revoked token in the settings.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_stops_halfway_is_finished_elsewhere_and_not_counted_as_a_restoration() {
    let (_guard, database) = database().await;
    let (one, other) = (Tokens::new(&database), Tokens::new(&database));
    one.check().await.unwrap();
    other.check().await.unwrap();
    let old = shown(&one, METRICS).await;
    let id = doc! { "_id": "metrics_token" };
    let before = settings(&database).find_one(id.clone()).await.unwrap().unwrap();
    let new = one.rotate(METRICS).await.unwrap();
    settings(&database).replace_one(id, &before).await.unwrap();
    other.check().await.unwrap();
    assert_eq!((other.restored(), in_settings(&database).await), (0, old.clone()));
    assert_eq!(other.accepts(METRICS, new.reveal()), Ok(true), "the new one counts at once");
    assert_eq!(other.accepts(METRICS, &old), Ok(false));
    // The rotating instance crashed: the next check finishes its work.
    other.check().await.unwrap();
    assert_eq!((other.restored(), in_settings(&database).await), (0, new.reveal().to_owned()));

    // Playarr writes with a new time: that is counted.
    set(&database, &old).await;
    other.check().await.unwrap();
    assert_eq!((other.restored(), in_settings(&database).await), (1, new.reveal().to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ingest_token_moves_out_of_the_settings_once_and_what_comes_back_there_is_ignored() {
    let (_guard, database) = database().await;
    let old = doc! { "_id": "metrics_ingest_token", "value": " of-the-first-version ", "lastUpdated": DateTime::now() };
    settings(&database).insert_one(old).await.unwrap();
    let cache = PlayarrCache::read(&database).await;
    let tokens = Tokens::new(&database);
    assert_eq!(shown(&tokens, INGEST).await, "of-the-first-version");
    assert!(settings(&database).find_one(doc! { "_id": "metrics_ingest_token" }).await.unwrap().is_none());
    let record = records(&database).find_one(doc! { "_id": "ingest_token" }).await.unwrap().unwrap();
    assert_eq!(record.get_str("value").unwrap(), "of-the-first-version");
    assert_eq!(record.get_i64("form").unwrap(), 1);

    let new = tokens.rotate(INGEST).await.unwrap();
    cache.write_back(&database).await;
    for tokens in [&tokens, &Tokens::new(&database)] {
        assert_eq!(shown(tokens, INGEST).await, new.reveal());
        assert_eq!(tokens.accepts(INGEST, "of-the-first-version"), Ok(false));
    }
    assert!(settings(&database).find_one(doc! { "_id": "metrics_ingest_token" }).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_dropped_or_restored_while_it_runs_get_the_same_tokens_again() {
    let (_guard, database) = database().await;
    let tokens = Tokens::new(&database);
    tokens.check().await.unwrap();
    let revoked = shown(&tokens, METRICS).await;
    let backup: Vec<Document> = records(&database).find(doc! {}).await.unwrap().try_collect().await.unwrap();
    let cache = PlayarrCache::read(&database).await;
    let metrics = tokens.rotate(METRICS).await.unwrap();
    let ingest = shown(&tokens, INGEST).await;
    let holds = async || {
        tokens.check().await.unwrap();
        assert_eq!(in_settings(&database).await, metrics.reveal());
        let other = Tokens::new(&database);
        assert_eq!(shown(&other, METRICS).await, metrics.reveal());
        assert_eq!(shown(&other, INGEST).await, ingest);
        assert_eq!(other.accepts(METRICS, &revoked), Ok(false));
    };
    settings(&database).drop().await.unwrap();
    holds().await;
    records(&database).drop().await.unwrap();
    holds().await;
    database.drop().await.unwrap();
    holds().await;

    // A backup from before the rotation.
    records(&database).drop().await.unwrap();
    records(&database).insert_many(&backup).await.unwrap();
    cache.write_back(&database).await;
    tokens.check().await.unwrap();
    assert_eq!(tokens.accepts(METRICS, &revoked), Ok(false));
    holds().await;
    // The revoked one is still known as such.
    set(&database, &revoked).await;
    tokens.check().await.unwrap();
    holds().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_a_form_that_is_not_known_is_left_alone_and_does_not_stop_scrapes() {
    let (_guard, database) = database().await;
    let later = doc! { "_id": "metrics_token", "form": 99, "secret": "x" };
    records(&database).insert_one(&later).await.unwrap();
    let tokens = Tokens::new(&database);
    set(&database, "kept").await;
    tokens.check().await.unwrap();
    assert_eq!(tokens.accepts(METRICS, "kept"), Ok(true));
    let problem = tokens.status()[0].problem.clone().unwrap().to_string();
    assert!(problem.contains("form") && problem.contains("playarr_metrics"), "{problem}");
    let found = records(&database).find_one(doc! { "_id": "metrics_token" }).await.unwrap().unwrap();
    assert_eq!(found, later);
    let refused = tokens.rotate(METRICS).await.unwrap_err().to_string();
    assert!(refused.contains("goes on working"), "{refused}");
}

/// Every way in which a write is refused while reading works: roles, Atlas, a full disk, a secondary, a step-down.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_suffices_for_scrapes_whatever_error_a_write_gets() {
    let mongod = Mongod::builder().arguments(&["--setParameter", "enableTestCommands=1"]).start().await.unwrap();
    // After 10107 the driver asks nothing before the server's next sign of life; the service sets the same interval.
    let uri = format!("{}&heartbeatFrequencyMS=2000", mongod.uri());
    let client = mongodb::Client::with_uri_str(&uri).await.unwrap();
    for code in [13, 8000, 14031, 10107, 11600, 17000, 64] {
        let database = client.database(&format!("playarr_{code}"));
        set(&database, "present").await;
        let admin = client.database("admin");
        let fail = |mode: Bson| {
            let point = doc! {
                "configureFailPoint": "failCommand", "mode": mode,
                "data": { "failCommands": ["insert", "update", "delete", "findAndModify"], "errorCode": code },
            };
            admin.run_command(point)
        };
        fail("alwaysOn".into()).await.unwrap();
        let tokens = Tokens::new(&database);
        let ingest = tokens.check().await.unwrap_err().to_string();
        assert!(ingest.starts_with("There is no ingest token"), "{code}: {ingest}");
        assert_eq!(tokens.accepts(METRICS, "present"), Ok(true), "{code}");
        assert_eq!(tokens.accepts(INGEST, "x"), Err(Unknown::NotCreated), "{code}");
        let status = tokens.status();
        assert!(status[0].problem.is_some() && status[0].is_known && !status[1].is_known, "{code}: {status:?}");
        let refused = tokens.rotate(METRICS).await.unwrap_err().to_string();
        assert!(refused.contains("goes on working"), "{code}: {refused}");
        assert_eq!(tokens.accepts(METRICS, "present"), Ok(true), "{code}");

        // Some of these codes make the driver begin its connections anew.
        until("writes work again", Duration::from_secs(20), || async { fail("off".into()).await.is_ok() }).await;
        tokens.check().await.unwrap();
        assert_eq!(tokens.accepts(METRICS, "present"), Ok(true), "{code}");
        assert!(tokens.status().iter().all(|status| status.is_known && status.problem.is_none()), "{code}");
    }
}
