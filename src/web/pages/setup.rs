//! The ways in which the service is installed, and how Prometheus gets the token in each.

use serde::Deserialize;

use super::target::Target;

/// How the service is installed, and where Prometheus runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Setup {
    /// Anywhere; a person carries the token to Prometheus.
    #[default]
    Manual,
    /// The units of systemd; Prometheus is on the same machine.
    Systemd,
    /// The folder of Compose; Prometheus is in it.
    Compose,
    /// The chart or the manifests; Prometheus is in the same cluster.
    Kubernetes,
}

impl Setup {
    /// All of them, in the order of the page.
    pub const ALL: [Self; 4] = [Self::Manual, Self::Systemd, Self::Compose, Self::Kubernetes];

    /// The name in the page's HTML and URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Systemd => "systemd",
            Self::Compose => "compose",
            Self::Kubernetes => "kubernetes",
        }
    }

    /// The file from which Prometheus reads the token.
    #[must_use]
    pub const fn token_file(self) -> &'static str {
        match self {
            Self::Manual => "/etc/prometheus/playarr-token",
            Self::Systemd => "/run/playarr-metrics-token/token",
            Self::Compose => "/run/playarr-metrics/token",
            Self::Kubernetes => "/etc/prometheus/secrets/playarr-metrics-token/token",
        }
    }

    /// The file from which Prometheus reads the rules. One without a folder is beside the configuration.
    #[must_use]
    pub const fn rules_file(self) -> &'static str {
        match self {
            Self::Systemd => "/usr/share/playarr-metrics/playarr.rules.yml",
            Self::Manual | Self::Compose | Self::Kubernetes => "playarr.rules.yml",
        }
    }

    /// What puts the token into that file.
    #[must_use]
    pub const fn token_commands(self) -> &'static str {
        match self {
            Self::Manual => "sudo install -m 600 -o prometheus \\\n  /dev/stdin /etc/prometheus/playarr-token\n",
            Self::Systemd => "sudo systemctl enable --now playarr-metrics-token\n",
            Self::Compose => "docker compose up -d token\n",
            Self::Kubernetes => {
                "kubectl -n playarr create secret generic playarr-metrics-token --from-literal=token=\"$(\n  \
                 kubectl -n playarr exec deploy/playarr-metrics -- /usr/local/bin/playarr-metrics token)\"\n"
            }
        }
    }

    /// What Prometheus scrapes, for who found the service at this target.
    pub(super) fn target(self, found: &Target) -> Target {
        match self {
            Self::Manual | Self::Systemd => found.clone(),
            Self::Compose => found.directly_at("playarr-metrics:3000"),
            // The namespace of the commands; the service has the name of the release.
            Self::Kubernetes => found.directly_at("playarr-metrics.playarr:3000"),
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Manual => "Token in a file",
            Self::Systemd => "systemd",
            Self::Compose => "Compose",
            Self::Kubernetes => "Kubernetes",
        }
    }

    pub(super) const fn about(self) -> &'static str {
        match self {
            Self::Manual => {
                "For Prometheus 2.26 and later, on any machine. It reads the file at each scrape, so a new token needs \
                 no reload."
            }
            Self::Systemd => {
                "For the package or the units, with Prometheus on the same machine. A second unit writes the file, \
                 again after each new token."
            }
            Self::Compose => {
                "For the Prometheus in the folder of Compose. A second container writes the file, again after each new \
                 token."
            }
            Self::Kubernetes => {
                "For the chart or the manifests, in the namespace playarr. The Prometheus operator needs only the \
                 Secret; another Prometheus has it mounted at /etc/prometheus/secrets/playarr-metrics-token."
            }
        }
    }

    pub(super) const fn token_label(self) -> &'static str {
        match self {
            Self::Manual => "1. Run, paste the token, Enter, Ctrl+D",
            Self::Systemd => "1. Run once",
            Self::Compose => "1. Run in the folder of compose.yaml",
            Self::Kubernetes => "1. Run, again after each new token",
        }
    }
}
