//! What is under `packaging/` agrees with the program, with itself and with what it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;

use crate::support::program::run;

/// Where the release workflow puts the image.
const IMAGE: &str = "ghcr.io/elad-bar/playarr-metrics";

/// Files that stand in more than one package, so that each can be copied as one folder. Generated ones are compared
/// with what makes them, in `catalog`.
const COPIES: [(&str, &str); 2] = [
    ("packaging/mongodb/create-user.js", "packaging/compose/mongodb/create-user.js"),
    ("packaging/mongodb/role.json", "packaging/compose/mongodb/role.json"),
];

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Value {
    let mut compose: Value = serde_yaml_ng::from_str(&read("packaging/compose/compose.yaml")).unwrap();
    compose.apply_merge().unwrap();
    compose
}

fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let services = compose["services"].as_mapping().unwrap();
    services.iter().map(|(name, service)| (name.as_str().unwrap(), service))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_sequence().into_iter().flatten().map(|text| text.as_str().unwrap()).collect()
}

/// A setting of the program, by its environment variable, as the help has it.
async fn settings() -> BTreeSet<String> {
    let help = run(&[], &["--help"]).await;
    let help = String::from_utf8(help.stdout).unwrap();
    let variables = help.split("[env: ").skip(1).filter_map(|rest| rest.split_once(']'));
    variables.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn every_package_is_of_this_version_and_the_dockerfile_of_this_compiler() {
    let dockerfile = read("packaging/docker/Dockerfile");
    let version = env!("CARGO_PKG_VERSION");
    assert!(dockerfile.contains(&format!("org.opencontainers.image.version=\"{version}\"")));
    assert!(dockerfile.contains(&format!("-t {IMAGE}:{version} ")));
    assert!(read("packaging/compose/README.md").contains(&format!("-t {IMAGE}:{version} ")));
    let chart: Value = serde_yaml_ng::from_str(&read("packaging/kubernetes/chart/Chart.yaml")).unwrap();
    assert!(chart["version"] == version && chart["appVersion"] == version, "{chart:?}");
    let values: Value = serde_yaml_ng::from_str(&read("packaging/kubernetes/chart/values.yaml")).unwrap();
    assert_eq!(values["image"]["repository"], IMAGE);
    let rust = concat!("FROM rust:", env!("CARGO_PKG_RUST_VERSION"));
    assert!(dockerfile.lines().any(|line| line.starts_with(rust)), "{rust}");
    for name in ["playarr-metrics", "token"] {
        assert_eq!(compose()["services"][name]["image"], format!("{IMAGE}:{version}"), "{name}");
    }
}

#[test]
fn what_the_dockerignore_lets_through_is_a_package_that_cargo_takes() {
    let context = tempfile::tempdir().unwrap();
    let ignore = read("packaging/docker/Dockerfile.dockerignore");
    let mut lines = ignore.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    assert_eq!(lines.next(), Some("*"), "nothing gets in unless it is named");
    for line in lines {
        let name = line.strip_prefix('!').unwrap_or_else(|| panic!("{line} leaves out what was left out already"));
        let to = context.path().join(name);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        let copied = Command::new("cp").arg("-R").arg(top().join(name)).arg(&to).status().unwrap();
        assert!(copied.success(), "{name}");
    }
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--locked", "--format-version", "1"])
        .current_dir(context.path())
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    // What is included into the program is there as well.
    for (file, included) in inclusions(context.path()) {
        assert!(included.exists(), "{} includes {}", file.display(), included.display());
    }
}

/// Every file that a source file includes by a literal path.
fn inclusions(directory: &Path) -> Vec<(PathBuf, PathBuf)> {
    let mut found = Vec::new();
    for folder in ["src", "jobs/src"] {
        let sources = Command::new("find").arg(directory.join(folder)).args(["-name", "*.rs"]).output().unwrap();
        for file in String::from_utf8(sources.stdout).unwrap().lines().map(PathBuf::from) {
            let source = std::fs::read_to_string(&file).unwrap();
            for start in ["include_str!(\"", "include_bytes!(\"", "include!(\""] {
                let paths = source.split(start).skip(1).filter_map(|rest| rest.split_once('"'));
                found.extend(paths.map(|(path, _)| (file.clone(), file.parent().unwrap().join(path))));
            }
        }
    }
    found
}

#[test]
fn what_stands_in_several_packages_is_golden_in_each() {
    for (original, copy) in COPIES {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::copy(top().join(original), top().join(copy)).unwrap();
        }
        assert!(read(original) == read(copy), "{copy} differs from {original}: UPDATE_GOLDEN=1 cargo test golden");
    }
}

