//! Tokens: made once however many instances start, picked up when others change them, never lost to an error.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use mongodb::bson::{Bson, DateTime, Document, doc};
use playarr_metrics::accounts::{TokenKind, Tokens};
use reqwest::StatusCode;

use crate::support::service::Service;
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_instances_started_at_once_on_an_empty_database_agree_on_one_token() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let instances = join_all((0..10).map(|_| {
        Service::empty().server(database.uri()).setting("MONGODB_DB_NAME", database.name()).ready()
    }))
    .await;
    let token = instances[0].token().await;
    assert_eq!(token.len(), 64);
    assert!(token.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
    for instance in &instances {
        assert_eq!(instance.scrape_with(&token).send().await.unwrap().status(), StatusCode::OK);
    }
    let settings = instances[0].database.collection::<Document>("settings");
    let tokens = doc! { "_id": { "$regex": "_token$" } };
    assert_eq!(settings.count_documents(tokens).await.unwrap(), 2, "the metrics token and the ingest token");
    let jobs = instances[0].database.collection::<Document>("job_history");
    assert_eq!(jobs.count_documents(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_changed_in_the_database_counts_within_ten_seconds() {
    let service = Service::empty().ready().await;
    let old = service.token().await;
    let settings = service.database.collection::<Document>("settings");
    let changed = doc! { "$set": { "value": "changed-by-hand", "lastUpdated": DateTime::now() } };
    settings.update_one(doc! { "_id": "metrics_token" }, changed).await.unwrap();
    let started = Instant::now();
    until("the new token counts", Duration::from_secs(10), || async {
        service.scrape_with("changed-by-hand").send().await.unwrap().status() == StatusCode::OK
    })
    .await;
    assert_eq!(service.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert_eq!(service.token().await, "changed-by-hand", "what others set is not overwritten");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absent_or_empty_setting_gets_a_token_and_a_present_one_stays() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    let settings = connected.collection::<Document>("settings");
    for empty in [Bson::Null, Bson::String(String::new()), Bson::Int32(5), Bson::Array(vec!["x".into()])] {
        settings.delete_many(doc! {}).await.unwrap();
        let created = DateTime::from_millis(1_000);
        settings
            .insert_one(doc! { "_id": "metrics_token", "value": &empty, "createdAt": created })
            .await
            .unwrap();
        let token = Tokens::new(&connected).show(TokenKind::Metrics).await.unwrap().value.reveal().to_owned();
        assert_eq!(token.len(), 64, "{empty}");
        let setting = settings.find_one(doc! { "_id": "metrics_token" }).await.unwrap().unwrap();
        assert_eq!(setting.get_str("value").unwrap(), token);
        assert_eq!(setting.get_datetime("createdAt").unwrap(), &created);
        assert!(setting.get_datetime("lastUpdated").is_ok());
        assert_eq!(Tokens::new(&connected).show(TokenKind::Metrics).await.unwrap().value.reveal(), token);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotated_token_replaces_the_old_one_at_once() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let tokens = Tokens::new(&database.connect().await.unwrap());
    assert_eq!(tokens.accepts(TokenKind::Metrics, "x"), None, "not known yet");
    tokens.sync().await.unwrap();
    let old = tokens.show(TokenKind::Metrics).await.unwrap().value.reveal().to_owned();
    let new = tokens.rotate(TokenKind::Metrics).await.unwrap();
    assert_ne!(old, new.reveal());
    assert_eq!(tokens.accepts(TokenKind::Metrics, &old), Some(false));
    assert_eq!(tokens.accepts(TokenKind::Metrics, new.reveal()), Some(true));
    assert_eq!(tokens.accepts(TokenKind::Ingest, new.reveal()), Some(false));
    assert!(!format!("{tokens:?}").contains(new.reveal()), "no secret in the debug output");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_error_is_never_taken_for_an_absent_token() {
    let mut mongod = playarr_sandbox::Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=300", mongod.uri());
    let database = mongodb::Client::with_uri_str(&uri).await.unwrap().database("playarr");
    let tokens = Tokens::new(&database);
    tokens.sync().await.unwrap();
    let token = tokens.show(TokenKind::Metrics).await.unwrap().value.reveal().to_owned();
    mongod.kill().await.unwrap();
    tokens.sync().await.unwrap_err();
    assert_eq!(tokens.accepts(TokenKind::Metrics, &token), Some(true), "the token held in memory stays");
    mongod.restart().await.unwrap();
    until("the database is back", Duration::from_secs(30), || async { tokens.sync().await.is_ok() }).await;
    assert_eq!(tokens.accepts(TokenKind::Metrics, &token), Some(true));
    assert_eq!(tokens.show(TokenKind::Metrics).await.unwrap().value.reveal(), token);
}
