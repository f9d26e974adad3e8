//! The Node client against the program itself.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use crate::support::exposition::parse;
use crate::support::oracle::Gauges;
use crate::support::running::Running;

fn node(arguments: &[&str]) -> Command {
    let mut node = Command::new("node");
    let client = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients/node");
    node.args(arguments).current_dir(client).kill_on_drop(true);
    node
}

/// Runs Node to its end and returns whether it succeeded, and what it printed.
async fn run(mut node: Command) -> (bool, String) {
    let output = tokio::time::timeout(Duration::from_secs(120), node.output()).await;
    let output =
        output.expect("node ends").unwrap_or_else(|error| panic!("Node 18 or later is needed: {error}"));
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap());
    (output.status.success(), said.concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_node_client_reports_is_what_the_service_counts() {
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
    assert_eq!(report["stats"]["sent"], 87, "{report}");

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
async fn the_node_clients_own_tests_pass() {
    let (success, said) = run(node(&["--test", "test/"])).await;
    assert!(success, "{said}");
    let passed = said.lines().find_map(|line| line.trim_start_matches(['#', 'ℹ', ' ']).strip_prefix("pass "));
    assert!(passed.is_some_and(|count| count.parse::<u32>().unwrap() > 80), "{said}");
}
