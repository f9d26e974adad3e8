//! `doctor` names what is wrong before the service has to.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Database, IndexModel};
use serde_json::Value;
use tokio::process::Command;

use crate::support::certificates::Authority;
use crate::support::guarded::{ROLE, guarded};
use crate::support::library::{fixtures, load_indexed};
use crate::support::program::{complaint, program, run};

/// Settings that everything is right with, apart from the database.
const RIGHT: [(&str, &str); 2] = [("LISTEN_ADDRESS", "127.0.0.1:0"), ("MAX_CONNECTIONS", "100")];

/// Runs doctor, which must find something, and returns its lines that say so. None of them shows a secret.
async fn faults(settings: &[(&str, &str)]) -> Vec<String> {
    let settings: Vec<_> = RIGHT.iter().chain(settings).copied().collect();
    wrong_lines(program(&settings, &["doctor"])).await
}

async fn wrong_lines(mut command: Command) -> Vec<String> {
    let output = tokio::time::timeout(Duration::from_secs(120), command.output()).await.unwrap().unwrap();
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}{}", complaint(&output));
    assert!(!(text.clone() + &complaint(&output)).contains("hunter2"), "{text}");
    text.lines().filter(|line| line.starts_with("WRONG")).map(str::to_owned).collect()
}

/// Fails unless each of these is in a line of its own, and there is no other line.
fn assert_named(lines: &[String], expected: &[&str]) {
    assert_eq!(lines.len(), expected.len(), "{lines:#?}");
    for expected in expected {
        let named = lines.iter().filter(|line| line.contains(expected)).count();
        assert_eq!(named, 1, "{expected}: {lines:#?}");
    }
}

