//! What holds for every route, over real sockets: request lines of every kind, `HEAD`, `Allow`, headers on several
//! lines, and errors for browsers.

use std::time::Duration;

use reqwest::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::Service;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// Sends bytes as they are and returns the whole answer. The service must not go silent.
async fn raw(service: &Service, request: impl AsRef<[u8]>) -> String {
    let request = request.as_ref();
    let mut stream = TcpStream::connect(service.url.strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let shown = String::from_utf8_lossy(request);
    tokio::time::timeout(Duration::from_secs(20), read).await.unwrap_or_else(|_| panic!("no end: {shown:?}")).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status of a request with this first line and these further lines.
async fn raw_status(service: &Service, line: &str, headers: &str) -> u16 {
    let answer = raw(service, format!("{line}\r\n{headers}Connection: close\r\n\r\n")).await;
    let status = answer.strip_prefix("HTTP/1.1 ").or_else(|| answer.strip_prefix("HTTP/1.0 "));
    let status = status.unwrap_or_else(|| panic!("{line:?}: {answer:?}"));
    status[..3].parse().unwrap()
}

async fn panics(service: &Service) -> Option<f64> {
    value(&service.series().await, "playarr_metrics_panics_total", &[])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_line_panics() {
    playarr_metrics::count_panics();
    let service = Service::with(fixtures()).ready().await;
    let methods =
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PRI", "get", "X-Y.Z"];
    let targets = [
        "/",
        "//",
        "/metrics",
        "/metrics/",
        "/metrics?match[]=x",
        "/api/metrics/status",
        "/assets/base.css",
        "/assets/",
        "/nowhere",
        "/..",
        "/%00",
        "/%ff%fe",
        "/\u{e9}",
        "/?",
        "/?%",
        "?",
        "?a",
        "#",
        "*",
        "x",
        "x:1",
        "x:99999",
        ":",
        ":1",
        "localhost",
        "localhost:3000",
        "[::1]:1",
        "[::1",
        "a@b:1",
        "http:",
        "http://",
        "http:///",
        "http:///a",
        "http://h",
        "http://h/metrics",
        "http://h:1/-/healthy",
        "http://u:p@h/metrics",
        "https://h/",
        "ftp://h/x",
        "//h/metrics",
        "/a b",
        "\\",
        "/\\",
        "/{}",
        "/:name",
        "/-/healthy/..",
    ];
    let panics_before = panics(&service).await;
    let mut statuses = std::collections::BTreeMap::new();
    for method in methods {
        for target in targets {
            for version in ["HTTP/1.1", "HTTP/1.0"] {
                let line = format!("{method} {target} {version}");
                let status = raw_status(&service, &line, "Host: localhost\r\n").await;
                assert!(status < 500, "{line}: {status}");
                statuses.insert((method, target, version), status);
            }
        }
    }
    for method in ["CONNECT", "POST", "OPTIONS", "GET"] {
        assert_eq!(statuses[&(method, "x:1", "HTTP/1.1")], 400, "{method} x:1");
    }
    assert_eq!(statuses[&("OPTIONS", "*", "HTTP/1.1")], 400);
    assert_eq!(statuses[&("OPTIONS", "/metrics", "HTTP/1.1")], 405);
    assert_eq!(statuses[&("GET", "/nowhere", "HTTP/1.1")], 404);
    assert_eq!(statuses[&("GET", "http://h:1/-/healthy", "HTTP/1.1")], 200);
    // What is no HTTP at all is refused as well.
    for line in
        ["", " ", "GET", "GET /", "GET  / HTTP/1.1", "GET / HTTP/9.9", "GET / HTTP/1.1 x", "\u{0}", "GET\t/\tHTTP/1.1"]
    {
        let answer = raw(&service, format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"),
            "{line:?}: {answer}"
        );
    }
    let long = format!("GET /{} HTTP/1.1", "a".repeat(100_000));
    assert!([400, 414, 431].contains(&raw_status(&service, &long, "Host: localhost\r\n").await));
    assert_eq!(panics(&service).await, panics_before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_over_http_1_1_names_one_host() {
    let service = Service::empty().start().await;
    for (headers, expected) in [
        ("", 400),
        ("Host: a\r\nHost: a\r\n", 400),
        ("Host: a\r\nHost: b\r\n", 400),
        ("Host: a b\r\n", 400),
        ("Host: a/b\r\n", 400),
        ("Host: u@a\r\n", 400),
        ("Host: a\r\n", 200),
        ("Host: a:1\r\n", 200),
        ("Host: [::1]:1\r\n", 200),
        ("Host:\r\n", 200),
    ] {
        assert_eq!(raw_status(&service, "GET /-/healthy HTTP/1.1", headers).await, expected, "{headers:?}");
    }
    assert_eq!(raw_status(&service, "GET /-/healthy HTTP/1.0", "").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_works_wherever_get_does_with_the_same_headers() {
    let service = Service::with(fixtures()).ready().await;
    let token = service.token().await;
    for (path, status) in [
        ("/-/healthy", 200),
        ("/-/ready", 200),
        ("/metrics", 200),
        ("/api/metrics/status", 200),
        ("/api/metrics/overview", 200),
        ("/api/settings/metrics", 200),
        ("/api/auth/verify", 200),
        ("/overview", 200),
        ("/settings/metrics", 200),
        ("/settings/metrics/", 200),
        ("/login", 200),
        ("/assets/base.css", 200),
        ("/nowhere", 404),
        ("/api/auth/login", 405),
    ] {
        let send = async |method: Method| {
            let request = service.client.request(method, format!("{}{path}", service.url));
            let request =
                if path == "/metrics" { request.bearer_auth(&token) } else { request.header("x-api-key", "admin001") };
            request.send().await.unwrap()
        };
        let (get, head) = (send(Method::GET).await, send(Method::HEAD).await);
        assert_eq!((get.status().as_u16(), head.status().as_u16()), (status, status), "{path}");
        assert_eq!(get.headers()[CONTENT_TYPE], head.headers()[CONTENT_TYPE], "{path}");
        assert!(head.headers().contains_key(CONTENT_LENGTH), "{path}");
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        assert!(!get.bytes().await.unwrap().is_empty(), "{path}");
    }
    // Nothing is left behind on the connection: the next request on it is answered in turn.
    let both = "HEAD /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n\
        GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = raw(&service, both).await;
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2);
    assert_eq!(answers.matches("healthy").count(), 1, "{answers}");
    // A HEAD is no scrape.
    let status: Value =
        service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap().json().await.unwrap();
    assert_eq!(status["scrapes"]["answered"], json!({ "text": 1, "openmetrics": 0 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_405_says_what_is_allowed() {
    let service = Service::empty().start().await;
    for (method, path, allow) in [
        (Method::POST, "/metrics", "GET, HEAD"),
        (Method::DELETE, "/metrics/", "GET, HEAD"),
        (Method::OPTIONS, "/metrics", "GET, HEAD"),
        (Method::POST, "/-/healthy", "GET, HEAD"),
        (Method::GET, "/api/auth/login", "POST"),
        (Method::PUT, "/api/metrics/events", "POST"),
        (Method::POST, "/settings/metrics", "GET, HEAD"),
        (Method::POST, "/", "GET, HEAD"),
        (Method::POST, "/login", "GET, HEAD"),
        (Method::PATCH, "/assets/base.css", "GET, HEAD"),
    ] {
        let response = service.client.request(method.clone(), format!("{}{path}", service.url)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(response.headers()[ALLOW], allow, "{method} {path}");
        let error = response.json::<Value>().await.unwrap();
        assert_eq!(error, json!({ "error": format!("This route takes {allow} only") }));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_pages_in_a_browser_and_json_elsewhere() {
    let service = Service::with(fixtures()).ready().await;
    for (path, status) in [("/nowhere", 404), ("/settings/nowhere", 404), ("/metrics", 401), ("/api/auth/login", 405)] {
        let page = service.get(path).header(ACCEPT, BROWSER).send().await.unwrap();
        assert_eq!(page.status().as_u16(), status, "{path}");
        assert_eq!(page.headers()[CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
        assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        assert_eq!(page.headers()["cache-control"], "no-store");
        match status {
            401 => assert!(page.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer")),
            405 => assert_eq!(page.headers()[ALLOW], "POST"),
            _ => {}
        }
        let html = page.text().await.unwrap();
        assert!(html.starts_with("<!doctype html>") || html.starts_with("<!DOCTYPE html>"), "{html:.80}");
        for accept in ["*/*", "application/json", ""] {
            let json = service.get(path).header(ACCEPT, accept).send().await.unwrap();
            assert_eq!(
                (json.status().as_u16(), &json.headers()[CONTENT_TYPE]),
                (status, &"application/json".parse().unwrap())
            );
            assert!(json.json::<Value>().await.unwrap()["error"].is_string());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_header_on_several_lines_all_lines_count() {
    let service = Service::with(fixtures()).ready().await;
    let token = service.token().await;
    let scrape = async |headers: &str| {
        let answer =
            raw(&service, format!("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n")).await;
        answer.split("\r\n\r\n").next().unwrap().to_ascii_lowercase()
    };
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let openmetrics = "Accept: text/plain;q=0.5\r\nAccept: application/openmetrics-text;version=1.0.0\r\n";
    assert!(scrape(&format!("{bearer}{openmetrics}")).await.contains("application/openmetrics-text"));
    let text = "Accept: application/openmetrics-text;q=0.5\r\nAccept: text/plain\r\n";
    assert!(scrape(&format!("{bearer}{text}")).await.contains("text/plain"));
    let gzip = "Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n";
    assert!(scrape(&format!("{bearer}{gzip}")).await.contains("content-encoding: gzip"));
    let two = scrape(&format!("{bearer}{bearer}")).await;
    assert!(two.starts_with("http/1.1 401"), "{two}");
    let status: Value =
        service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap().json().await.unwrap();
    assert_eq!(status["scrapes"]["failures"]["not_bearer"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_login_body_that_is_no_object_is_a_400() {
    let service = Service::with(fixtures()).ready().await;
    for body in [
        r#"["admin","admin-password"]"#,
        r#"[["username","admin"],["password","admin-password"]]"#,
        r#""admin""#,
        "null",
        r#"{"username":"admin","username":"admin","password":"admin-password"}"#,
    ] {
        let login = service.post("/api/auth/login").header(CONTENT_TYPE, "application/json").body(body);
        assert_eq!(login.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{body}");
    }
    assert_eq!(service.login("admin", "admin-password").await.status(), StatusCode::OK);
}
