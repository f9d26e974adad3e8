//! Whether MongoDB answers: known within seconds, with nobody asking anything.

use std::time::Duration;

use playarr_jobs::database::{HealthState, Outage};
use playarr_metrics::config::Config;
use playarr_metrics::database::{self, Connection};
use playarr_sandbox::Mongod;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinHandle;

async fn connection(uri: &str) -> Connection {
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
    database::connect(&config).await.unwrap()
}

fn watched(connection: &Connection) -> (watch::Receiver<HealthState>, JoinHandle<()>) {
    let Connection { database, health, .. } = connection.clone();
    (health.subscribe(), tokio::spawn(async move { health.watch(&database).await }))
}

async fn until_up(states: &mut watch::Receiver<HealthState>) {
    let up = states.wait_for(|state| *state == HealthState::Up);
    tokio::time::timeout(Duration::from_secs(60), up).await.expect("it is up").unwrap();
}

/// Waits for an outage that is described like this.
async fn until_away(states: &mut watch::Receiver<HealthState>, reason: &str) -> Outage {
    let mut last = HealthState::Connecting;
    let away = async {
        loop {
            last = states.borrow_and_update().clone();
            match &last {
                HealthState::Away(outage) if outage.reason == reason => return outage.clone(),
                _ => states.changed().await.unwrap(),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), away).await.unwrap_or_else(|_| panic!("at last: {last:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_or_hangs_or_comes_back_is_noticed_by_itself() {
    let mut mongod = Mongod::start().await.unwrap();
    let connection = connection(mongod.uri()).await;
    let (mut states, watching) = watched(&connection);
    until_up(&mut states).await;
    let address = mongod.uri().trim_start_matches("mongodb://").split('/').next().unwrap().to_owned();

    mongod.kill().await.unwrap();
    let outage = until_away(&mut states, &format!("MongoDB at {address} refuses connections")).await;
    assert!(outage.began.elapsed() < Duration::from_secs(60));
    mongod.restart().await.unwrap();
    until_up(&mut states).await;

    let signal = |name: &'static str| {
        let pid = mongod.pid().unwrap().to_string();
        async move { assert!(Command::new("kill").args([name, &pid]).status().await.unwrap().success()) }
    };
    signal("-STOP").await;
    until_away(&mut states, &format!("MongoDB at {address} does not answer")).await;
    signal("-CONT").await;
    until_up(&mut states).await;
    watching.abort();
}

#[tokio::test]
async fn a_host_name_that_does_not_resolve_is_named() {
    let (mut states, watching) = watched(&connection("mongodb://nowhere.invalid:27017").await);
    let expected = "MongoDB at nowhere.invalid:27017 cannot be found: its host name does not resolve";
    until_away(&mut states, expected).await;
    watching.abort();
}
