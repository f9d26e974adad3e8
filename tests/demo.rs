//! The demo: a library and a traffic in which nothing is wrong, so that no alert fires.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::Command;
use std::time::{Duration, SystemTime};

use playarr_metrics::catalog::{Catalog, DOCS, Output};
use reqwest::StatusCode;
use serde_json::json;

use crate::support::oracle::Gauges;
use crate::support::prometheus::Prometheus;
use crate::support::service::Service;

#[path = "../examples/demo/library.rs"]
mod library;
#[path = "../examples/demo/traffic.rs"]
mod traffic;

async fn demo() -> Service {
    Service::with(library::documents()).ready().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_admin_gets_in_by_password_and_by_key() {
    let service = demo().await;
    let (admin, password) = library::ADMIN;
    assert_eq!(service.login(admin, password).await.status(), StatusCode::OK);
    let refresh = service.post("/api/metrics/refresh").header("x-api-key", library::ADMIN_API_KEY);
    assert_eq!(refresh.send().await.unwrap().status(), StatusCode::OK);
    service.stop().await;
}

/// Alerts that would fire after some minutes fire at once here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prometheus_that_watches_it_fires_no_alert() {
    let service = demo().await;
    let rules = Output::Rules.of(&Catalog::default(), DOCS);
    let lines = rules.lines().filter(|line| !line.trim_start().starts_with("for: "));
    let impatient: Vec<_> = lines.collect();
    let address = service.url.strip_prefix("http://").unwrap();
    let prometheus = Prometheus::scraping(&[("playarr", address)], &service.token().await, &impatient.join("\n")).await;
    let traffic = tokio::spawn(traffic::drive(service.url.clone(), service.ingest_token().await));

    let watched = "count_over_time(provider:playarr_provider_enabled:min1h{provider_id=\"aurora\"}[5m]) > 20";
    prometheus.until_it("watched for a while", || async { prometheus.value(watched).await.is_some() }).await;
    let alerts = prometheus.query("ALERTS").await;
    assert!(alerts.is_empty(), "{alerts:#?}");
    // There is something to be silent about.
    for there in [
        "playarr_provider_active{provider_id=\"oldmill\"} == 0",
        "sum(playarr_stream_requests_total) > 0",
        "sum(playarr_job_executions_total) > 3",
    ] {
        assert!(prometheus.value(there).await.is_some(), "{there}");
    }
    traffic.abort();
    service.stop().await;
}

/// How long the traffic goes on.
const MINUTES: usize = 6 * 60;

/// The traffic of hours, reported at once, with a scrape for each of its minutes. Prometheus' tool evaluates the rules
/// on these scrapes as if they were a minute apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fires_no_alert_within_hours_either() {
    let service = demo().await;
    let rules = Output::Rules.of(&Catalog::default(), DOCS);
    let up = ("up{job=\"playarr\",instance=\"demo\"}".to_owned(), vec!["1".to_owned(); MINUTES]);
    let mut scrapes = Scrapes(BTreeMap::from([up]));
    for minute in 0..MINUTES {
        let second = 60 * u64::try_from(minute).unwrap();
        let events: Vec<_> = (second..second + 60).flat_map(traffic::events).collect();
        let batch = json!({ "batch_id": format!("minute-{minute}"), "events": events });
        let report = service.post("/api/metrics/events").bearer_auth(service.ingest_token().await);
        assert_eq!(report.json(&batch).send().await.unwrap().status(), StatusCode::OK);
        let mut series = service.series().await;
        series.retain(|name, _| {
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| name.strip_suffix(suffix));
            rules.contains(family.unwrap_or(name))
        });
        scrapes.add(minute, series);
    }
    service.stop().await;

    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rules.yml"), rules).unwrap();
    std::fs::write(directory.path().join("demo.test.yml"), scrapes.unit_test()).unwrap();
    let promtool = Command::new("promtool")
        .current_dir(directory.path())
        .args(["test", "rules", "demo.test.yml"])
        .output()
        .unwrap_or_else(|error| panic!("promtool is needed for the system tests: {error}"));
    let said = [promtool.stdout, promtool.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(promtool.status.success(), "{said}");
}

/// Series as Prometheus writes them, each with its value in each minute.
struct Scrapes(BTreeMap<String, Vec<String>>);

impl Scrapes {
    fn add(&mut self, minute: usize, scrape: Gauges) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        // In unit tests of rules, time begins at 0.
        let ahead = now.saturating_sub(Duration::from_mins(minute.try_into().unwrap())).as_secs_f64();
        for (name, series) in scrape {
            let is_time = name.ends_with("_timestamp_seconds") || name == "process_start_time_seconds";
            for (labels, value) in series {
                let labels: Vec<_> = labels.iter().map(|(name, value)| format!(",{name}={value:?}")).collect();
                let series = format!("{name}{{job=\"playarr\",instance=\"demo\"{}}}", labels.concat());
                let value = if is_time { value - ahead } else { value };
                let values = self.0.entry(series).or_default();
                // What appears later was not there before.
                values.resize(minute, "_".to_owned());
                values.push(value.to_string());
            }
        }
    }

    /// A unit test of rules in which no alert ever fires.
    fn unit_test(&self) -> String {
        let mut test = String::from(
            "rule_files: [rules.yml]\nevaluation_interval: 1m\n\
             group_eval_order: [playarr-recordings, playarr-alerts]\n\
             tests:\n  - interval: 1m\n    input_series:\n",
        );
        for (series, values) in &self.0 {
            writeln!(test, "      - series: '{series}'\n        values: '{}'", values.join(" ")).unwrap();
        }
        test.push_str("    alert_rule_test:\n");
        for alert in Catalog::default().alerts() {
            for minute in (10..MINUTES).step_by(10) {
                let name = alert.name;
                writeln!(test, "      - {{ alertname: {name}, eval_time: {minute}m, exp_alerts: [] }}").unwrap();
            }
        }
        test
    }
}
