//! From when until when certificates are valid. rustls takes any: whether one has expired, the other end decides.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio_rustls::rustls::pki_types::CertificateDer;
use x509_parser::parse_x509_certificate;

use super::error::TlsError;
use super::files::{CERTIFICATE, CLIENT_CA, TlsFiles, certificates};
use crate::config::Config;

/// How long before its end a certificate should have been renewed, unless more than a third of its time is left then:
/// some authorities sign for a few days only.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A certificate that the other end of a connection refuses, or soon will.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ValidityError {
    /// The files cannot be read.
    #[error(transparent)]
    Files(#[from] TlsError),
    /// It is too late.
    #[error(
        "{name}={}: certificate {index} of the file expired at {until}, so connections fail; renew it",
        path.display()
    )]
    Expired { name: &'static str, path: PathBuf, index: usize, until: String },
    /// It will be too late.
    #[error(
        "{name}={}: certificate {index} of the file expires at {until}, in {days} days; renew it, and see why that \
         does not happen by itself",
        path.display()
    )]
    Soon { name: &'static str, path: PathBuf, index: usize, until: String, days: u64 },
    /// It is too early.
    #[error(
        "{name}={}: certificate {index} of the file is valid only from {from}; set the clock of this host right, or \
         take another certificate until then",
        path.display()
    )]
    Early { name: &'static str, path: PathBuf, index: usize, from: String },
}

/// Until when the files of TLS are valid, in RFC 3339; `None` without TLS.
///
/// # Errors
/// When a certificate that the service shows is not valid at this time or ends soon, or none of those who vouch for
/// clients goes on being valid.
pub(crate) fn valid_until(config: &Config, now: SystemTime) -> Result<Option<String>, ValidityError> {
    let Some(files) = TlsFiles::of(config)? else { return Ok(None) };
    let contents = files.read()?;
    let mut ends = None;
    for validity in validities(&contents.certificate) {
        validity.check(CERTIFICATE, &files.certificate, now)?;
        ends = Some(ends.map_or(validity.until, |earliest: SystemTime| earliest.min(validity.until)));
    }
    // Of several authorities one is enough.
    if let (Some(path), Some(pem)) = (&files.client_ca, &contents.client_ca)
        && let Some(last) = validities(pem).max_by_key(|validity| validity.until)
    {
        last.check(CLIENT_CA, path, now)?;
    }
    Ok(ends.map(shown))
}

/// The time of a certificate, which is the one at this place of its file, counted from 1.
struct Validity {
    index: usize,
    from: SystemTime,
    until: SystemTime,
}

impl Validity {
    fn of(index: usize, certificate: &CertificateDer<'_>) -> Option<Self> {
        // rustls took it, so a certificate that is not understood here is no finding.
        let (_, parsed) = parse_x509_certificate(certificate).ok()?;
        let time = |seconds: i64| {
            SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
        };
        let validity = parsed.validity();
        Some(Self { index, from: time(validity.not_before.timestamp())?, until: time(validity.not_after.timestamp())? })
    }

    fn check(&self, name: &'static str, path: &Path, now: SystemTime) -> Result<(), ValidityError> {
        let (index, path, until) = (self.index, path.to_owned(), shown(self.until));
        if now < self.from {
            return Err(ValidityError::Early { name, path, index, from: shown(self.from) });
        }
        let Ok(left) = self.until.duration_since(now) else {
            return Err(ValidityError::Expired { name, path, index, until });
        };
        let whole = self.until.duration_since(self.from).unwrap_or_default();
        if left < SOON && left < whole / 3 {
            let days = left.as_secs() / (24 * 60 * 60);
            return Err(ValidityError::Soon { name, path, index, until, days });
        }
        Ok(())
    }
}

fn validities(pem: &[u8]) -> impl Iterator<Item = Validity> {
    let certificates = certificates(pem).unwrap_or_default().into_iter();
    certificates.enumerate().filter_map(|(index, certificate)| Validity::of(index + 1, &certificate))
}

fn shown(time: SystemTime) -> String {
    // The last moment that RFC 3339 can write, for a certificate that has no end.
    let last = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    humantime::format_rfc3339_seconds(time.min(last)).to_string()
}
