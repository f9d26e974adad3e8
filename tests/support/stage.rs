//! What stands between a browser and the service: nothing, or nginx with TLS that shares its host name below a path.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use playarr_metrics::config::Config;
use playarr_metrics::web::{Encryption, Target};
use reqwest::Url;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::certificates::Authority;
use super::program::free_address;
use super::until;

/// How a browser reaches the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Direct,
    BehindNginx,
}

impl Stage {
    /// The path below which everything is.
    pub(crate) const fn base(self) -> &'static str {
        match self {
            Self::Direct => "",
            Self::BehindNginx => "/playarr-metrics",
        }
    }

    /// What Prometheus is to scrape where a browser finds the service at this address.
    pub(crate) fn target(self, url: &str) -> Target {
        let url = Url::parse(url).unwrap();
        let host = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let set = |name: &str| (name == "BASE_PATH" && self != Self::Direct).then(|| self.base().to_owned());
        let encryption = if url.scheme() == "https" { Encryption::Proxy } else { Encryption::None };
        Target::of(Some(&host), encryption, Encryption::None).below(&Config::read(set).unwrap().base_path)
    }
}

/// A running nginx, configured as the documentation says.
pub(crate) struct Nginx {
    /// Its address, without a path.
    pub(crate) url: String,
    _directory: TempDir,
    _child: Child,
}

impl Nginx {
    /// Starts one before the service at this address.
    pub(crate) async fn before(service: &str) -> Self {
        let (directory, address) = (tempfile::tempdir().unwrap(), free_address().await);
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let identity = Authority::new("of a proxy").service();
        std::fs::write(path("cert.pem"), identity.certificate).unwrap();
        std::fs::write(path("key.pem"), identity.key).unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {};\n", path(kind)))
            .concat();
        // One process, so that nothing is left when it is killed: workers outlive a master that cannot tell them.
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {};\nevents {{}}\nhttp {{\n{temporary}    access_log off;\n    \
             server {{\n    listen {address} ssl;\n    ssl_certificate {};\n    ssl_certificate_key {};\n{}}}\n}}\n",
            path("pid"),
            path("cert.pem"),
            path("key.pem"),
            documented().replace("http://127.0.0.1:3000", service),
        );
        std::fs::write(path("nginx.conf"), configuration).unwrap();
        let child = Command::new("nginx")
            .args(["-e", "stderr", "-c", &path("nginx.conf")])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("nginx is needed for the system tests: {error}"));
        until("nginx listens", Duration::from_secs(20), || async { TcpStream::connect(&address).await.is_ok() }).await;
        Self { url: format!("https://{address}"), _directory: directory, _child: child }
    }
}

/// The snippet of the documentation for a service below a path.
fn documented() -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reverse-proxy.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, below_a_path) = page.split_once("## Below a path").unwrap();
    let (_, snippet) = below_a_path.split_once("```nginx\n").unwrap();
    snippet.split_once("```").unwrap().0.to_owned()
}