#[test]
fn the_folder_of_compose_needs_nothing_beside_it_and_everything_in_it_is_used() {
    let copied = tempfile::tempdir().unwrap();
    let directory = copied.path().join("compose");
    let from = top().join("packaging/compose");
    assert!(Command::new("cp").arg("-R").args([&from, &directory]).status().unwrap().success());
    let _ = std::fs::remove_dir_all(directory.join("secrets"));
    let made = Command::new("sh").arg(directory.join("secrets.sh")).stdout(std::process::Stdio::null()).status();
    assert!(made.unwrap().success());

    let compose = compose();
    let mut mounted = BTreeSet::new();
    for (name, service) in services(&compose) {
        assert!(service.get("build").is_none(), "{name} is an image by its tag");
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().unwrap();
            let exists = match source.starts_with('.') {
                true => directory.join(source).exists() && !source.contains(".."),
                false => compose["volumes"].get(source).is_some(),
            };
            assert!(exists, "{name} mounts {source}");
            mounted.insert(directory.join(source));
        }
        for network in texts(&service["networks"]) {
            assert!(compose["networks"].get(network).is_some(), "{name} is in {network}");
        }
    }
    for folder in ["alertmanager", "grafana", "mongodb", "prometheus"] {
        for file in std::fs::read_dir(directory.join(folder)).unwrap() {
            let file = file.unwrap().path();
            assert!(mounted.iter().any(|source| source.components().eq(file.components())), "{}", file.display());
        }
    }
}

#[test]
fn the_page_of_the_compose_folder_has_every_port_with_its_default() {
    let page = read("packaging/compose/README.md");
    let mut ports = 0;
    for (name, service) in services(&compose()) {
        for port in texts(&service["ports"]) {
            let (variable, rest) = port.strip_prefix("${").unwrap().split_once(":-").unwrap();
            let default = rest.split('}').next().unwrap();
            assert!(page.contains(&format!("| `{variable}` | `{default}` |")), "{name}: {variable}");
            let public = default.replace("127.0.0.1", "http://localhost");
            assert!(page.contains(&format!("<{public}>")), "{name}: {public}");
            ports += 1;
        }
    }
    assert_eq!(ports, 4);
}

#[test]
fn the_script_makes_exactly_the_secrets_that_the_compose_file_names_and_never_twice() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("secrets.sh");
    std::fs::copy(top().join("packaging/compose/secrets.sh"), &script).unwrap();
    let make = || {
        assert!(Command::new("sh").arg(&script).stdout(std::process::Stdio::null()).status().unwrap().success());
        let files = std::fs::read_dir(directory.path().join("secrets")).unwrap().map(|file| file.unwrap());
        files
            .filter(|file| file.file_type().unwrap().is_file())
            .map(|file| {
                let text = std::fs::read_to_string(file.path()).unwrap();
                (format!("secrets/{}", file.file_name().to_str().unwrap()), text)
            })
            .collect::<BTreeSet<_>>()
    };
    let made = make();
    assert_eq!(make(), made);
    let names: BTreeSet<_> = made.iter().map(|(name, _)| name.as_str()).collect();
    let compose = compose();
    let secrets = compose["secrets"].as_mapping().unwrap();
    let named: BTreeSet<_> = secrets.values().map(|secret| secret["file"].as_str().unwrap()).collect();
    assert_eq!(named, names);
    for (name, service) in services(&compose) {
        for secret in texts(&service["secrets"]) {
            assert!(secrets.contains_key(secret), "{name} wants {secret}");
        }
    }
    let distinct: BTreeSet<_> = made.iter().map(|(_, text)| text).collect();
    assert_eq!(distinct.len(), made.len(), "no two are the same");
    assert!(made.iter().all(|(_, text)| text.trim().len() >= 48));
}

