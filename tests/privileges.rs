//! The role in `packaging/mongodb/role.json`, against a MongoDB that asks who one is.

use std::os::unix::fs::PermissionsExt;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;

use crate::support::library::{Library, fixtures, load};
use crate::support::service::Service;

/// A MongoDB with access control, a superuser, and the role of the package with a user who has it and nothing else.
/// Returns the connection string of that user and a client of the superuser.
async fn guarded(directory: &std::path::Path) -> (Mongod, String, Client) {
    // The sandbox's mongod, with one option more.
    let plain = Mongod::start().await.unwrap();
    let binary = std::fs::read_link(format!("/proc/{}/exe", plain.pid().unwrap())).unwrap();
    drop(plain);
    let wrapper = directory.join("mongod");
    std::fs::write(&wrapper, format!("#!/bin/sh\nexec '{}' \"$@\" --auth\n", binary.display())).unwrap();
    std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    let mongod = Mongod::builder().binary(wrapper).start().await.unwrap();

    // While there are no users, whoever is on this machine may create the first one.
    let uri = |user: &str, database: &str| {
        mongod.uri().replace("://", &format!("://{user}:secret@")) + "&authSource=" + database
    };
    let create = doc! { "createUser": "root", "pwd": "secret", "roles": ["root"] };
    Client::with_uri_str(mongod.uri()).await.unwrap().database("admin").run_command(create).await.unwrap();
    let root = Client::with_uri_str(uri("root", "admin")).await.unwrap();
    let role: Document = serde_json::from_str(include_str!("../packaging/mongodb/role.json")).unwrap();
    let playarr = root.database("playarr");
    playarr.run_command(role.clone()).await.unwrap();
    let user = doc! {
        "createUser": "playarr-metrics", "pwd": "secret",
        "roles": [{ "role": role.get_str("createRole").unwrap(), "db": "playarr" }],
    };
    playarr.run_command(user).await.unwrap();
    let own = uri("playarr-metrics", "playarr");
    (mongod, own, root)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_packaged_role_is_enough_for_everything_the_service_does() {
    let directory = tempfile::tempdir().unwrap();
    let (_mongod, uri, root) = guarded(directory.path()).await;
    let playarr = root.database("playarr");
    load(&playarr, &fixtures()).await.unwrap();
    // Nothing is there yet that the service makes itself.
    playarr.collection::<Document>("settings").drop().await.unwrap();
    playarr.collection::<Document>("job_history").drop().await.unwrap();

    let service =
        Service::with(Library::new()).server(&uri).setting("MONGODB_DB_NAME", "playarr").ready().await;
    let report = service.refresh().await;
    let collectors = report["collectors"].as_array().unwrap();
    assert!(collectors.len() >= 12 && collectors.iter().all(|one| one["error"].is_null()), "{report:#}");
    let history = playarr.collection::<Document>("job_history");
    assert!(history.find_one(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap().is_some());
    let rotate = service.post("/api/settings/metrics/regenerate").header("x-api-key", "admin001").send();
    assert_eq!(rotate.await.unwrap().status(), 200);
    service.stop().await;
    let journal = playarr.collection::<Document>("playarr_metrics_journal");
    assert!(journal.find_one(doc! {}).await.unwrap().is_some(), "what was counted is kept");
    let base = playarr.collection::<Document>("playarr_metrics");
    assert!(base.find_one(doc! { "_id": "live_base" }).await.unwrap().is_some(), "the base is written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_packaged_role_the_first_admin_can_be_made_and_nothing_of_playarrs_changed() {
    let directory = tempfile::tempdir().unwrap();
    let (_mongod, uri, root) = guarded(directory.path()).await;
    let service = Service::with(Library::new())
        .server(&uri)
        .setting("MONGODB_DB_NAME", "playarr")
        .setting("DEFAULT_ADMIN_PASSWORD", "a long password")
        .ready()
        .await;
    let users = root.database("playarr").collection::<Document>("users");
    let created = || async { users.find_one(doc! { "username": "admin" }).await.unwrap().is_some() };
    crate::support::until("the admin is there", std::time::Duration::from_secs(30), created).await;
    service.stop().await;

    let own = Client::with_uri_str(&uri).await.unwrap().database("playarr");
    let users = own.collection::<Document>("users");
    let promote = users.update_one(doc! {}, doc! { "$set": { "role": "admin" } }).await;
    assert!(promote.is_err(), "users stay as they are");
    let titles = own.collection::<Document>("titles");
    assert!(titles.insert_one(doc! { "type": "movies" }).await.is_err(), "titles are only read");
    assert!(own.drop().await.is_err());
}
