//! The Prometheus configurations that the page offers for copying.

use super::target::Target;
use super::tokens::MASK;

const FILE: &str = "In prometheus.yml";
const TOKEN_FILE: &str = "/etc/prometheus/playarr-token";

/// One way to configure Prometheus.
#[derive(Debug)]
pub struct Configuration {
    /// Its name in the page's HTML and URL.
    pub id: &'static str,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
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
    let file = |lines: &str| format!("{}{lines}{}", head(target), tail(target));
    let inline = |lines: &str| Block {
        label: FILE,
        before: format!("{}{lines}", head(target)),
        has_token: true,
        after: format!("\n{}", tail(target)),
    };
    vec![
        Configuration {
            id: "credentials-file",
            title: "Token in a file",
            about: "For Prometheus 2.26 and later. It reads the file at each scrape, so a new token needs no reload.",
            blocks: vec![
                Block::plain(
                    "1. Run, paste the token, Enter, Ctrl+D",
                    format!("sudo install -m 600 -o prometheus \\\n  /dev/stdin {TOKEN_FILE}\n"),
                ),
                Block::plain(
                    "2. Add to prometheus.yml",
                    file(&format!("    authorization:\n      type: Bearer\n      credentials_file: {TOKEN_FILE}\n")),
                ),
            ],
        },
        Configuration {
            id: "credentials",
            title: "Token in the configuration",
            about: "For Prometheus 2.26 and later. Everybody who can read prometheus.yml has the token.",
            blocks: vec![inline("    authorization:\n      type: Bearer\n      credentials: ")],
        },
        Configuration {
            id: "bearer-token-file",
            title: "Older form, token in a file",
            about: "For Prometheus before 2.26. Later versions still accept it.",
            blocks: vec![Block::plain(FILE, file(&format!("    bearer_token_file: {TOKEN_FILE}\n")))],
        },
        Configuration {
            id: "bearer-token",
            title: "Older form, token in the configuration",
            about: "For Prometheus before 2.26. Later versions still accept it.",
            blocks: vec![inline("    bearer_token: ")],
        },
    ]
}

fn head(target: &Target) -> String {
    let scheme = if target.https { "    scheme: https\n" } else { "" };
    let path = target.path_line();
    format!("scrape_configs:\n  - job_name: playarr\n    scrape_interval: 30s\n{scheme}{path}")
}

fn tail(target: &Target) -> String {
    format!("    static_configs:\n      - targets: [\"{}\"]\n", target.address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_modern_form_with_a_file_comes_first_and_holds_no_token() {
        let target = Target::of(Some("metrics.example"), true);
        let configurations = configurations(&target);
        let first = &configurations[0].blocks[1];
        assert_eq!(
            first.with("secret"),
            "\
scrape_configs:
  - job_name: playarr
    scrape_interval: 30s
    scheme: https
    authorization:
      type: Bearer
      credentials_file: /etc/prometheus/playarr-token
    static_configs:
      - targets: [\"metrics.example:443\"]
"
        );
        let ids: Vec<_> = configurations.iter().map(|configuration| configuration.id).collect();
        assert_eq!(ids, ["credentials-file", "credentials", "bearer-token-file", "bearer-token"]);
    }

    #[test]
    fn inline_forms_have_the_token_where_it_belongs() {
        let configurations = configurations(&Target::of(Some("metrics.example:3000"), false));
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
