//! What others make of the packages: promtool of Prometheus' configuration, amtool of Alertmanager's, systemd of the
//! units.

use std::path::Path;
use std::process::{Command, Output};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?} is needed for the system tests: {error}"))
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|said| String::from_utf8_lossy(said).into_owned()).concat()
}

#[test]
fn promtool_takes_the_configuration_with_the_files_that_the_compose_file_mounts() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "a token\n").unwrap();
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/compose/prometheus/playarr.rules.yml");
    let configuration = read("packaging/compose/prometheus/prometheus.yml")
        .replace("/run/playarr-metrics/token", token.to_str().unwrap())
        .replace("/etc/prometheus/playarr.rules.yml", rules.to_str().unwrap());
    let path = directory.path().join("prometheus.yml");
    std::fs::write(&path, configuration).unwrap();
    let checked = run(Command::new("promtool").args(["check", "config"]).arg(&path));
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(!said(&checked).contains("FAILED"), "{}", said(&checked));
}

/// The configuration of Alertmanager with this receiver as its comments say to use it.
fn with_receiver(configuration: &str, name: &str) -> String {
    let mut within = false;
    let lines = configuration.lines().map(|line| {
        within = line == format!("  # - name: {name}") || within && line.starts_with("  #   ");
        match within {
            true => line.replacen("# ", "", 1),
            false => line.replace("  receiver: nobody", &format!("  receiver: {name}")),
        }
    });
    lines.map(|line| line + "\n").collect()
}

#[test]
fn amtool_takes_the_configuration_of_alertmanager_with_each_receiver() {
    let configuration = read("packaging/compose/alertmanager/alertmanager.yml");
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("alertmanager.yml");
    for name in ["nobody", "ntfy", "discord", "mail"] {
        let chosen = with_receiver(&configuration, name);
        std::fs::write(&path, &chosen).unwrap();
        let checked = run(Command::new("amtool").arg("check-config").arg(&path));
        assert!(checked.status.success(), "{name}: {}\n{chosen}", said(&checked));
        let receivers = if name == "nobody" { 1 } else { 2 };
        assert!(said(&checked).contains(&format!(" - {receivers} receivers")), "{name}: {}", said(&checked));
        let alert = ["alertname=PlayarrProviderInactive", "severity=critical", "job=playarr"];
        let config = format!("--config.file={}", path.display());
        let routed = run(Command::new("amtool").args(["config", "routes", "test", &config]).args(alert));
        assert_eq!(String::from_utf8_lossy(&routed.stdout).trim(), name, "{}", said(&routed));
    }
}

/// The text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

#[test]
fn promtool_takes_the_configuration_that_the_first_steps_of_the_readme_write() {
    let directory = tempfile::tempdir().unwrap();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::os::unix::fs::symlink(top.join("packaging"), directory.path().join("packaging")).unwrap();
    std::fs::write(directory.path().join("playarr-token"), "a token\n").unwrap();
    let configuration = between(&read("README.md"), "cat > prometheus.yml <<'END'\n", "END\n").to_owned();
    let path = directory.path().join("prometheus.yml");
    std::fs::write(&path, configuration).unwrap();
    let checked = run(Command::new("promtool").args(["check", "config"]).arg(&path));
    assert!(checked.status.success(), "{}", said(&checked));
}

#[test]
fn systemd_takes_the_units_and_finds_them_hardened() {
    for name in ["playarr-metrics.service", "playarr-metrics-token.service"] {
        let directory = tempfile::tempdir().unwrap();
        let unit = directory.path().join(name);
        // The program is where it was built.
        let text = read(&format!("packaging/systemd/{name}"))
            .replace("/usr/local/bin/playarr-metrics", env!("CARGO_BIN_EXE_playarr-metrics"));
        std::fs::write(&unit, text).unwrap();
        let verified = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit));
        assert!(verified.status.success() && said(&verified).is_empty(), "{}", said(&verified));
        // Of 10, which is what a unit without any of it gets: 9.6.
        let threshold = ["security", "--offline=true", "--no-pager", "--threshold=15"];
        let secure = run(Command::new("systemd-analyze").args(threshold).arg(&unit));
        assert!(secure.status.success(), "{}", said(&secure));
    }
}

#[test]
fn the_archive_of_a_release_has_the_program_its_sum_and_what_an_installation_needs() {
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/release/archive.sh");
    let mut archive = Command::new(script);
    archive.args([env!("CARGO_BIN_EXE_playarr-metrics"), "0.0.1", "x86_64-unknown-linux-gnu"]).arg(directory.path());
    let packed = run(&mut archive);
    assert!(packed.status.success(), "{}", said(&packed));
    let name = "playarr-metrics-0.0.1-x86_64-unknown-linux-gnu";
    let inside = |program: &str, arguments: &[&str]| {
        let done = run(Command::new(program).args(arguments).current_dir(directory.path()));
        assert!(done.status.success(), "{program}: {}", said(&done));
        said(&done)
    };
    inside("sha256sum", &["--check", &format!("{name}.tar.gz.sha256")]);
    inside("tar", &["-xzf", &format!("{name}.tar.gz")]);
    assert!(inside(&format!("./{name}/playarr-metrics"), &["--version"]).starts_with("playarr-metrics "));
    // The paths that the pages name, from the top of the archive.
    for path in ["systemd/playarr-metrics.service", "mongodb/create-user.js", "compose/compose.yaml", "LICENSE"] {
        assert!(directory.path().join(name).join(path).is_file(), "{path}");
    }
}
