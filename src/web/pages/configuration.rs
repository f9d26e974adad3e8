//! The Prometheus configurations that the page offers for copying.

use super::prometheus_yml::{job, token_in};
use super::setup::Setup;
use super::target::Target;
use super::tokens::MASK;

const FILE: &str = "In prometheus.yml";

/// One way to configure Prometheus.
#[derive(Debug)]
pub struct Configuration {
    /// Its name in the page's HTML and URL.
    pub id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
    /// For which installation there is a whole file.
    pub(super) setup: Option<Setup>,
    /// The texts to copy, in order.
    pub blocks: Vec<Block>,
}

/// A text to copy. It does not contain the token: the page inserts that on request.
#[derive(Debug)]
pub struct Block {
    pub(super) label: &'static str,
    pub(super) before: String,
    /// Whether the token stands between `before` and `after`.
    pub(super) has_token: bool,
    pub(super) after: String,
}

impl Configuration {
    /// The name in the page's HTML of the block at this position, counted from 1.
    pub(super) fn block_id(&self, position: usize) -> String {
        format!("{}-{position}", self.id)
    }
}

impl Block {
    /// The whole text, with `token` where the token belongs.
    #[must_use]
    pub fn with(&self, token: &str) -> String {
        let token = if self.has_token { token } else { "" };
        format!("{}{token}{}", self.before, self.after)
    }

    pub(super) fn mask(&self) -> &'static str {
        MASK
    }

    fn plain(label: &'static str, text: String) -> Self {
        Self { label, before: text, has_token: false, after: String::new() }
    }
}

/// Every way to scrape this target, the best first.
#[must_use]
pub fn configurations(target: &Target) -> Vec<Configuration> {
    let job = job(target);
    let inline = |lines: &str| Block {
        label: FILE,
        before: format!("{}{lines}", job.before),
        has_token: true,
        after: format!("\n{}", job.after),
    };
    let older = Block::plain(
        FILE,
        format!("{}    bearer_token_file: {}\n{}", job.before, Setup::Manual.token_file(), job.after),
    );
    let others = [
        Configuration {
            id: "credentials",
            title: "Token in the configuration",
            about: "For Prometheus 2.26 and later. Everybody who can read prometheus.yml has the token.",
            setup: None,
            blocks: vec![inline("    authorization:\n      type: Bearer\n      credentials: ")],
        },
        Configuration {
            id: "bearer-token-file",
            title: "Older form, token in a file",
            about: "For Prometheus before 2.26. Later versions still accept it.",
            setup: None,
            blocks: vec![older],
        },
        Configuration {
            id: "bearer-token",
            title: "Older form, token in the configuration",
            about: "For Prometheus before 2.26. Later versions still accept it.",
            setup: None,
            blocks: vec![inline("    bearer_token: ")],
        },
    ];
    Setup::ALL.into_iter().map(|setup| in_a_file(setup, target)).chain(others).collect()
}

/// How Prometheus gets the token as a file in an installation, and what it is to be told.
fn in_a_file(setup: Setup, found: &Target) -> Configuration {
    let job = job(&setup.target(found));
    let lines = format!("{}{}{}", job.before, token_in(setup.token_file()), job.after);
    Configuration {
        id: setup.as_str(),
        title: setup.title(),
        about: setup.about(),
        setup: Some(setup),
        blocks: vec![
            Block::plain(setup.token_label(), setup.token_commands().to_owned()),
            Block::plain("2. Add to prometheus.yml", lines),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::Encryption;

    #[test]
    fn the_modern_form_with_a_file_comes_first_and_holds_no_token() {
        let target = Target::of(Some("metrics.example"), Encryption::Proxy, Encryption::None);
        let configurations = configurations(&target);
        let first = &configurations[0].blocks[1];
        assert_eq!(
            first.with("secret"),
            "\
scrape_configs:
  - job_name: playarr
    scrape_interval: 30s
    scheme: https
    # If it is no public authority that vouches for the certificate, remove the #:
    # tls_config:
    #   ca_file: playarr-ca.pem
    authorization:
      type: Bearer
      credentials_file: /etc/prometheus/playarr-token
    static_configs:
      - targets: [\"metrics.example:443\"]
"
        );
        let ids: Vec<_> = configurations.iter().map(|configuration| configuration.id).collect();
        let older = ["credentials", "bearer-token-file", "bearer-token"];
        assert_eq!(ids, [&["manual", "systemd", "compose", "kubernetes"], &older[..]].concat());
    }

    #[test]
    fn inline_forms_have_the_token_where_it_belongs() {
        let configurations =
            configurations(&Target::of(Some("metrics.example:3000"), Encryption::None, Encryption::None));
        let inline: Vec<_> = configurations
            .iter()
            .flat_map(|configuration| &configuration.blocks)
            .filter(|block| block.has_token)
            .map(|block| block.with("t0k3n"))
            .collect();
        assert_eq!(inline.len(), 2);
        assert!(inline[0].contains("      credentials: t0k3n\n    static_configs:"), "{}", inline[0]);
        assert!(inline[1].contains("    bearer_token: t0k3n\n    static_configs:"), "{}", inline[1]);
    }
}
