//! The Node client against the program itself.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::support::exposition::parse;
use crate::support::oracle::Gauges;
use crate::support::program::signal;
use crate::support::running::Running;

/// Calls of the metrics manager that `test/real-server.mjs` makes.
const MANAGER_CALLS: u64 = 89;

fn node(arguments: &[&str]) -> Command {
    let mut node = Command::new("node");
    let client = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/node");
    node.args(arguments).current_dir(client).kill_on_drop(true);
    node
}

/// Runs Node to its end and returns whether it succeeded, and what it printed.
async fn run(mut node: Command) -> (bool, String) {
    let output = tokio::time::timeout(Duration::from_secs(120), node.output()).await;
    let output = output.expect("node ends").unwrap_or_else(|error| panic!("Node 18 or later is needed: {error}"));
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    (output.status.success(), said.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_service_counts_what_a_manager_with_the_node_client_counts() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let running = Running::start_on(&database, &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, running.ingest_token()).unwrap();
    let mut driver = node(&["test/real-server.mjs"]);
    driver.env("PLAYARR_METRICS_URL", &running.url).env("PLAYARR_METRICS_INGEST_TOKEN_FILE", &token);
    let (success, said) = run(driver).await;
    assert!(success, "{said}");
    let report: Value = serde_json::from_str(&said).expect("JSON and nothing else");
    assert_eq!(report["stats"]["sent"], 90, "{report}");
    assert_eq!(report["manager"], MANAGER_CALLS, "{report}");

    let shown = running.series().await;
    let expected = report["expected"].as_object().unwrap();
    assert!(expected.len() > 50, "{}", expected.len());
    for (series, value) in expected {
        let (name, labels) = only(&parse(&format!("{series} 0\n")));
        assert_eq!(shown[&name].get(&labels).copied(), value.as_f64(), "{series}");
    }
    assert!(running.end("TERM").await.success());
}

fn only(series: &Gauges) -> (String, crate::support::oracle::Labels) {
    let (name, samples) = series.iter().find(|(_, samples)| !samples.is_empty()).unwrap();
    (name.clone(), samples.keys().next().unwrap().clone())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_application_that_is_told_to_stop_loses_no_request() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let running = Running::start_on(&database, &[]).await;
    let mut application = node(&["test/application.mjs", &running.url, running.ingest_token()]);
    let mut application = application.stdout(Stdio::piped()).spawn().unwrap();
    let output = application.stdout.take().unwrap();
    let port = BufReader::new(output).lines().next_line().await.unwrap().expect("the port");
    for request in 1..=5 {
        let url = format!("http://127.0.0.1:{port}/api/users/user-{request}?api_key=SECRETKEY1");
        let answer = reqwest::get(url).await.unwrap().text().await.unwrap();
        assert_eq!(answer, format!("{request} requests"));
    }
    signal(&application, "TERM").await;
    assert!(application.wait().await.unwrap().success());

    let shown = running.series().await;
    let labels = [("endpoint", "/api/users/:username"), ("status_code", "200")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(shown["playarr_http_requests_total"].get(&labels), Some(&5.0));
    assert!(running.end("TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_node_clients_own_tests_pass() {
    let (success, said) = run(node(&["--test", "test/"])).await;
    assert!(success, "{said}");
    let passed = said.lines().find_map(|line| line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix("pass "));
    assert!(passed.is_some_and(|count| count.parse::<u32>().unwrap() > 110), "{said}");
}
