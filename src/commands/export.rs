//! `export`: writes series of a running service.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};

use super::collect::{SeriesArguments, selectors};
use super::destination::Destination;
use super::error::CommandError;
use crate::config::{Secret, read_web_address};
use crate::explore::ExportFormat;

/// The time for the connection, and the time until the answer begins.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// The most bytes of a token's file or of an error that are read.
const MAX_SMALL: u64 = 64 << 10;

/// Asks a running service for series and writes them.
///
/// # Errors
/// When the service cannot be reached or refuses, when a selector cannot be read, or a file not be read or written.
pub(super) fn export(
    url: &str,
    token_file: &Path,
    ca_file: Option<&Path>,
    arguments: &SeriesArguments,
) -> Result<(), CommandError> {
    // A mistake in a selector is found before anything is sent.
    selectors(&arguments.selectors)?;
    let url = read_web_address("--url", url)?;
    let token = token(token_file)?;
    let format: &str = arguments.format.unwrap_or(ExportFormat::Json).into();
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let matches: String = arguments.selectors.iter().map(|text| format!("&match[]={}", encoded(text))).collect();
    let asked = format!("{url}/api/metrics/export?format={format}{matches}");
    let failed = |reason: String| CommandError::Export { url: url.clone(), reason };
    let mut tls = TlsConfig::builder();
    if let Some(file) = ca_file {
        tls = tls.root_certs(certificates(file)?);
    }
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(TIME_LIMIT))
        .timeout_recv_response(Some(TIME_LIMIT))
        .http_status_as_error(false)
        .max_redirects(0)
        .tls_config(tls.build())
        .build()
        .into();
    let answer = agent.get(&asked).header("Authorization", format!("Bearer {}", token.reveal())).call();
    let mut answer = answer.map_err(|error| failed(error.to_string()))?;
    let status = answer.status();
    let mut body = answer.body_mut().as_reader();
    if !status.is_success() {
        let mut text = String::new();
        // What cannot be read says nothing.
        let _ = body.take(MAX_SMALL).read_to_string(&mut text);
        let error = serde_json::from_str::<serde_json::Value>(&text).ok();
        let error = error.and_then(|error| Some(error.get("error")?.as_str()?.to_owned()));
        return Err(failed(error.unwrap_or_else(|| format!("the service answered {status}"))));
    }
    let mut destination = Destination::new(arguments.output.as_deref())?;
    let mut part = vec![0; 64 << 10];
    loop {
        let length = body.read(&mut part).map_err(|error| failed(format!("the answer was broken off: {error}")))?;
        if length == 0 || !destination.write(&part[..length])? {
            return destination.finish();
        }
    }
}

fn token(file: &Path) -> Result<Secret, CommandError> {
    let unreadable = |error| CommandError::InputFile { path: file.to_owned(), error };
    let mut text = String::new();
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    opened.take(MAX_SMALL).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text.trim().to_owned().into())
}

fn certificates(file: &Path) -> Result<RootCerts, CommandError> {
    let pem = std::fs::read(file).map_err(|error| CommandError::InputFile { path: file.to_owned(), error })?;
    let items = ureq::tls::parse_pem(&pem).collect::<Result<Vec<_>, _>>();
    let certificates: Vec<Certificate<'static>> = items
        .unwrap_or_default()
        .into_iter()
        .filter_map(|item| match item {
            PemItem::Certificate(certificate) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(CommandError::NoCertificate(PathBuf::from(file)));
    }
    Ok(RootCerts::new_with_certs(&certificates))
}