#[test]
fn every_image_is_pinned_every_port_is_on_loopback_and_no_service_gains_privileges() {
    let compose = compose();
    for (name, service) in services(&compose) {
        let (_, tag) = service["image"].as_str().unwrap().rsplit_once(':').expect("a tag");
        assert!(tag.split('.').count() == 3 && tag.contains(char::is_numeric), "{name}: {tag}");
        for port in texts(&service["ports"]) {
            assert!(port.contains(":-127.0.0.1:"), "{name}: {port}");
        }
        assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
        if name != "mongodb" {
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
        }
    }
}

#[tokio::test]
async fn every_setting_can_be_set_in_the_compose_file_and_is_in_the_example_for_systemd() {
    let (compose, example) = (compose(), read("packaging/systemd/environment"));
    let environment = compose["services"]["playarr-metrics"]["environment"].as_mapping().unwrap();
    let settings = settings().await;
    assert!(settings.len() > 15, "{settings:?}");
    let secrets: BTreeSet<_> = settings.iter().filter_map(|name| name.strip_suffix("_FILE")).collect();
    for setting in &settings {
        let is_file = setting.ends_with("_FILE");
        // Where it listens inside of its container is nobody's business.
        if !is_file && !secrets.contains(&**setting) && !["PORT", "LISTEN_ADDRESS"].contains(&&**setting) {
            assert!(environment.contains_key(&**setting), "{setting} is missing in the compose file");
        }
        if is_file {
            assert!(environment.contains_key(&**setting), "{setting} is missing in the compose file");
        } else if !secrets.contains(&**setting) && setting != "PORT" {
            let is_there = example
                .lines()
                .any(|line| line.trim_start_matches('#').split_once('=').is_some_and(|(name, _)| name == setting));
            assert!(is_there, "{setting} is missing in packaging/systemd/environment");
        }
    }
}

#[tokio::test]
async fn the_template_for_unraid_has_the_image_of_this_version_and_settings_that_exist() {
    let template = read("packaging/unraid/playarr-metrics.xml");
    let image = format!("<Repository>{IMAGE}:{}</Repository>", env!("CARGO_PKG_VERSION"));
    assert!(template.contains(&image), "{image}");
    let settings = settings().await;
    let mut variables = 0;
    for line in template.lines().filter(|line| line.contains("Type=\"Variable\"")) {
        let (_, rest) = line.split_once("Target=\"").unwrap();
        let name = rest.split('"').next().unwrap();
        assert!(settings.contains(name), "{name}");
        variables += 1;
    }
    assert!(variables > 5);
}

#[test]
fn the_release_workflow_calls_scripts_that_are_there_for_every_kind_of_machine() {
    use std::os::unix::fs::PermissionsExt;
    let workflow = read(".github/workflows/release.yml");
    let parsed: Value = serde_yaml_ng::from_str(&workflow).unwrap();
    let words = workflow.split(|c: char| c.is_whitespace() || "\"()$".contains(c));
    let scripts: BTreeSet<_> = words.filter(|word| word.starts_with("packaging/") && word.ends_with(".sh")).collect();
    assert_eq!(scripts.len(), 3, "{scripts:?}");
    for script in scripts {
        let mode = std::fs::metadata(top().join(script)).unwrap().permissions().mode();
        assert!(mode & 0o111 != 0, "{script} cannot be run");
        let checked = Command::new("sh").arg("-n").arg(top().join(script)).status().unwrap();
        assert!(checked.success(), "{script}");
    }
    for job in ["programs", "images"] {
        let machines = parsed["jobs"][job]["strategy"]["matrix"]["include"].as_sequence().unwrap();
        let kinds: Vec<_> = machines.iter().map(|machine| machine["architecture"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["amd64", "arm64"], "{job}");
    }
    assert!(workflow.contains("IMAGE: ghcr.io/${{ github.repository }}"), "{IMAGE} is of that form");
}
