//! `healthcheck`: asks the service on this host whether it is alive or ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use ureq::tls::TlsConfig;

use super::error::CommandError;
use crate::config::Config;

pub(super) fn healthcheck(config: &Config, what: &str) -> Result<(), CommandError> {
    let mut address = config.address();
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    let scheme = if config.tls_cert_file.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{address}{}/-/{what}", config.base_path.as_str());
    // The certificate names the service as others reach it, not this address. Nothing secret is sent.
    let tls = TlsConfig::builder().disable_verification(true).build();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .proxy(None)
        .tls_config(tls)
        .build()
        .into();
    match agent.get(&url).call() {
        Ok(_) => Ok(()),
        Err(error) => Err(CommandError::Unhealthy { url, error }),
    }
}
