//! Exports: five formats, one generation, and label values that survive whatever they are.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use mongodb::bson::doc;
use reqwest::StatusCode;
use serde_json::Value;

use crate::history::break_channels;
use crate::support::exposition::parse;
use crate::support::library::{Library, fixtures};
use crate::support::program::{self, complaint};
use crate::support::service::Service;
use crate::support::until;

const PATH: &str = "/api/metrics/export";

/// Category names that break tables, spreadsheets and quotes.
fn hostile() -> Vec<String> {
    let mut hostile: Vec<String> = [
        "a,b",
        "say \"hi\"",
        "two\nlines",
        "two\r\nlines",
        "=1+1",
        "=cmd|'/c calc'!A0",
        "+49",
        "-7",
        "-7x",
        "@SUM(A1)",
        "\ttab",
        "\rreturn",
        "'80s",
        "'=1",
        "📺 Kids",
        "ümläut",
        "back\\slash",
        " space ",
        "{le=\"1\"}",
        "# HELP",
    ]
    .map(str::to_owned)
    .to_vec();
    hostile.push("é".repeat(512));
    hostile
}

async fn library() -> Service {
    let mut library = Library::new();
    let channel = |category: &String| {
        doc! { "provider_id": "agtv", "channel_id": category, "channel_key": category, "group_title": category }
    };
    library.insert("channels".to_owned(), hostile().iter().map(channel).collect());
    library.insert("users".to_owned(), fixtures().remove("users").unwrap());
    Service::with(library).ready().await
}

async fn exported(service: &Service, format: &str) -> String {
    let query = [("format", format), ("match[]", "playarr_channels_count")];
    let response = service.query(PATH, &query).header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.starts_with("attachment; filename=\"playarr-metrics-1."), "{disposition}");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_labels_survive_each_format() {
    let service = library().await;
    let expected: BTreeSet<_> = hostile().into_iter().collect();
    for format in ["text", "openmetrics"] {
        let text = exported(&service, format).await;
        assert_eq!(text.starts_with("# Generation 1, taken at 20"), format == "text");
        assert_eq!(text.ends_with("# EOF\n"), format == "openmetrics");
        let gauge = parse(&text).remove("playarr_channels_count").unwrap();
        let categories: BTreeSet<_> = gauge.into_keys().map(|labels| labels["category"].clone()).collect();
        assert_eq!(categories, expected, "{format}");
    }
    let category = |series: &Value| series["labels"]["category"].as_str().unwrap().to_owned();
    let document: Value = serde_json::from_str(&exported(&service, "json").await).unwrap();
    assert_eq!((&document["generation"], &document["total"]), (&1.into(), &expected.len().into()));
    let categories: BTreeSet<_> = document["series"].as_array().unwrap().iter().map(category).collect();
    assert_eq!(categories, expected);
    let lines = exported(&service, "ndjson").await;
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().all(|line| line["generation"] == 1 && line["type"] == "gauge" && line["unit"] == "channels"));
    assert_eq!(lines.iter().map(category).collect::<BTreeSet<_>>(), expected);
    service.stop().await;
}

/// Reads a table as people do, and takes away the apostrophes that make cells harmless.
const READ: &str = r#"
import csv, json, re, sys
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file, strict=True))
number = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
for row in rows:
    for cell in row.values():
        assert cell[:1] not in tuple("=+-@\t\r") or number.fullmatch(cell), repr(cell)
def bare(cell):
    return cell[1:] if re.match(r"'+[=+\-@\t\r]", cell) else cell