/// Every document of a database, by collection.
async fn everything(database: &Database) -> Vec<(String, u64)> {
    let mut names = database.list_collection_names().await.unwrap();
    names.sort();
    let mut all = Vec::new();
    for name in names {
        let count = database.collection::<Document>(&name).count_documents(doc! {}).await.unwrap();
        all.push((name, count));
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_finds_nothing_where_nothing_is_wrong_and_changes_nothing() {
    let (_mongod, uri, root) = guarded(ROLE).await;
    let playarr = root.database("playarr");
    load_indexed(&playarr, &fixtures()).await.unwrap();
    let before = everything(&playarr).await;
    let settings: Vec<_> = RIGHT.into_iter().chain([("MONGODB_URI", &*uri)]).collect();
    let output = run(&settings, &["doctor", "--format", "json"]).await;
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(output.status.success(), "{text}{}", complaint(&output));
    let report: Value = serde_json::from_str(&text).unwrap();
    let checks = report["checks"].as_array().unwrap();
    assert_eq!(report["ok"], true);
    assert!(checks.len() >= 12 && checks.iter().all(|check| check["status"] == "ok"), "{text}");
    assert_eq!(everything(&playarr).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_names_every_setting_that_cannot_be_used_at_once() {
    let settings = [
        ("REFRESH_INTERVAL", "1m"),
        ("PORT", "hundred"),
        ("LOG_LEVEL_FILE", "/nowhere/level"),
        ("BASE_PATH", "no slash"),
        ("MONGODB_URI", "http://user:hunter2@host"),
        ("JWT_SECRET_KEY", "hunter2"),
        ("JWT_SECRET_KEY_FILE", "/nowhere/key"),
        ("MONGO_DB_NAME", "hunter2"),
    ];
    let expected = [
        "REFRESH_INTERVAL=1m",
        "PORT=hundred",
        "LOG_LEVEL_FILE=/nowhere/level",
        "BASE_PATH=no slash",
        "MONGODB_URI=***: it must start with mongodb://",
        "JWT_SECRET_KEY and JWT_SECRET_KEY_FILE are both set",
        "MONGO_DB_NAME is no setting; is MONGODB_DB_NAME meant?",
    ];
    assert_named(&faults(&settings).await, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_names_what_is_wrong_with_the_host() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load_indexed(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let authority = Authority::new("doctor");
    let (one, other) = (authority.service(), authority.service());
    std::fs::write(path("cert"), &one.certificate).unwrap();
    std::fs::write(path("key"), &other.key).unwrap();
    std::fs::write(path("custom"), "metrics: 5").unwrap();
    let (certificate, key, custom) = (path("cert"), path("key"), path("custom"));
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let of_database = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    for (settings, expected) in [
        (vec![("LISTEN_ADDRESS", &*address)], "cannot listen there: Address already in use"),
        (vec![("TLS_CERT_FILE", &*certificate)], "TLS_CERT_FILE is set and TLS_KEY_FILE is not"),
        (vec![("TLS_CERT_FILE", "/nowhere/cert"), ("TLS_KEY_FILE", &*key)], "TLS_CERT_FILE=/nowhere/cert"),
        (vec![("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &*key)], "the key does not belong"),
        (vec![("CUSTOM_METRICS_FILE", "/nowhere/custom")], "CUSTOM_METRICS_FILE=/nowhere/custom"),
        (vec![("CUSTOM_METRICS_FILE", &*custom)], "a list of metrics below the key metrics is accepted"),
    ] {
        let settings: Vec<_> = of_database.iter().copied().chain(settings).collect();
        assert_named(&faults(&settings).await, &[expected]);
    }
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 256; exec \"$0\" doctor", env!("CARGO_BIN_EXE_playarr-metrics")]);
    command.env_clear().envs(RIGHT).envs(of_database).env("MAX_CONNECTIONS", "1024");
    assert_named(&wrong_lines(command).await, &["the process may open 256 files"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_names_certificates_that_have_expired_or_soon_will() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load_indexed(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (certificate, key, clients) = (path("cert"), path("key"), path("clients"));
    let files = [("TLS_CERT_FILE", &*certificate), ("TLS_KEY_FILE", &*key), ("TLS_CLIENT_CA_FILE", &*clients)];
    let of_database = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    let settings: Vec<_> = of_database.into_iter().chain(files).collect();
    let (authority, expired) = (Authority::new("doctor"), Authority::valid("of old", -90..-1));
    // The days of the service's certificate, of an authority behind it, and what is wrong.
    for (service, behind, of_clients, expected) in [
        (-1..90, &authority, vec![&authority], None),
        (-100..13, &authority, vec![&authority], Some("TLS_CERT_FILE=")),
        (-100..13, &authority, vec![&authority], Some("certificate 1 of the file expires at 2")),
        (-100..-1, &authority, vec![&authority], Some("certificate 1 of the file expired at 2")),
        (1..90, &authority, vec![&authority], Some("certificate 1 of the file is valid only from 2")),
        (-1..90, &expired, vec![&authority], Some("certificate 2 of the file expired at 2")),
        (-1..90, &authority, vec![&expired], Some("TLS_CLIENT_CA_FILE=")),
        // Who signs for a few days renews in time, and one authority of several is enough.
        (-1..5, &authority, vec![&expired, &authority], None),
    ] {
        let identity = authority.service_valid(service.clone());
        std::fs::write(&certificate, identity.certificate + &behind.certificate()).unwrap();
        std::fs::write(&key, identity.key).unwrap();
        std::fs::write(&clients, of_clients.iter().map(|one| one.certificate()).collect::<String>()).unwrap();
        match expected {
            Some(expected) => assert_named(&faults(&settings).await, &[expected]),
            None => {
                let all: Vec<_> = RIGHT.iter().chain(&settings).copied().collect();
                let output = run(&all, &["doctor"]).await;
                let text = String::from_utf8(output.stdout.clone()).unwrap();
                assert!(output.status.success(), "{service:?}: {text}{}", complaint(&output));
                assert!(text.contains("they can be used, until 2"), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_names_what_is_wrong_with_the_server_and_its_user() {
    let without = ROLE.replacen("\"collStats\"", "\"listIndexes\"", 1);
    let without = without.replacen("\"createIndex\"", "\"listIndexes\"", 1);
    let (mongod, uri, root) = guarded(&without).await;
    let playarr = root.database("playarr");
    load_indexed(&playarr, &fixtures()).await.unwrap();
    let away = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=300";
    assert_named(&faults(&[("MONGODB_URI", away)]).await, &["refuses connections"]);
    let mistaken = uri.replace(":secret@", ":hunter2@");
    assert_named(&faults(&[("MONGODB_URI", &*mistaken)]).await, &["MongoDB refuses the login"]);
    let nobody = faults(&[("MONGODB_URI", mongod.uri())]).await;
    assert!(nobody.iter().any(|line| line.contains("rights: ") && line.contains("role.json")), "{nobody:#?}");
    let expected = ["may not collStats on the database playarr", "may not createIndex on playarr_metrics_journal"];
    assert_named(&faults(&[("MONGODB_URI", &*uri)]).await, &expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_names_what_is_wrong_with_the_database() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let playarr = database.connect().await.unwrap();
    load_indexed(&playarr, &fixtures()).await.unwrap();
    let elsewhere = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", "mistyped")];
    assert_named(&faults(&elsewhere).await, &["the database mistyped has none of Playarr's collections"]);

    let titles = playarr.collection::<Document>("provider_titles");
    titles.drop_index("provider_id_1_type_1").await.unwrap();
    playarr.collection::<Document>("titles").drop_index("type_1_title_1").await.unwrap();
    let journal = playarr.collection::<Document>("playarr_metrics_journal");
    journal.create_index(IndexModel::builder().keys(doc! { "batches": 1 }).build()).await.unwrap();
    let own = playarr.collection::<Document>("playarr_metrics");
    own.insert_one(doc! { "_id": "ingest_token", "form": 99, "value": "hunter2" }).await.unwrap();
    own.insert_one(doc! { "_id": "metrics_token", "form": 1, "value": 5 }).await.unwrap();
    let expected = [
        "provider_titles has no index",
        "WRONG  indexes: titles has no index",
        "of playarr_metrics_journal is not unique",
        "the document ingest_token in playarr_metrics is of a form",
        "the document metrics_token in playarr_metrics is damaged",
    ];
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    assert_named(&faults(&settings).await, &expected);
}
