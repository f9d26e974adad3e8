//! Each way to a MongoDB, for real: a server that stores a document, and nothing of it afterwards.
//!
//! A way this machine does not have is skipped, with a line on stderr, unless
//! `PLAYARR_SANDBOX_REQUIRE` names it (as in `docker,fetched`).

mod support;

use std::{env, path::Path, time::Duration};

use mongodb::{
    Client,
    bson::{Document, doc},
};
use playarr_sandbox::{MongoDb, Mongod, SandboxError, Settings, Way};
use support::{
    container_exists, killed_holder, own_server, process_runs, published, serves_then_vanishes,
    settings_with_local_mongod, start, store_and_read, with, within,
};

#[tokio::test]
async fn a_given_server_is_used_and_only_the_test_database_dropped() {
    let Some(theirs) = own_server(Way::Given).await else { return };
    let settings = with(|settings| settings.uri = Some(theirs.uri().to_owned()));

    let given = settings.start(Way::Given).await.unwrap();
    assert_eq!((given.way(), given.uri()), (Way::Given, theirs.uri()));
    let (dropped, forgotten) = (given.database(), given.database());
    store_and_read(&dropped).await;
    store_and_read(&forgotten).await;
    let names = [dropped.name().to_owned(), forgotten.name().to_owned()];
    dropped.drop_database().await.unwrap();
    drop(forgotten);
    drop(given);

    let left = Client::with_uri_str(theirs.uri()).await.unwrap().list_database_names().await.unwrap();
    assert!(!left.is_empty(), "the server still runs and has its own databases");
    assert!(names.iter().all(|name| !left.contains(name)), "{names:?} left in {left:?}");
}

#[tokio::test]
async fn docker_starts_the_official_image_and_nothing_stays() {
    let Some(server) = start(Way::Docker, &Settings::from_env()).await else { return };
    store_and_read(&server.database()).await;
    let name = server.container().unwrap().to_owned();
    assert!(container_exists(&name));
    let port = published(&name);
    assert!(port.starts_with("127.0.0.1:"), "open to others: {port}");

    drop(server);
    assert!(!container_exists(&name));
}

#[tokio::test]
async fn a_local_mongod_is_started_and_nothing_stays() {
    let Some(settings) = settings_with_local_mongod().await else { return };
    let Some(server) = start(Way::Local, &settings).await else { return };
    serves_then_vanishes(server).await;
}

#[tokio::test]
async fn a_fetched_mongod_is_started_and_nothing_stays() {
    let Some(server) = start(Way::Fetched, &Settings::from_env()).await else { return };
    serves_then_vanishes(server).await;
}

#[tokio::test]
async fn when_every_way_fails_the_error_names_all_four() {
    let empty = tempfile::tempdir().unwrap();
    let settings = with(|settings| {
        settings.uri = Some("mongodb://somebody:secret@127.0.0.1:1/".to_owned());
        settings.docker = "/nonexistent/docker".into();
        settings.mongod = None;
        settings.path = "/nonexistent".into();
        settings.python = "/nonexistent/python3".into();
        settings.cache = Some(empty.path().to_owned());
    });
    let error = settings.start_first().await.unwrap_err();
    assert!(matches!(&error, SandboxError::EveryWayFailed(reasons) if reasons.len() == 4));
    let message = error.to_string();
    for part in ["1. given: ", "2. docker: ", "3. local: ", "4. fetched: "] {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
    for remedy in ["PLAYARR_TEST_MONGODB_URI", "start Docker", "MONGOD_BIN", "pip"] {
        assert!(message.contains(remedy), "no {remedy:?} in: {message}");
    }
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn every_test_gets_the_same_server_though_each_has_its_own_runtime() {
    let uri_and_name = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = playarr_sandbox::mongodb().await.unwrap();
            let database = server.database();
            store_and_read(&database).await;
            let name = database.name().to_owned();
            database.drop_database().await.unwrap();
            (server.uri(), name)
        })
    };
    let (first, second) = (uri_and_name(), uri_and_name());
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[tokio::test]
async fn a_killed_mongod_comes_back_on_its_port_with_its_data() {
    let Some(mut mongod) = own_server(Way::Fetched).await else { return };
    let (uri, port, pid) = (mongod.uri().to_owned(), mongod.port(), mongod.pid().unwrap());
    let client = Client::with_uri_str(&uri).await.unwrap();
    let stored = client.database("kept").collection::<Document>("films");
    stored.insert_one(doc! { "title": "Metropolis" }).await.unwrap();
    // What is not flushed may be lost by SIGKILL, as everywhere.
    client.database("admin").run_command(doc! { "fsync": 1 }).await.unwrap();

    mongod.kill().await.unwrap();
    assert_eq!(mongod.pid(), None);
    assert!(!process_runs(pid));
    assert!(tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err());

    mongod.restart().await.unwrap();
    assert_eq!((mongod.uri(), mongod.port()), (uri.as_str(), port));
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 1);

    let (pid, directory) = (mongod.pid().unwrap(), mongod.directory().to_owned());
    drop(mongod);
    assert!(!process_runs(pid) && !directory.exists());
}

#[tokio::test]
async fn a_mongod_that_cannot_start_is_quoted() {
    let Some(settings) = settings_with_local_mongod().await else { return };
    let mut mongod = Mongod::builder().cache_gb(-1.0);
    if let Some(binary) = settings.mongod {
        mongod = mongod.binary(binary);
    }
    let message = mongod.start().await.unwrap_err().to_string();
    assert!(message.contains("ended instead of serving") && message.contains("cacheSizeGB"), "{message}");
}

#[tokio::test]
async fn a_killed_test_process_leaves_no_mongod_behind() {
    let Some(settings) = settings_with_local_mongod().await else { return };
    let [pid, directory] = killed_holder(Way::Local, &settings);
    let gone = || !process_runs(pid.parse().unwrap()) && !Path::new(&directory).exists();
    assert!(within(Duration::from_secs(10), gone), "process {pid} or {directory} is left");
}

#[tokio::test]
async fn a_killed_test_process_leaves_no_container_behind() {
    let settings = Settings::from_env();
    if start(Way::Docker, &settings).await.is_none() {
        return;
    }
    let [name, _] = killed_holder(Way::Docker, &settings);
    assert!(within(Duration::from_secs(20), || !container_exists(&name)), "container {name} is left");
}

/// Not a test: the process that [`killed_holder`] starts and kills. Holds a server until then.
#[tokio::test]
#[ignore = "run by other tests, in a process of its own"]
async fn holder() {
    let way = match env::var("PLAYARR_SANDBOX_HOLD").as_deref() {
        Ok("docker") => Way::Docker,
        Ok("local") => Way::Local,
        _ => return,
    };
    let (mongod, server);
    let (first, second) = if way == Way::Local {
        mongod = Mongod::start().await.unwrap();
        (mongod.pid().unwrap().to_string(), mongod.directory().display().to_string())
    } else {
        server = MongoDb::start(way).await.unwrap();
        (server.container().unwrap().to_owned(), String::new())
    };
    println!("\nholding|{first}|{second}");
    std::future::pending::<()>().await;
}
