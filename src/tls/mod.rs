//! TLS without a proxy: the certificate and its key, and the certificates of those who vouch for clients.
//!
//! The files are read again when they change, as certbot, cert-manager and others renew them, and on SIGHUP. New
//! connections have the new certificate, and those that are open go on with theirs. Files that cannot be used change
//! nothing: the ones before stay, and the log and a metric say so.

mod error;
mod files;
mod validity;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

pub use error::TlsError;
pub(crate) use validity::valid_until;

use crate::config::Config;
use files::{ContentsDigest, TlsContents, TlsFiles};

/// The time between looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What the service shows to those who connect, and whom it lets in.
pub(crate) struct Tls {
    files: TlsFiles,
    current: ArcSwap<ServerConfig>,
    /// Never held while files are read: each scrape looks at it, and a share may not answer.
    seen: Mutex<SeenFiles>,
}

/// What was found in the files.
struct SeenFiles {
    in_use: ContentsDigest,
    /// Set while the files are others than those in use, and cannot be used.
    refused: Option<Refused>,
}

/// Files that cannot be used.
#[derive(Clone, Copy)]
struct Refused {
    /// `None` where they cannot be read.
    digest: Option<ContentsDigest>,
    /// Whether the log has said so.
    is_told: bool,
}

impl Tls {
    /// TLS as the settings say, with the files as they are; `None` without it.
    ///
    /// # Errors
    /// When a setting is missing, or a file cannot be read or used.
    pub(crate) fn new(config: &Config) -> Result<Option<Arc<Self>>, TlsError> {
        let Some(files) = TlsFiles::of(config)? else { return Ok(None) };
        let contents = files.read()?;
        let current = ArcSwap::new(files.configuration(&contents)?);
        let seen = Mutex::new(SeenFiles { in_use: contents.digest(), refused: None });
        Ok(Some(Arc::new(Self { files, current, seen })))
    }

    /// The handshake of a new connection. It has no time limit of its own.
    ///
    /// # Errors
    /// When the other end speaks no TLS that is accepted, sends a certificate that nobody vouches for, or goes away.
    pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        TlsAcceptor::from(self.current.load_full()).accept(stream).await
    }

    /// Whether clients need a certificate.
    pub(crate) fn asks_clients(&self) -> bool {
        self.files.ask_clients()
    }

    /// Whether what the files contain is what is in use.
    pub(crate) fn is_current(&self) -> bool {
        self.seen.lock().refused.is_none()
    }

    /// Reads the files again. Returns whether they are others than before.
    ///
    /// # Errors
    /// When they cannot be read or used; then what was used before is used on.
    pub(crate) fn reload(&self) -> Result<bool, TlsError> {
        let read = self.files.read();
        let mut seen = self.seen.lock();
        let outcome = self.take(read, &mut seen);
        if let Some(refused) = &mut seen.refused {
            // Whoever asked is told.
            refused.is_told = true;
        }
        outcome
    }

    /// Reads the files again whenever they change, for ever.
    pub(crate) async fn watch(self: &Arc<Self>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let tls = self.clone();
            // A file on a share that does not answer keeps nothing else waiting. A panic was logged by the hook.
            let _ = spawn_blocking(move || tls.look()).await;
        }
    }

    /// Reads the files and uses them if they are others than before. Complains of files that cannot be used at the
    /// second look: whoever replaces certificate and key one after the other has both in place by then.
    fn look(&self) {
        let read = self.files.read();
        let mut seen = self.seen.lock();
        let before = seen.refused;
        match self.take(read, &mut seen) {
            Ok(true) => tracing::info!("the files of TLS have changed: new connections have the new certificate"),
            Ok(false) if before.is_some_and(|before| before.is_told) => {
                tracing::info!("the files of TLS are those in use again");
            }
            Ok(false) => {}
            Err(error) => {
                let is_second =
                    before.is_some_and(|before| seen.refused.is_some_and(|now| now.digest == before.digest));
                if let Some(refused) = seen.refused.as_mut().filter(|refused| is_second && !refused.is_told) {
                    refused.is_told = true;
                    tracing::warn!("the files of TLS have changed and cannot be used, so those before stay: {error}");
                }
            }
        }
    }

    /// Uses what was read, if it is other than before.
    fn take(&self, read: Result<TlsContents, TlsError>, seen: &mut SeenFiles) -> Result<bool, TlsError> {
        let digest = read.as_ref().ok().map(TlsContents::digest);
        if digest == Some(seen.in_use) {
            seen.refused = None;
            return Ok(false);
        }
        match read.and_then(|contents| self.files.configuration(&contents)) {
            Ok(configuration) => {
                self.current.store(configuration);
                seen.in_use = digest.unwrap_or(seen.in_use);
                seen.refused = None;
                Ok(true)
            }
            Err(error) => {
                let is_told = seen.refused.is_some_and(|before| before.digest == digest && before.is_told);
                seen.refused = Some(Refused { digest, is_told });
                Err(error)
            }
        }
    }
}