json.dump([{name: bare(cell) for name, cell in row.items()} for row in rows], sys.stdout)
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_survives_pythons_csv_and_runs_nothing_in_a_spreadsheet() {
    let service = library().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.csv");
    std::fs::write(&path, exported(&service, "csv").await).unwrap();
    let output = Command::new("python3").args(["-c", READ]).arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let categories: BTreeSet<_> = rows.iter().map(|row| row["category"].as_str().unwrap().to_owned()).collect();
    assert_eq!(categories, hostile().into_iter().collect());
    assert_eq!(rows.len(), hostile().len());
    for row in &rows {
        let fixed =
            ["metric", "type", "value", "unit", "generation", "provider_id"].map(|name| row[name].as_str().unwrap());
        assert_eq!(fixed, ["playarr_channels_count", "gauge", "1", "channels", "1", "agtv"]);
        assert!(row["taken_at"].as_str().unwrap().ends_with('Z'));
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_of_everything_is_the_exposition() {
    let service = Service::with(fixtures()).ready().await;
    // The refresh at the start reports itself as a job when it has ended, which is after its snapshot shows.
    let first_run = [("job_type", "UpdateMetricsJob"), ("status", "success")];
    service.until_value("playarr_job_executions_total", &first_run, 1.0).await;
    let everything =
        service.get(&format!("{PATH}?format=text")).bearer_auth(service.token().await).send().await.unwrap();
    let everything = parse(&everything.text().await.unwrap());
    let scraped = service.series().await;
    let names = |families: &crate::support::oracle::Gauges| -> BTreeSet<String> {
        families.iter().filter(|(_, samples)| !samples.is_empty()).map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&everything), names(&scraped));
    for (name, samples) in everything.iter().filter(|(name, _)| name.ends_with("_count") && !name.contains("seconds")) {
        assert_eq!(samples, &scraped[name], "{name}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_format_is_refused_with_those_that_are_known() {
    let service = Service::with(fixtures()).ready().await;
    let answer = service.get(&format!("{PATH}?format=xlsx")).header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let error = answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.ends_with("accepted: json, ndjson, csv, text, openmetrics"), "{error}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_program_exports_from_a_running_service_and_from_the_database() {
    let service = Service::with(fixtures()).ready().await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("token"), format!("{}\n", service.token().await)).unwrap();
    let selector = "{__name__=~\"playarr_(channels|episodes)_count\"}";
    let chosen = ["--format", "csv", "--match", selector, "--match", "playarr_active_users", "--output"];

    let running = |token: &str, output: &str| {
        let own = ["export", "--url", &service.url, "--token-file", token];
        [&own[..], &chosen[..], &[output]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let exported = async |token: &str, output: &str| {
        let arguments = running(token, output);
        program::run(&[], &arguments.iter().map(String::as_str).collect::<Vec<_>>()).await
    };
    let output = exported(&path("token"), &path("running.csv")).await;
    assert_eq!((output.status.code(), &*complaint(&output)), (Some(0), ""));

    let (uri, name) = service.settings();
    let variables = [("MONGODB_URI", &*uri), ("MONGODB_DB_NAME", &*name), ("LOG_LEVEL", "error")];
    let counted = path("counted.csv");
    let output = program::run(&variables, &[&["collect"][..], &chosen[..], &[&counted]].concat()).await;
    assert_eq!((output.status.code(), &*complaint(&output)), (Some(0), ""));

    // All but the moment is the same.
    let read = |name: &str| -> Vec<String> {
        let taken = |line: &str| line.split(',').filter(|cell| !cell.ends_with('Z')).collect::<Vec<_>>().join(",");
        std::fs::read_to_string(path(name)).unwrap().split("\r\n").map(taken).collect()
    };
    assert!(read("running.csv").len() > 20);
    assert_eq!(read("running.csv"), read("counted.csv"));

    std::fs::write(path("wrong"), "wrong").unwrap();
    let output = exported(&path("wrong"), &path("none.csv")).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("Invalid metrics token"), "{output:?}");
    assert!(!std::fs::exists(path("none.csv")).unwrap());
    let output = program::run(&variables, &["collect", "--match", "a{"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("at character 3"), "{output:?}");
    service.stop().await;
}

/// When the exported values of a gauge were taken.
async fn taken_at(service: &Service, name: &str) -> String {
    let query = [("format", "ndjson"), ("match[]", name)];
    let response = service.query(PATH, &query).header("x-api-key", "admin001").send().await.unwrap();
    let lines = response.text().await.unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().expect("a series")).unwrap();
    first["taken_at"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_values_that_a_failed_collector_still_shows_have_their_own_time() {
    let service = Service::with(fixtures()).ready().await;
    let before = taken_at(&service, "playarr_channels_count").await;
    break_channels(&service.database).await;
    until("the others are newer", Duration::from_secs(20), || async {
        service.refresh().await;
        taken_at(&service, "playarr_active_users").await > taken_at(&service, "playarr_channels_count").await
    })
    .await;
    assert_eq!(taken_at(&service, "playarr_channels_count").await, before);
    service.stop().await;
}
