//! The rules, by Prometheus' own tools: they are valid, and each alert is seen firing, not firing and resolving.

use std::path::{Path, PathBuf};
use std::process::Command;

use playarr_metrics::catalog::Catalog;

/// Runs promtool in the root of the repository.
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let mut command = Command::new("promtool");
    let output = command.current_dir(root()).args(arguments).args(files).output();
    let output = output.unwrap_or_else(|error| panic!("promtool is needed for the system tests: {error}"));
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert!(output.status.success(), "{said}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The unit tests of the rules.
fn unit_tests() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join("fixtures/rules")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().ends_with(".test.yml"));
    files.sort();
    files
}

#[test]
fn promtool_finds_the_rules_valid() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &["packaging/prometheus/playarr.rules.yml".into()]);
}

#[test]
fn every_unit_test_of_the_rules_passes() {
    promtool(&["test", "rules"], &unit_tests());
}

#[test]
fn every_alert_has_a_unit_test_in_which_it_is_quiet_fires_and_resolves() {
    let files: Vec<_> = unit_tests().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let stories: Vec<_> = files.iter().flat_map(|file| file.split("\n  - name: ").skip(1)).collect();
    for alert in Catalog::default().alerts() {
        let quiet = format!("- {{ alertname: {}, ", alert.name);
        let fires = format!("- alertname: {}", alert.name);
        let is_told = stories.iter().any(|story| {
            // The checks of a story stand in the order of time.
            let mut lines = story.lines().map(str::trim);
            lines.any(|line| line.starts_with(&quiet))
                && lines.any(|line| line == fires)
                && lines.any(|line| line.starts_with(&quiet) && line.contains("exp_alerts: []"))
        });
        assert!(is_told, "{}: no test in fixtures/rules shows it quiet, firing and resolved", alert.name);
    }
}
