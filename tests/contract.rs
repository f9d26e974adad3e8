//! The interface against its own description: schemathesis asks for everything in `openapi.json`.

use serde_json::json;
use tokio::process::Command;

use crate::support::library::fixtures;
use crate::support::service::Service;

/// How many requests are made up for each operation, besides those at the limits of each parameter.
const EXAMPLES: &str = "20";

/// What must hold: no error of the server, and no status, media type, header or body that is not described.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance";

/// Asks for the operations that `which` names, with these headers.
async fn keeps_its_word(service: &Service, which: &[&str], headers: &[String]) {
    let python = std::env::var("PLAYARR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let examples = std::env::var("PLAYARR_TEST_CONTRACT_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let mut command = Command::new(python);
    command.args(["-m", "schemathesis.cli", "run", "--checks", CHECKS, "--max-examples", &examples]);
    command.args(["--generation-database", "none", "--request-timeout", "30", "--no-color"]);
    command.args(headers.iter().flat_map(|header| ["--header", header])).args(which);
    command.args(["--url", &service.url]).arg(format!("{}/api/openapi.json", service.url));
    // It leaves a cache where it runs.
    let place = tempfile::tempdir().unwrap();
    let output = command.current_dir(place.path()).output().await.expect("schemathesis is needed for the system tests");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_one_that_the_description_names() {
    let service = Service::with(fixtures()).ready().await;
    let reporter = [format!("Authorization: Bearer {}", service.ingest_token().await)];
    keeps_its_word(&service, &["--include-path", "/api/metrics/events"], &reporter).await;
    let metric = json!({
        "help": "Titles.", "collection": "titles", "labels": ["type"],
        "pipeline": [{ "$group": { "_id": "$type", "value": { "$sum": 1 } } }, { "$set": { "type": "$_id" } }],
    });
    // The description has this name as its example.
    let put =
        service.client.put(format!("{}/api/metrics/custom/playarr_custom_titles_count", service.url)).json(&metric);
    let put = put.header("x-api-key", "admin001").send().await.unwrap();
    assert!(put.status().is_success(), "{}", put.text().await.unwrap());
    // Tokens are replaced on the way, so a scrape may be refused.
    let admin = ["X-API-Key: admin001".to_owned()];
    keeps_its_word(&service, &["--exclude-path", "/api/metrics/events", "--exclude-path", "/metrics"], &admin).await;
    let scraper = [format!("Authorization: Bearer {}", service.token().await)];
    let scraped =
        ["--include-path", "/metrics", "--include-path-regex", "^/api/metrics/(families|series|cardinality|export)"];
    keeps_its_word(&service, &scraped, &scraper).await;
}
