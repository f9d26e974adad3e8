//! The configurations of the page *Settings > Metrics* before Prometheus' own tools.

use playarr_metrics::config::Config;
use playarr_metrics::web::{Encryption, Setup, Target, prometheus_yml};
use tempfile::TempDir;
use tokio::process::Command;

use crate::support::certificates::Authority;
use crate::support::prometheus::Prometheus;
use crate::support::secure::{Files, Secure, https};

/// A folder with everything that a configuration may name. What is elsewhere is put here as well.
fn beside(file: &str, setup: Setup, token: &str, rules: &str, ca: &Authority, clients: &Authority) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let file = file.replace(setup.token_file(), "token").replace("/usr/share/playarr-metrics/", "");
    let client = clients.client();
    for (name, text) in [
        ("prometheus.yml", &*file),
        ("token", token),
        ("playarr.rules.yml", rules),
        ("playarr-ca.pem", &*ca.certificate()),
        ("playarr-client.pem", &*client.certificate),
        ("playarr-client.key", &*client.key),
    ] {
        write(name, text);
    }
    directory
}

async fn promtool_takes(directory: &TempDir) {
    let file = directory.path().join("prometheus.yml");
    let checked = Command::new("promtool").args(["check", "config"]).arg(&file).output().await;
    let checked = checked.unwrap_or_else(|error| panic!("promtool is needed for the system tests: {error}"));
    let said = String::from_utf8_lossy(&checked.stderr) + String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{said}\n{}", std::fs::read_to_string(file).unwrap());
    assert!(said.contains("rules found"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promtool_takes_every_configuration_also_as_its_comments_say_to_change_it() {
    let (ca, clients) = (Authority::new("of services"), Authority::new("of clients"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/prometheus/playarr.rules.yml");
    let rules = std::fs::read_to_string(path).unwrap();
    let own = |asks_clients| Encryption::Service { asks_clients };
    for base in ["/", "/playarr-metrics"] {
        let config = Config::read(|name| (name == "BASE_PATH").then(|| base.to_owned())).unwrap();
        for encryption in [Encryption::None, Encryption::Proxy, own(false), own(true)] {
            let target = Target::of(Some("metrics.example:3000"), encryption, encryption).below(&config.base_path);
            for setup in Setup::ALL {
                let file = prometheus_yml(&target, setup);
                let changed = file.replace("    # tls_config:\n    #   ca_file", "    tls_config:\n      ca_file");
                let public = file.replace("      ca_file: playarr-ca.pem\n", "");
                let alerting = file.replace("\n# alerting", "\nalerting").replace("\n#   ", "\n  ");
                for file in [&file, &changed, &public, &alerting] {
                    promtool_takes(&beside(file, setup, "token", &rules, &ca, &clients)).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_over_tls_with_the_files_as_they_are_downloaded() {
    for (base, asks_clients) in [("/", false), ("/playarr-metrics", true)] {
        let (files, clients) = (Files::new(), Authority::new("of clients"));
        let client_ca = files.write("clients.pem", &clients.certificate());
        let mut service = files.service().setting("BASE_PATH", base);
        if asks_clients {
            service = service.setting("TLS_CLIENT_CA_FILE", &client_ca);
        }
        let service = service.start().await;
        let url = https(&service);
        let admin = Secure::new(&files.authority, Some(&clients.client()));
        admin.until_it_is_well(&url).await;
        let file = admin.get_as_admin(&format!("{url}/api/settings/metrics/prometheus")).await;
        let rules = admin.get_as_admin(&format!("{url}/api/settings/metrics/rules")).await;
        assert_eq!((file.status, rules.status), (200, 200), "{}", file.body);
        assert_eq!(file.body.contains("cert_file"), asks_clients, "{}", file.body);

        let token = service.token().await;
        let directory = beside(&file.body, Setup::Manual, &token, &rules.body, &files.authority, &clients);
        promtool_takes(&directory).await;
        let prometheus = Prometheus::configured_in(directory).await;
        prometheus.until_it("up", || async { prometheus.value("up{job=\"playarr\"} == 1").await.is_some() }).await;
        assert!(prometheus.value("count(playarr_main_titles_count)").await > Some(1.0));
        let groups = prometheus.get("/api/v1/rules").await;
        assert_eq!(groups["groups"].as_array().unwrap().len(), 2, "{groups}");
        service.stop().await;
    }
}
