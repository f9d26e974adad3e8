//! What `serve` needs of this host: its address, open files, and the files that settings name.

use std::time::SystemTime;

use tokio::task::spawn_blocking;

use super::report::Findings;
use crate::app::connection_limits;
use crate::commands::healthcheck::healthcheck;
use crate::config::Config;
use crate::connections::open_files;
use crate::custom::CustomFile;
use crate::serve::listen;
use crate::tls::{Tls, valid_until};

pub(super) async fn check(config: &Config, findings: &mut Findings) {
    findings.of("port", port(config).await);
    findings.ok("base path", format!("everything is served below {}/", config.base_path.as_str()));
    findings.of("open files", files(config));
    findings.of("TLS files", tls(config));
    findings.of("custom metrics file", custom_metrics(config));
}

/// An address that the service itself listens on is as good as a free one: `doctor` may run beside it.
async fn port(config: &Config) -> Result<String, String> {
    let address = config.address();
    let refused = match listen(config).await {
        Ok(_) => return Ok(format!("{address} is free")),
        Err(error) => error.to_string(),
    };
    let asked = config.clone();
    let answer = spawn_blocking(move || healthcheck(&asked, "healthy")).await;
    if matches!(answer, Ok(Ok(()))) { Ok(format!("a service answers at {address} already")) } else { Err(refused) }
}

fn files(config: &Config) -> Result<String, String> {
    let (wanted, limits, files) = (config.max_connections, connection_limits(config), open_files());
    if limits.total < wanted {
        return Err(format!(
            "the process may open {files} files, which is enough for {} connections and not for \
             MAX_CONNECTIONS={wanted}; raise the limit (ulimit -n, LimitNOFILE of systemd, ulimits of Compose) or \
             lower MAX_CONNECTIONS",
            limits.total
        ));
    }
    Ok(format!("{files} are enough for MAX_CONNECTIONS={wanted}"))
}

fn tls(config: &Config) -> Result<String, String> {
    Tls::new(config).map_err(|error| error.to_string())?;
    let until = valid_until(config, SystemTime::now()).map_err(|error| error.to_string())?;
    Ok(match until {
        Some(until) => format!("they can be used, until {until}"),
        None => "none are set; the service speaks http".to_owned(),
    })
}

fn custom_metrics(config: &Config) -> Result<String, String> {
    let Some(path) = &config.custom_metrics_file else { return Ok("none is set".to_owned()) };
    let file = CustomFile::read(path).map_err(|error| format!("CUSTOM_METRICS_FILE={error}"))?;
    Ok(format!("it has {} metrics", file.metrics.len()))
}
