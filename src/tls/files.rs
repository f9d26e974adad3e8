//! The files of TLS, and what is made of them.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};

use super::error::TlsError;
use crate::config::Config;

pub(super) const CERTIFICATE: &str = "TLS_CERT_FILE";
const KEY: &str = "TLS_KEY_FILE";
pub(super) const CLIENT_CA: &str = "TLS_CLIENT_CA_FILE";

/// The largest file, in bytes. A list of all public certificate authorities is a fifth of it.
const MAX_BYTES: u64 = 1 << 20;

/// Where the files are.
#[derive(Debug)]
pub(super) struct TlsFiles {
    pub(super) certificate: PathBuf,
    key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

/// What the files contain.
pub(super) struct TlsContents {
    pub(super) certificate: Vec<u8>,
    key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

/// Tells contents apart without keeping the private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentsDigest([u8; 32]);

impl TlsFiles {
    /// The files that the settings name; `None` without TLS.
    pub(super) fn of(config: &Config) -> Result<Option<Self>, TlsError> {
        let client_ca = config.tls_client_ca_file.clone();
        match (config.tls_cert_file.clone(), config.tls_key_file.clone()) {
            (Some(certificate), Some(key)) => Ok(Some(Self { certificate, key, client_ca })),
            (Some(_), None) => Err(TlsError::Incomplete { set: CERTIFICATE, unset: KEY }),
            (None, Some(_)) => Err(TlsError::Incomplete { set: KEY, unset: CERTIFICATE }),
            (None, None) if client_ca.is_some() => Err(TlsError::Incomplete { set: CLIENT_CA, unset: CERTIFICATE }),
            (None, None) => Ok(None),
        }
    }

    pub(super) fn read(&self) -> Result<TlsContents, TlsError> {
        Ok(TlsContents {
            certificate: read(CERTIFICATE, &self.certificate)?,
            key: read(KEY, &self.key)?,
            client_ca: self.client_ca.as_deref().map(|path| read(CLIENT_CA, path)).transpose()?,
        })
    }

    /// The configuration of rustls by these contents.
    pub(super) fn configuration(&self, contents: &TlsContents) -> Result<Arc<ServerConfig>, TlsError> {
        let unusable = |name, path: &Path, reason: String| TlsError::Unusable { name, path: path.to_owned(), reason };
        let certificates =
            certificates(&contents.certificate).map_err(|reason| unusable(CERTIFICATE, &self.certificate, reason))?;
        let key = PrivateKeyDer::from_pem_slice(&contents.key)
            .map_err(|error| unusable(KEY, &self.key, key_complaint(&error, &contents.key)))?;
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable(CERTIFICATE, &self.certificate, error.to_string()))?;
        let builder = match (&self.client_ca, &contents.client_ca) {
            (Some(path), Some(pem)) => {
                let roots = roots(pem).map_err(|reason| unusable(CLIENT_CA, path, reason))?;
                // A client without a certificate is let in: it may ask whether the service is well.
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|error| unusable(CLIENT_CA, path, error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut configuration = builder.with_single_cert(certificates, key).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::OtherKey { certificate: self.certificate.clone(), key: self.key.clone() }
            }
            Error::General(reason) => unusable(KEY, &self.key, reason),
            error => unusable(CERTIFICATE, &self.certificate, error.to_string()),
        })?;
        configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(configuration))
    }

    /// Whether clients need a certificate.
    pub(super) fn ask_clients(&self) -> bool {
        self.client_ca.is_some()
    }
}

impl TlsContents {
    pub(super) fn digest(&self) -> ContentsDigest {
        let mut digest = Sha256::new();
        for file in [&self.certificate, &self.key].into_iter().chain(&self.client_ca) {
            digest.update(file.len().to_le_bytes());
            digest.update(file);
        }
        ContentsDigest(digest.finalize().into())
    }
}

fn read(name: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut content = Vec::new();
    let opened = File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut content));
    opened.map_err(|error| TlsError::Unreadable { name, path: path.to_owned(), error })?;
    if content.len() as u64 > MAX_BYTES {
        let reason = format!("the file has more than {MAX_BYTES} bytes");
        return Err(TlsError::Unusable { name, path: path.to_owned(), reason });
    }
    Ok(content)
}

pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err("the file has no certificate; PEM is accepted, which begins with -----BEGIN CERTIFICATE-----"
                .to_owned())
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("the file is not valid PEM: {error}")),
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates(pem)?.into_iter().enumerate() {
        roots
            .add(certificate)
            .map_err(|error| format!("certificate {} of the file cannot be used: {error}", index + 1))?;
    }
    Ok(roots)
}

/// What is wrong with the file of a key. Never a part of the file.
fn key_complaint(error: &pem::Error, content: &[u8]) -> String {
    let is_encrypted = content.windows(9).any(|part| part == b"ENCRYPTED");
    match error {
        _ if is_encrypted => {
            "the key is encrypted; remove its passphrase with `openssl pkey -in FILE -out NEW_FILE`".to_owned()
        }
        pem::Error::NoItemsFound => {
            "the file has no private key; PEM is accepted, which begins with -----BEGIN PRIVATE KEY-----".to_owned()
        }
        _ => "the file is not valid PEM; it must begin with -----BEGIN PRIVATE KEY-----".to_owned(),
    }
}
