//! The configuration of Prometheus for a target: a whole file, or the lines of its job.

use super::setup::Setup;
use super::target::{Encryption, Target};

/// The lines of a job, in two parts: between them stands how Prometheus proves who it is, in lines of four spaces.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) before: String,
    pub(super) after: String,
}

/// The job that scrapes a target.
pub(super) fn job(target: &Target) -> Job {
    let path = target.own_path().map(|path| format!("    metrics_path: {path}\n")).unwrap_or_default();
    let encryption = encryption(target.encryption);
    Job {
        before: format!("scrape_configs:\n  - job_name: playarr\n    scrape_interval: 30s\n{encryption}{path}"),
        after: format!("    static_configs:\n      - targets: [\"{}\"]\n", target.address),
    }
}

/// How Prometheus proves who it is with a token in a file.
pub(super) fn token_in(file: &str) -> String {
    format!("    authorization:\n      type: Bearer\n      credentials_file: {file}\n")
}

/// A whole `prometheus.yml`, for who found the service at this target. It needs nothing but the files that it names.
#[must_use]
pub fn prometheus_yml(found: &Target, setup: Setup) -> String {
    let target = setup.target(found);
    let Job { before, after } = job(&target);
    let (rules, token) = (setup.rules_file(), setup.token_file());
    format!(
        "\
# Prometheus 2.26 or later, for playarr-metrics at {address}. Files without a folder are beside this one.

global:
  scrape_interval: 30s
  evaluation_interval: 30s

# Alerts and recording rules. The page Settings > Metrics has them as a file.
rule_files:
  - {rules}

# To be told of alerts, remove the # and name your Alertmanager.
# alerting:
#   alertmanagers:
#     - static_configs:
#         - targets: [\"localhost:9093\"]

{before}    # The metrics token. The page Settings > Metrics says how it gets there.
{token}{after}",
        address = target.address,
        token = token_in(token),
    )
}

fn encryption(encryption: Encryption) -> String {
    match encryption {
        Encryption::None => String::new(),
        Encryption::Proxy => "    scheme: https
    # If it is no public authority that vouches for the certificate, remove the #:
    # tls_config:
    #   ca_file: playarr-ca.pem
"
        .to_owned(),
        Encryption::Service { asks_clients } => {
            let client = "      # What Prometheus shows to the service, which asks for it (TLS_CLIENT_CA_FILE).
      cert_file: playarr-client.pem
      key_file: playarr-client.key
";
            format!(
                "    scheme: https
    tls_config:
      # Who vouches for the certificate of the service. If it is a public authority, remove the next line.
      ca_file: playarr-ca.pem
{}",
                if asks_clients { client } else { "" }
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn yml(encryption: Encryption, direct: Encryption, setup: Setup) -> String {
        let config = Config::read(|name| (name == "BASE_PATH").then(|| "/pm".to_owned())).unwrap();
        let target = Target::of(Some("home.example"), encryption, direct).below(&config.base_path);
        prometheus_yml(&target, setup)
    }

    #[test]
    fn the_file_has_what_tls_the_base_path_and_the_installation_need() {
        let own = Encryption::Service { asks_clients: true };
        let file = yml(own, own, Setup::Manual);
        for part in [
            "    scheme: https\n    tls_config:\n",
            "\n      ca_file: playarr-ca.pem\n",
            "\n      cert_file: playarr-client.pem\n      key_file: playarr-client.key\n    metrics_path: /pm",
            "\nrule_files:\n  - playarr.rules.yml\n",
            "\n# alerting:\n",
            "\n      credentials_file: /etc/prometheus/playarr-token\n    static_configs:\n",
            "\n      - targets: [\"home.example:443\"]\n",
        ] {
            assert!(file.contains(part), "{part}: {file}");
        }
        let without = yml(Encryption::Service { asks_clients: false }, own, Setup::Manual);
        assert!(without.contains("      ca_file:") && !without.contains("cert_file"), "{without}");
        let plain = yml(Encryption::None, Encryption::None, Setup::Manual);
        assert!(plain.contains("home.example:80") && !plain.contains("tls_config") && !plain.contains("scheme"));
    }

    #[test]
    fn a_proxy_is_between_browser_and_service_and_not_within_compose_or_a_cluster() {
        let own = Encryption::Service { asks_clients: true };
        let by_proxy = yml(Encryption::Proxy, own, Setup::Systemd);
        assert!(by_proxy.contains("    # tls_config:\n") && by_proxy.contains("home.example:443"), "{by_proxy}");
        for (setup, address) in
            [(Setup::Compose, "\"playarr-metrics:3000\""), (Setup::Kubernetes, "\"playarr-metrics.playarr:3000\"")]
        {
            let directly = yml(Encryption::Proxy, own, setup);
            assert!(directly.contains(address) && directly.contains("      cert_file:"), "{directly}");
            let plain = yml(Encryption::Proxy, Encryption::None, setup);
            assert!(plain.contains(address) && !plain.contains("https"), "{plain}");
        }
    }
}
