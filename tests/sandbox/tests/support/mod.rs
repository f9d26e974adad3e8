//! What the tests of the ways share.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use std::{
    env,
    io::{BufRead, BufReader, Write, stderr},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use mongodb::bson::{Document, doc};
use playarr_sandbox::{MongoDb, Mongod, SandboxError, Settings, TestDatabase, Way};

/// Has another process start a server and kills that process; returns what it said it held.
pub(crate) fn killed_holder(way: Way, settings: &Settings) -> [String; 2] {
    let mut holder = Command::new(env::current_exe().unwrap());
    holder.args(["--exact", "holder", "--ignored", "--nocapture"]).env("PLAYARR_SANDBOX_HOLD", way.to_string());
    if let Some(mongod) = &settings.mongod {
        holder.env("MONGOD_BIN", mongod);
    }
    let mut holder = holder.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines().map_while(Result::ok);
    let held = lines.find(|line| line.starts_with("holding|"));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let held = held.expect("the holder says what it holds");
    let mut parts = held.split('|').skip(1).map(str::to_owned);
    [parts.next().unwrap(), parts.next().unwrap()]
}

/// For a server that is a process of ours.
pub(crate) async fn serves_then_vanishes(server: MongoDb) {
    store_and_read(&server.database()).await;
    let pid = server.pid().unwrap();
    assert!(process_runs(pid));
    drop(server);
    assert!(!process_runs(pid), "process {pid} still runs");
}

pub(crate) async fn store_and_read(database: &TestDatabase) {
    let films = database.connect().await.unwrap().collection::<Document>("films");
    let film = doc! { "_id": 1, "title": "Metropolis" };
    films.insert_one(&film).await.unwrap();
    assert_eq!(films.find_one(doc! {}).await.unwrap(), Some(film));
}

/// The server, or nothing where the way does not exist here and nobody requires it.
pub(crate) async fn start(way: Way, settings: &Settings) -> Option<MongoDb> {
    settings.start(way).await.map_err(|reason| skip(way, &reason)).ok()
}

pub(crate) async fn own_server(way: Way) -> Option<Mongod> {
    Mongod::start().await.map_err(|reason| skip(way, &reason)).ok()
}

/// Where no `mongod` is installed the fetched one plays that part.
pub(crate) async fn settings_with_local_mongod() -> Option<Settings> {
    let mut settings = Settings::from_env();
    if let Err(SandboxError::NoLocalMongod) = settings.start(Way::Local).await {
        let fetched = settings.fetched_mongod().await.map_err(|reason| skip(Way::Local, &reason));
        settings.mongod = Some(fetched.ok()?);
    }
    Some(settings)
}

/// Fails if the way is required; else says that the test proves nothing here.
fn skip(way: Way, reason: &SandboxError) {
    let required = env::var("PLAYARR_SANDBOX_REQUIRE").unwrap_or_default();
    let required = required.split(',').any(|name| name.trim() == way.to_string());
    assert!(!required, "PLAYARR_SANDBOX_REQUIRE names {way}, which does not work here: {reason}");
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    writeln!(stderr(), "playarr-sandbox: {test} skipped, no way {way} here: {reason}").ok();
}

pub(crate) fn with(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::from_env();
    change(&mut settings);
    settings
}

pub(crate) fn process_runs(pid: u32) -> bool {
    let probe = Command::new("kill").args(["-0", &pid.to_string()]).stderr(Stdio::null()).status();
    probe.unwrap().success()
}

pub(crate) fn container_exists(name: &str) -> bool {
    let inspect = Command::new("docker").args(["container", "inspect", name]).output();
    inspect.unwrap().status.success()
}

pub(crate) fn published(name: &str) -> String {
    let port = Command::new("docker").args(["port", name, "27017/tcp"]).output().unwrap();
    String::from_utf8(port.stdout).unwrap()
}

pub(crate) fn within(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
