//! The whole exposition of the fixtures, beside what it should be.
//!
//! After a change that is meant, refresh the goldens with `UPDATE_GOLDEN=1 cargo test golden` and read the diff.

use std::path::PathBuf;

use crate::support::library::fixtures;
use crate::support::service::Service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exposition_of_the_fixtures_is_the_golden_one() {
    let service = Service::with(fixtures()).ready().await;
    let first_run = [("job_type", "UpdateMetricsJob"), ("status", "success")];
    service.until_value("playarr_job_executions_total", &first_run, 1.0).await;
    for (accept, golden) in [("text/plain", "metrics.txt"), ("application/openmetrics-text", "metrics.openmetrics.txt")]
    {
        let text = service.scrape_as(accept).await.text().await.unwrap();
        let stable: String = text.split_inclusive('\n').map(stable).collect();
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/golden").join(golden);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &stable).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        for (number, (found, expected)) in stable.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{golden} line {}", number + 1);
        }
        assert_eq!(stable.lines().count(), expected.lines().count(), "{golden}");
    }
}

/// A line without what differs from run to run: times, the process, the build, and how often the test asked whether the
/// service is ready.
fn stable(line: &str) -> String {
    let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
    let name = series.split('{').next().unwrap_or(series);
    if name.starts_with("playarr_http_") {
        return String::new();
    }
    let own = ["process_", "playarr_metrics_", "playarr_job_duration_"].iter().any(|prefix| name.starts_with(prefix));
    if !own || ["_success", "_series", "_refresh_total"].iter().any(|suffix| name.ends_with(suffix)) {
        return line.to_owned();
    }
    let series = if name.ends_with("_build_info") { "playarr_metrics_build_info{...}" } else { series };
    format!("{series} <differs>\n")
}
