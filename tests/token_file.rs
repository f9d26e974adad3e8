//! The token in a file, as Prometheus reads it.

use std::time::Duration;

use crate::support::program::{complaint, program, run, signal};
use crate::support::until;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_follows_a_rotation_until_the_program_is_told_to_stop() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let file = path.to_str().unwrap();
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    let held = || std::fs::read_to_string(file).unwrap_or_default();
    let printed = |arguments: &'static [&'static str]| async move {
        let output = run(&settings, arguments).await;
        assert!(output.status.success(), "{}", complaint(&output));
        String::from_utf8(output.stdout).unwrap()
    };

    let mut child = program(&settings, &["token", "--file", file, "--follow"]).spawn().unwrap();
    until("the file is there", Duration::from_secs(20), || async { !held().is_empty() }).await;
    assert_eq!(held(), printed(&["token"]).await);
    let rotated = printed(&["token", "--rotate"]).await;
    until("the file has the new token", Duration::from_secs(20), || async { held() == rotated }).await;
    signal(&child, "TERM").await;
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(held(), rotated, "it stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_following_the_file_is_written_once_and_nothing_is_printed() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token");
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    let written = run(&settings, &["token", "--ingest", "--file", path.to_str().unwrap()]).await;
    assert!(written.status.success() && written.stdout.is_empty(), "{}", complaint(&written));
    let printed = run(&settings, &["token", "--ingest"]).await;
    assert_eq!(std::fs::read(&path).unwrap(), printed.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_waits_for_a_database_that_is_away_but_not_for_a_directory_that_is_not_there() {
    let mut mongod = playarr_sandbox::Mongod::start().await.unwrap();
    let uri = mongod.uri().to_owned();
    let settings = [("MONGODB_URI", &*uri), ("MONGODB_DB_NAME", "playarr")];
    let refused = run(&settings, &["token", "--file", "/nowhere/token", "--follow"]).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(complaint(&refused).contains("/nowhere/token: No such file or directory"), "{}", complaint(&refused));

    mongod.kill().await.unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    let arguments = ["token", "--file", file.to_str().unwrap(), "--follow"];
    let quick = [("MONGODB_URI", &*format!("{uri}&serverSelectionTimeoutMS=300")), settings[1]];
    let mut child = program(&quick, &arguments).spawn().unwrap();
    tokio::time::timeout(Duration::from_secs(1), child.wait()).await.expect_err("it goes on");
    mongod.restart().await.unwrap();
    until("the file is there", Duration::from_secs(60), || async { file.exists() }).await;
}
