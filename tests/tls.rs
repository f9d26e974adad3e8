//! TLS without a proxy: certificates that are renewed, clients that need one, and what is wrong with files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::support::certificates::{Authority, Identity};
use crate::support::library::{fixtures, load};
use crate::support::program::{Log, complaint, free_address, program, run, signal};
#[cfg(feature = "system-tests")]
use crate::support::prometheus::Prometheus;
use crate::support::secure::{Files, Secure, connector, https, server_name};
use crate::support::service::metrics_token;
use crate::support::until;

/// The certificate that a service shows.
async fn shown(url: &str, trusted: &Authority) -> CertificateDer<'static> {
    let socket = TcpStream::connect(url.strip_prefix("https://").unwrap()).await.unwrap();
    let stream = connector(trusted).connect(server_name(), socket).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

fn der(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_served_over_tls_and_plain_http_is_told_so() {
    let files = Files::new();
    let service = files.service().start().await;
    let (url, client) = (https(&service), Secure::new(&files.authority, None));
    client.until_it_is_well(&url).await;
    let scrape = client.get(&format!("{url}/metrics"), &service.token().await).await.unwrap();
    assert!(scrape.status == 200 && scrape.body.contains("playarr_main_titles_count"), "{}", scrape.body);
    assert!(scrape.body.contains("\nplayarr_metrics_tls_files_in_use 1\n"), "{}", scrape.body);

    let login = json!({ "username": "admin", "password": "admin-password" }).to_string();
    let login = client.post(&format!("{url}/api/auth/login"), login).await;
    assert!(login.status == 200 && login.cookie.contains("; Secure"), "{} {}", login.status, login.cookie);

    let mut plain = TcpStream::connect(url.strip_prefix("https://").unwrap()).await.unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    // The rest of the request, which nobody reads, may end the connection the hard way.
    let _ = plain.read_to_string(&mut answer).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.contains("HTTPS only"), "{answer}");
    let untrusting = Secure::new(&Authority::new("of others"), None);
    assert!(untrusting.get(&format!("{url}/-/healthy"), "").await.is_err());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_certificate_is_shown_soon_and_no_scrape_fails_meanwhile() {
    let files = Files::new();
    let service = files.service().start().await;
    let (url, client) = (https(&service), Secure::new(&files.authority, None));
    client.until_it_is_well(&url).await;
    let (done, scrapes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let scraping = tokio::spawn({
        let (done, scrapes, token) = (done.clone(), scrapes.clone(), service.token().await);
        let scraped = format!("{url}/metrics");
        async move {
            while !done.load(Relaxed) {
                assert_eq!(client.get(&scraped, &token).await.unwrap().status, 200);
                scrapes.fetch_add(1, Relaxed);
            }
        }
    });
    for _ in 0..3 {
        let (new, before) = (files.renew(), scrapes.load(Relaxed));
        until("the new certificate is shown", Duration::from_secs(20), || async {
            shown(&url, &files.authority).await == der(&new)
        })
        .await;
        until("it is scraped", Duration::from_secs(20), || async { scrapes.load(Relaxed) > before }).await;
    }
    done.store(true, Relaxed);
    scraping.await.unwrap();
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_shows_no_certificate_learns_only_that_the_service_is_well() {
    let (files, clients) = (Files::new(), Authority::new("of clients"));
    let client_ca = files.write("clients.pem", &clients.certificate());
    let service = files.service().setting("TLS_CLIENT_CA_FILE", &client_ca).start().await;
    let (url, token) = (https(&service), service.token().await);
    let without = Secure::new(&files.authority, None);
    without.until_it_is_well(&url).await;
    for path in ["/metrics", "/login", "/assets/app.css", "/", "/-/healthy/x", "/unknown"] {
        let answer = without.get(&format!("{url}{path}"), &token).await.unwrap();
        assert!(answer.status == 403 && answer.body.contains("TLS_CLIENT_CA_FILE"), "{path}: {}", answer.body);
    }
    let address = url.strip_prefix("https://").unwrap();
    let settings = [("LISTEN_ADDRESS", address), ("TLS_CERT_FILE", &files.path("cert.pem"))];
    let output = run(&settings, &["healthcheck", "--ready"]).await;
    assert!(output.status.success(), "{}", complaint(&output));

    let known = Secure::new(&files.authority, Some(&clients.client()));
    assert_eq!(known.get(&format!("{url}/metrics"), &token).await.unwrap().status, 200);
    assert_eq!(known.get(&format!("{url}/metrics"), "wrong").await.unwrap().status, 401, "the token is needed as well");
    let unknown = Secure::new(&files.authority, Some(&Authority::new("of others").client()));
    assert!(unknown.get(&format!("{url}/-/healthy"), "").await.is_err());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_cannot_be_used_leave_those_before_in_use_and_are_told() {
    let files = Files::new();
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    load(&connected, &fixtures()).await.unwrap();
    let (address, cert, key) = (free_address().await, files.path("cert.pem"), files.path("key.pem"));
    let settings = [
        ("MONGODB_URI", database.uri()),
        ("MONGODB_DB_NAME", database.name()),
        ("LISTEN_ADDRESS", &*address),
        ("LOG_FORMAT", "json"),
        ("TLS_CERT_FILE", &*cert),
        ("TLS_KEY_FILE", &*key),
    ];
    let mut child = program(&settings, &["serve"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let log = Log::follow(&mut child);
    let (url, client) = (format!("https://{address}"), Secure::new(&files.authority, None));
    client.until_it_is_well(&url).await;
    let (token, scraped) = (metrics_token(&connected).await, format!("{url}/metrics"));
    let in_use = |value: u8| {
        let (client, scraped, token) = (&client, &scraped, &token);
        async move {
            let expected = format!("\nplayarr_metrics_tls_files_in_use {value}\n");
            until(&expected, Duration::from_secs(20), || async {
                client.get(scraped, token).await.unwrap().body.contains(&expected)
            })
            .await;
        }
    };
    let says = |level: &'static str, text: &'static str| {
        let log = &log;
        async move {
            let said = || log.messages(level).iter().any(|message| message.contains(text));
            until(text, Duration::from_secs(20), || async { said() }).await;
        }
    };
    let before = shown(&url, &files.authority).await;

    files.write("key.pem", &files.authority.service().key);
    says("WARN", "the key does not belong to the first certificate").await;
    in_use(0).await;
    signal(&child, "HUP").await;
    says("INFO", "SIGHUP: the files of TLS that are in use stay: TLS_KEY_FILE=").await;
    assert_eq!(shown(&url, &files.authority).await, before);
    let warned = || log.messages("WARN").iter().filter(|message| message.contains("files of TLS")).count();
    assert_eq!(warned(), 1, "said once");

    let new = files.renew();
    signal(&child, "HUP").await;
    in_use(1).await;
    assert_eq!(shown(&url, &files.authority).await, der(&new));
    std::fs::remove_file(&cert).unwrap();
    says("WARN", "cert.pem: the file cannot be read").await;
    in_use(0).await;
    files.write("cert.pem", &new.certificate);
    says("INFO", "the files of TLS are those in use again").await;
    in_use(1).await;
    signal(&child, "TERM").await;
    assert!(tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap().success());
}

/// A pipe that nobody writes to does not answer, as a file on a share whose server is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_do_not_answer_hold_up_no_scrape_and_no_end() {
    let files = Files::new();
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    load(&connected, &fixtures()).await.unwrap();
    let (address, cert, key) = (free_address().await, files.path("cert.pem"), files.path("key.pem"));
    let custom = files.write("custom.yaml", "metrics: []\n");
    let settings = [
        ("MONGODB_URI", database.uri()),
        ("MONGODB_DB_NAME", database.name()),
        ("LISTEN_ADDRESS", &*address),
        ("TLS_CERT_FILE", &*cert),
        ("TLS_KEY_FILE", &*key),
        ("CUSTOM_METRICS_FILE", &*custom),
        // With one thread, none may be kept waiting by a file.
        ("TOKIO_WORKER_THREADS", "1"),
    ];
    let mut child = program(&settings, &["serve"]).spawn().unwrap();
    let (url, client) = (format!("https://{address}"), Secure::new(&files.authority, None));
    client.until_it_is_well(&url).await;
    let (token, scraped) = (metrics_token(&connected).await, format!("{url}/metrics"));
    for file in [&cert, &custom] {
        std::fs::remove_file(file).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
    }
    let is_answered = async || client.get(&scraped, &token).await.is_ok_and(|answer| answer.status == 200);
    // The service looks at the one every 2 s, and at the other every 4 s.
    let looked = Instant::now() + Duration::from_secs(6);
    while Instant::now() < looked {
        assert!(is_answered().await);
    }
    signal(&child, "HUP").await;
    assert!(is_answered().await);
    signal(&child, "TERM").await;
    assert!(tokio::time::timeout(Duration::from_secs(20), child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_the_files_is_said_at_start() {
    let files = Files::new();
    let (cert, key) = (&*files.path("cert.pem"), &*files.path("key.pem"));
    let other = files.write("other.pem", &files.authority.service().key);
    let empty = files.write("empty.pem", "");
    let missing = files.path("missing.pem");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let encrypted = files.write("encrypted.pem", encrypted);
    let broken = files.write("broken.pem", "-----BEGIN PRIVATE KEY-----\n*hunter2*\n");
    for (cert, key, client_ca, expected) in [
        (cert, "", "", "TLS_CERT_FILE is set and TLS_KEY_FILE is not: set both"),
        ("", key, "", "TLS_KEY_FILE is set and TLS_CERT_FILE is not: set both"),
        ("", "", cert, "TLS_CLIENT_CA_FILE is set and TLS_CERT_FILE is not: set both"),
        (&*missing, key, "", "missing.pem: the file cannot be read: No such file"),
        (&*empty, key, "", "TLS_CERT_FILE="),
        (&*empty, key, "", "empty.pem: the file has no certificate"),
        (cert, &*empty, "", "empty.pem: the file has no private key"),
        (cert, &*encrypted, "", "encrypted.pem: the key is encrypted; remove its passphrase"),
        (cert, &*broken, "", "broken.pem: the file is not valid PEM"),
        (cert, &*other, "", "other.pem: the key does not belong to the first certificate of TLS_CERT_FILE="),
        (cert, key, &*empty, "TLS_CLIENT_CA_FILE="),
        (cert, key, &*missing, "TLS_CLIENT_CA_FILE="),
    ] {
        let settings = [
            ("MONGODB_URI", "mongodb://127.0.0.1:1"),
            ("LISTEN_ADDRESS", "127.0.0.1:0"),
            ("LOG_LEVEL", "off"),
            ("TLS_CERT_FILE", cert),
            ("TLS_KEY_FILE", key),
            ("TLS_CLIENT_CA_FILE", client_ca),
        ];
        let output = run(&settings, &["serve"]).await;
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(expected) && complaint.lines().count() == 1, "{expected}: {complaint}");
        assert!(!complaint.contains("hunter2"), "{complaint}");
    }
}

/// As an operator configures it, with `ca_file` and a certificate of its own, while the service's is renewed.
#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_scrapes_with_its_certificate_and_notices_no_renewal() {
    let (files, clients) = (Files::new(), Authority::new("of clients"));
    let client_ca = files.write("clients.pem", &clients.certificate());
    let ca = files.write("ca.pem", &files.authority.certificate());
    let client = clients.client();
    let (cert, key) = (files.write("client.pem", &client.certificate), files.write("client.key", &client.key));
    let service = files.service().setting("TLS_CLIENT_CA_FILE", &client_ca).start().await;
    let (url, token) = (https(&service), service.token().await);
    Secure::new(&files.authority, None).until_it_is_well(&url).await;
    let tls = format!("scheme: https\n    tls_config: {{ ca_file: {ca}, cert_file: {cert}, key_file: {key} }}");
    let anonymous = format!("scheme: https\n    tls_config: {{ ca_file: {ca} }}");
    let address = url.strip_prefix("https://").unwrap();
    let jobs = [("known", address, &*tls), ("anonymous", address, &*anonymous)];
    let prometheus = Prometheus::scraping_as(&jobs, &token, "groups: []").await;
    let is = |expr: &'static str, value: f64| {
        let prometheus = &prometheus;
        async move {
            prometheus.until_it(expr, || async { prometheus.value(expr).await == Some(value) }).await;
        }
    };
    is("up{job=\"known\"}", 1.0).await;
    is("up{job=\"anonymous\"}", 0.0).await;
    for _ in 0..2 {
        let new = files.renew();
        until("the new certificate is shown", Duration::from_secs(20), || async {
            shown(&url, &files.authority).await == der(&new)
        })
        .await;
        let time = prometheus.query("time()").await[0].1;
        prometheus
            .until_it("scrapes with the new certificate", || async {
                let last = prometheus.value("timestamp(up{job=\"known\"})").await;
                last.is_some_and(|last| last > time)
            })
            .await;
    }
    let failed = prometheus.value("min_over_time(up{job=\"known\"}[1m])").await;
    assert_eq!(failed, Some(1.0), "no scrape failed: {}", prometheus.log.lock().unwrap());
    service.stop().await;
}
