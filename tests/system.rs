//! What others make of the exposition: promtool, and the strict parsers of the Python client.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::support::library::fixtures;
use crate::support::random_library::random_library;
use crate::support::service::Service;

/// Feeds a text to a program and returns whether it succeeded and what it said.
async fn feed(mut command: Command, text: &str) -> (bool, String) {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} is needed for the system tests: {error}"));
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_reads_the_text_and_only_dislikes_the_names_the_seed_gave() {
    for library in [fixtures(), random_library(1), random_library(2)] {
        let service = Service::with(library).ready().await;
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]);
        let (_, said) = feed(promtool, &service.text().await).await;
        // Only counters, histograms and summaries should end in _count, says the linter; the seed's gauges do.
        let kept = "non-histogram and non-summary metrics should not have \"_count\" suffix";
        let unexpected: Vec<_> = said.lines().filter(|line| !line.trim().is_empty() && !line.ends_with(kept)).collect();
        assert!(unexpected.is_empty(), "{unexpected:#?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_strict_openmetrics_parser_reads_the_other_format() {
    let python = std::env::var("PLAYARR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = "\
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
families = list(text_string_to_metric_families(sys.stdin.buffer.read().decode()))
print(len(families), sum(len(family.samples) for family in families))
";
    for library in [fixtures(), random_library(3), random_library(4)] {
        let service = Service::with(library).ready().await;
        let text = service.scrape_as("application/openmetrics-text;version=1.0.0").await.text().await.unwrap();
        let mut parser = Command::new(&python);
        parser.args(["-c", script]);
        let (success, said) = feed(parser, &text).await;
        assert!(success, "{said}");
        let counted: Vec<usize> = said.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let samples = text.lines().filter(|line| !line.starts_with("# ")).count();
        assert_eq!(counted[1], samples, "it sees every sample");
    }
}
