//! The chart for Kubernetes and the plain manifests made from it, checked without a cluster.
//!
//! The chart is rendered by Go's own templates with the functions of Helm that it uses (`tests/support/helm.go`). What
//! comes out is compared with the schemas of Kubernetes (`kubernetes-validate` from PyPI, in the Python that
//! `PLAYARR_TEST_PYTHON` names) and of the Prometheus operator (`@kubernetes-models/prometheus-operator` from npm, in
//! the folder that `PLAYARR_TEST_NODE_MODULES` names).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

/// Versions of Kubernetes: the oldest that the chart takes and that schemas can be had for, and the newest.
const VERSIONS: [&str; 2] = ["1.25", "1.37"];

const CORE: &str = "
import json, sys, kubernetes_validate
document, version = json.load(sys.stdin), sys.argv[1]
kubernetes_validate.validate(document, version, strict=True)
";

const OPERATOR: &str = "
const { pathToFileURL } = require('node:url');
const document = JSON.parse(require('node:fs').readFileSync(0));
const base = `${process.argv[1]}/@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/`;
import(pathToFileURL(`${base}${document.kind}.js`)).then((models) => new models[document.kind](document).validate());
";

fn top(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Feeds a document to a program: what it printed, or what it complained of.
fn feed(command: &mut Command, document: &Value) -> Result<String, String> {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} is needed: {error}"));
    child.stdin.take().unwrap().write_all(&serde_json::to_vec(document).unwrap()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The chart with some values other than its own, as text: one document for each template.
fn rendered(other: &Value) -> Vec<(String, String)> {
    let mut values: Value = serde_yaml_ng::from_str(&read("packaging/kubernetes/chart/values.yaml")).unwrap();
    merge(&mut values, other);
    let chart: Value = serde_yaml_ng::from_str(&read("packaging/kubernetes/chart/Chart.yaml")).unwrap();
    let seen = json!({
        "Values": values,
        "Chart": { "AppVersion": chart["appVersion"] },
        "Release": { "Name": "playarr-metrics", "Namespace": "playarr", "Service": "Helm" },
    });
    let mut go = Command::new("go");
    // Go keeps what it compiled in a folder of the user, which a clean environment does not have.
    go.env("GOCACHE", std::env::temp_dir().join("playarr-metrics-go")).env("GO111MODULE", "off");
    go.arg("run").arg(top("tests/support/helm.go")).arg(top("packaging/kubernetes/chart"));
    let text = feed(&mut go, &seen).unwrap_or_else(|error| panic!("{error}"));
    let parts = text.split("---\n# Source: ").skip(1).map(|part| part.split_once('\n').unwrap());
    parts.map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

fn merge(values: &mut Value, other: &Value) {
    for (name, value) in other.as_object().unwrap() {
        match (&mut values[name], value) {
            (Value::Object(_), Value::Object(_)) => merge(&mut values[name], value),
            (there, value) => *there = value.clone(),
        }
    }
}

/// The objects among what was rendered.
fn objects(rendered: &[(String, String)]) -> Vec<Value> {
    let texts = rendered.iter().filter(|(name, _)| name.ends_with(".yaml"));
    let objects = texts
        .map(|(name, text)| serde_yaml_ng::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}\n{text}")));
    objects.filter(|object: &Value| !object.is_null()).collect()
}

fn check_core(object: &Value, version: &str) -> Result<String, String> {
    let python = std::env::var("PLAYARR_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    feed(Command::new(python).args(["-c", CORE, version]), object)
}

fn check_operator(object: &Value) -> Result<String, String> {
    let modules = std::env::var("PLAYARR_TEST_NODE_MODULES").expect(
        "PLAYARR_TEST_NODE_MODULES names the folder that npm installed @kubernetes-models/prometheus-operator to",
    );
    feed(Command::new("node").args(["-e", OPERATOR, &modules]), object)
}

fn is_of_the_operator(object: &Value) -> bool {
    object["apiVersion"] == "monitoring.coreos.com/v1"
}

/// Values that use everything the chart can do, and those that use nothing of it.
fn choices() -> [Value; 3] {
    let peer = json!([{ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } } }]);
    [
        json!({}),
        json!({
            "replicas": 3,
            "secret": { "jwtSecretKey": "jwt", "adminPassword": "password" },
            "settings": { "REFRESH_INTERVAL": "10m", "SERIES_BUDGET": 20000, "CHANGE_DETECTION": "on" },
            "basePath": "/playarr-metrics",
            "tls": { "secretName": "playarr-metrics-tls" },
            "service": { "type": "LoadBalancer", "port": 443 },
            "serviceMonitor": { "labels": { "release": "prometheus" } },
            "prometheusRule": { "labels": { "release": "prometheus" } },
            "networkPolicy": { "from": peer, "mongodb": { "to": peer, "ports": [27017, 27018] } },
            "podDisruptionBudget": { "maxUnavailable": "50%" },
            "nodeSelector": { "kubernetes.io/arch": "arm64" },
            "tolerations": [{ "key": "home", "operator": "Exists", "effect": "NoSchedule" }],
            "affinity": { "podAntiAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": [{
                "topologyKey": "kubernetes.io/hostname",
                "labelSelector": { "matchLabels": { "app.kubernetes.io/name": "playarr-metrics" } },
            }] } },
            "podAnnotations": { "example.org/note": "yes" },
        }),
        json!({
            "serviceMonitor": { "enabled": false },
            "prometheusRule": { "enabled": false },
            "dashboard": { "enabled": false, "labels": {} },
            "networkPolicy": { "enabled": false },
            "podDisruptionBudget": { "enabled": false },
        }),
    ]
}

#[test]
fn the_schemas_of_kubernetes_and_of_the_operator_take_whatever_the_chart_makes() {
    for (values, count) in choices().iter().zip([7, 7, 2]) {
        let objects = objects(&rendered(values));
        assert_eq!(objects.len(), count, "{values}");
        for object in &objects {
            let checked = match is_of_the_operator(object) {
                true => check_operator(object),
                false => VERSIONS.iter().try_fold(String::new(), |_, version| check_core(object, version)),
            };
            checked.unwrap_or_else(|error| panic!("{} {}: {error}", object["kind"], object["metadata"]["name"]));
        }
    }
}

#[test]
fn the_schemas_do_find_what_is_wrong() {
    for mut object in objects(&rendered(&json!({}))) {
        if is_of_the_operator(&object) {
            object["spec"] = json!({ "endpoints": "http", "groups": "none" });
            check_operator(&object).unwrap_err();
        } else {
            object["metadata"]["labels"] = json!("none");
            check_core(&object, VERSIONS[0]).unwrap_err();
        }
    }
}

#[test]
fn the_plain_manifests_are_the_chart_with_its_own_values() {
    let rendered = rendered(&json!({}));
    let head = "# Made from the chart beside this file, with its own values. ";
    let operator = ["prometheusrule.yaml", "servicemonitor.yaml"];
    for (file, purpose, of_operator) in [
        ("playarr-metrics.yaml", "docs/tutorials/kubernetes.md says how to use it.", false),
        ("prometheus-operator.yaml", "They need the Prometheus operator.", true),
    ] {
        let documents =
            rendered.iter().filter(|(name, _)| name.ends_with(".yaml") && operator.contains(&&**name) == of_operator);
        let documents = documents.map(|(_, text)| format!("---\n{}", text.replace(": Helm\n", ": kubectl\n")));
        let expected = format!("{head}{purpose}\n{}", documents.collect::<String>());
        let path = format!("packaging/kubernetes/{file}");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(top(&path), &expected).unwrap();
        }
        assert!(read(&path) == expected, "{path}: UPDATE_GOLDEN=1 cargo test --features system-tests kubernetes::");
    }
}

#[test]
fn rules_and_dashboard_come_through_as_they_are() {
    let objects = objects(&rendered(&json!({})));
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let rules: Yaml = serde_yaml_ng::from_str(&read("packaging/prometheus/playarr.rules.yml")).unwrap();
    assert!(of_kind("PrometheusRule")["spec"] == serde_json::to_value(rules).unwrap());
    let dashboard = of_kind("ConfigMap")["data"]["playarr.json"].as_str().unwrap();
    assert!(dashboard.trim() == read("packaging/grafana/playarr.json").trim());
    // kubectl notes what it applied in an annotation, which may have 256 KiB.
    assert!(serde_json::to_vec(of_kind("ConfigMap")).unwrap().len() < 200 * 1024);
}
