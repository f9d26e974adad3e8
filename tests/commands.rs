//! The program as an operator uses it: its commands, its complaints, its end.

use std::time::Duration;

use mongodb::bson::doc;
use playarr_sandbox::TestDatabase;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::support::exposition::{database_gauges, parse};
use crate::support::library::{fixtures, load};
use crate::support::oracle::{self, Detail};
use crate::support::program::{complaint, program, run, signal};

async fn seeded() -> TestDatabase {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    database
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collect_prints_the_snapshot() {
    let database = seeded().await;
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    let output = run(&settings, &["collect"]).await;
    assert!(output.status.success(), "{}", complaint(&output));
    let gauges = database_gauges(parse(&String::from_utf8(output.stdout).unwrap()));
    assert_eq!(gauges, oracle::gauges(&fixtures(), Detail::Title));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_output_that_has_seen_enough_is_no_failure() {
    let database = seeded().await;
    // More than a program keeps for later before it writes.
    let channel = |number: i32| doc! { "provider_id": "agtv", "channel_id": number, "group_title": number };
    let channels = database.connect().await.unwrap().collection("channels");
    channels.insert_many((0..1_000).map(channel)).await.unwrap();
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    for command in [&["collect"][..], &["token"], &["catalog", "--format", "json"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let stdout = std::process::Stdio::from(std::os::fd::OwnedFd::from(writer));
        let started = program(&settings, command).stdout(stdout).stderr(std::process::Stdio::piped()).spawn();
        let output = started.unwrap().wait_with_output();
        let output = tokio::time::timeout(Duration::from_secs(60), output).await.unwrap().unwrap();
        assert!(output.status.success(), "{command:?}: {}", complaint(&output));
        for sign in ["panicked", "Broken pipe", "could not be written"] {
            assert!(!complaint(&output).contains(sign), "{command:?}: {}", complaint(&output));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collect_fails_if_a_collector_fails_and_says_which() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    connected.collection("users").insert_one(doc! { "username": "one" }).await.unwrap();
    connected.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name()), ("LOG_LEVEL", "error")];
    let output = run(&settings, &["collect"]).await;
    assert_eq!(output.status.code(), Some(1));
    let complaint = complaint(&output);
    assert_eq!(complaint.lines().count(), 1, "{complaint}");
    assert!(complaint.contains("1 of 14 collectors failed: playarr_channels_count: "), "{complaint}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("playarr_main_titles_count"), "the others are printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn token_prints_the_token_and_rotates_it() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let settings = [("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())];
    let token = |arguments: &'static [&'static str]| async move {
        let output = run(&settings, arguments).await;
        assert!(output.status.success(), "{}", complaint(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let first = token(&["token"]).await;
    assert_eq!((first.trim_end().len(), first.lines().count()), (64, 1));
    assert_eq!(token(&["token"]).await, first);
    let rotated = token(&["token", "--rotate"]).await;
    assert_ne!(rotated, first);
    assert_eq!(token(&["token"]).await, rotated);
    assert_ne!(token(&["token", "--ingest"]).await, rotated);
}

/// Starts `serve` on a free port and returns it with its address.
async fn serving(settings: &[(&str, &str)]) -> (Child, String) {
    let settings: Vec<_> =
        settings.iter().copied().chain([("LISTEN_ADDRESS", "127.0.0.1:0"), ("LOG_FORMAT", "json")]).collect();
    let mut child = program(&settings, &[]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program goes on");
            let line: serde_json::Value = serde_json::from_str(&line).expect("a JSON object on each line");
            if line["message"] == "listening" {
                return line["address"].as_str().unwrap().to_owned();
            }
        }
    };
    let address = tokio::time::timeout(Duration::from_secs(30), listening).await.unwrap();
    // Keep reading, or a full pipe would stop the program.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn serve_drains_and_exits_with_0_on_sigterm_and_sigint() {
    let database = seeded().await;
    for name in ["TERM", "INT"] {
        let (mut child, address) =
            serving(&[("MONGODB_URI", database.uri()), ("MONGODB_DB_NAME", database.name())]).await;
        let listen = [("LISTEN_ADDRESS", &*address)];
        let ready = || async { run(&listen, &["healthcheck", "--ready"]).await.status.success() };
        crate::support::until("ready", Duration::from_secs(30), ready).await;
        assert!(run(&listen, &["healthcheck"]).await.status.success());
        signal(&child, name).await;
        let status = tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap();
        assert_eq!(status.code(), Some(0), "SIG{name}");
        let gone = run(&listen, &["healthcheck"]).await;
        assert_eq!(gone.status.code(), Some(1));
        assert!(complaint(&gone).contains(&format!("http://{address}/-/healthy")), "{}", complaint(&gone));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_without_a_use_here_are_warnings_and_do_no_harm() {
    let database = seeded().await;
    let join = if database.uri().contains('?') { '&' } else { '?' };
    let options = "socketTimeoutMS=1&w=0&compressors=zlib&useNewUrlParser=true&maxStalenessSeconds=90";
    let uri = format!(" {}{join}{options} ", database.uri());
    let output = run(&[("MONGODB_URI", &*uri), ("MONGODB_DB_NAME", database.name())], &["collect"]).await;
    let complaint = complaint(&output);
    assert!(output.status.success(), "{complaint}");
    for option in options.split('&').filter_map(|option| option.split('=').next()) {
        let warning = format!("the option {option} in MONGODB_URI has no use here");
        assert_eq!(complaint.matches(&warning).count(), 1, "{option}: {complaint}");
    }
    let gauges = database_gauges(parse(&String::from_utf8(output.stdout).unwrap()));
    assert_eq!(gauges, oracle::gauges(&fixtures(), Detail::Title));
}

const UNREACHABLE: &str = "MongoDB at 127.0.0.1:1 refuses connections; is MongoDB running, and is \
                           MONGODB_URI=mongodb://***@127.0.0.1:1 right?";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_mistake_is_one_clear_line_without_the_password() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let unreachable = "mongodb://user:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=300";
    let keep = tokio::net::TcpListener::bind(&taken).await;
    for (settings, arguments, expected) in [
        (vec![("MONGODB_URI", "http://user:hunter2@host")], vec!["serve"], "MONGODB_URI="),
        (
            vec![("MONGODB_URI", "mongodb://user:hunter2@host:port")],
            vec!["serve"],
            "MONGODB_URI=mongodb://***@host:***: the port of the host host is not a number from 1 to 65535",
        ),
        (vec![("MONGODB_URI", "mongodb://user:hunter2@host/?nonsense")], vec!["serve"], "MONGODB_URI="),
        (vec![("REFRESH_INTERVAL", "1m")], vec!["serve"], "REFRESH_INTERVAL=1m: a duration from 5m to 15m"),
        (vec![("REFRESH_INTERVAL", "5m")], vec!["--refresh-interval", "20m"], "REFRESH_INTERVAL=20m: "),
        (vec![("LISTEN_ADDRESS", &*taken)], vec!["serve"], "cannot listen there: Address already in use"),
        (vec![("MONGODB_URI", unreachable)], vec!["collect"], UNREACHABLE),
        (vec![("MONGODB_URI", unreachable)], vec!["token"], UNREACHABLE),
        (vec![("MONGODB_URI_FILE", "/nowhere")], vec!["serve"], "MONGODB_URI_FILE=/nowhere: the file cannot be read"),
    ] {
        let output = run(&settings, &arguments).await;
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(expected), "{complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
    drop(keep);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flags_win_over_the_environment() {
    let database = seeded().await;
    let settings =
        [("MONGODB_URI", "mongodb://127.0.0.1:1"), ("MONGODB_DB_NAME", "elsewhere"), ("EPISODES_DETAIL", "title")];
    let arguments = [
        "collect",
        "--mongodb-uri",
        database.uri(),
        "--mongodb-db-name",
        database.name(),
        "--episodes-detail",
        "source",
    ];
    let output = run(&settings, &arguments).await;
    assert!(output.status.success(), "{}", complaint(&output));
    let gauges = database_gauges(parse(&String::from_utf8(output.stdout).unwrap()));
    assert_eq!(gauges, oracle::gauges(&fixtures(), Detail::Source));
}
