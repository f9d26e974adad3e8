//! A service with TLS, and clients that trust it.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::certificates::{Authority, Identity};
use super::library::fixtures;
use super::service::{Builder, Service};
use super::until;

/// The files of a service with TLS, and who vouches for it.
pub(crate) struct Files {
    directory: TempDir,
    pub(crate) authority: Authority,
}

impl Files {
    pub(crate) fn new() -> Self {
        let files = Self { directory: tempfile::tempdir().unwrap(), authority: Authority::new("of services") };
        files.renew();
        files
    }

    /// Gives the service another certificate, as a program that renews them does: a file after the other.
    pub(crate) fn renew(&self) -> Identity {
        let identity = self.authority.service();
        self.write("cert.pem", &identity.certificate);
        self.write("key.pem", &identity.key);
        identity
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.directory.path().join(name), text).unwrap();
        self.path(name)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn service(&self) -> Builder {
        let service = Service::with(fixtures());
        service.setting("TLS_CERT_FILE", &self.path("cert.pem")).setting("TLS_KEY_FILE", &self.path("key.pem"))
    }
}

/// A client that trusts an authority and shows a certificate, if it has one. Each request is a connection of its own.
pub(crate) struct Secure(ureq::Agent);

/// The status and the body of an answer, and its cookie.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) cookie: String,
}

impl Secure {
    pub(crate) fn new(trusted: &Authority, shown: Option<&Identity>) -> Self {
        let root = Certificate::from_pem(trusted.certificate().as_bytes()).unwrap();
        let shown = shown.map(|shown| {
            let certificate = Certificate::from_pem(shown.certificate.as_bytes()).unwrap();
            ClientCert::new_with_certs(&[certificate], PrivateKey::from_pem(shown.key.as_bytes()).unwrap())
        });
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[root])).client_cert(shown).build();
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false).max_idle_connections(0);
        Self(config.timeout_global(Some(Duration::from_secs(20))).tls_config(tls).build().into())
    }

    pub(crate) async fn get(&self, url: &str, token: &str) -> Result<Answer, ureq::Error> {
        let request = self.0.get(url).header("Authorization", format!("Bearer {token}"));
        tokio::task::spawn_blocking(move || Answer::of(request.call()?)).await.unwrap()
    }

    /// As the admin of the fixtures.
    #[cfg(feature = "system-tests")]
    pub(crate) async fn get_as_admin(&self, url: &str) -> Answer {
        let request = self.0.get(url).header("X-API-Key", "admin001");
        tokio::task::spawn_blocking(move || Answer::of(request.call()?)).await.unwrap().unwrap()
    }

    pub(crate) async fn post(&self, url: &str, body: String) -> Answer {
        let request = self.0.post(url).content_type("application/json");
        tokio::task::spawn_blocking(move || Answer::of(request.send(body)?)).await.unwrap().unwrap()
    }

    pub(crate) async fn until_it_is_well(&self, url: &str) {
        until("it is ready", Duration::from_secs(60), || async {
            self.get(&format!("{url}/-/ready"), "").await.is_ok_and(|answer| answer.status == 200)
        })
        .await;
    }
}

impl Answer {
    fn of(mut answer: warp::http::Response<ureq::Body>) -> Result<Self, ureq::Error> {
        let cookie = answer.headers().get("set-cookie").map(|cookie| cookie.to_str().unwrap().to_owned());
        let (status, body) = (answer.status().as_u16(), answer.body_mut().read_to_string()?);
        Ok(Self { status, body, cookie: cookie.unwrap_or_default() })
    }
}

/// The address of a service, as a URL of TLS.
pub(crate) fn https(service: &Service) -> String {
    service.url.replacen("http://", "https://", 1)
}

/// What makes connections to whoever an authority vouches for.
pub(crate) fn connector(trusted: &Authority) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(trusted.certificate().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The name by which services are asked for.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Speaks TLS with a service for clients that speak plain HTTP: a connection to the service for each of theirs.
pub(crate) struct Tunnel {
    address: String,
    _tasks: JoinSet<()>,
}

impl Tunnel {
    /// Listens on a port of its own, for a service at this address.
    pub(crate) async fn to(service: &str, trusted: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connector, service, mut tasks) = (connector(trusted), service.to_owned(), JoinSet::new());
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (connector, service) = (connector.clone(), service.clone());
                connections.spawn(async move {
                    let Ok(socket) = TcpStream::connect(service).await else { return };
                    let Ok(mut service) = connector.connect(server_name(), socket).await else { return };
                    let _ = copy_bidirectional(&mut client, &mut service).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, _tasks: tasks }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}
