//! Fuzz targets: headers, and whole requests down to the request line.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use playarr_fuzz::{fuzz, fuzz_slowly};
use warp::http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, COOKIE, HOST, ORIGIN};
use warp::http::{HeaderMap, HeaderValue};

use super::request::bearer::Bearer;
use super::request::caller::Caller;
use super::request::choice::Choice;
use super::request::negotiate;
use super::{Acceptor, routes, serve};
use crate::app::App;
use crate::config::Config;
use crate::connections::{ConnectionLimits, ConnectionTable};
use crate::database;

#[test]
fn accept_headers_may_hold_anything() {
    let corpus: &[&[u8]] = &[
        b"application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
        b"gzip;q=1.0, x-gzip, *;q=0, identity",
        b"text/html,application/xhtml+xml;q=0.9",
    ];
    let words = [";q=", "q=0.", ",", ";", "*/*", "text/*", "version=", "\"", "gzip", " ", "1e9", "NaN", "-1"];
    fuzz("Accept and Accept-Encoding", corpus, &words, |text| {
        let text = String::from_utf8_lossy(text);
        (negotiate::format(&text) as usize, negotiate::accepts_gzip(&text), negotiate::prefers_html(&text))
    });
}

#[test]
fn what_tells_who_sends_a_request_may_hold_anything() {
    let corpus: &[&[u8]] =
        &[b"access_token=a.b.c; b=\"1\"; access_token=", b"https://localhost:3000/a?b#c", b"Bearer abc"];
    let words = ["access_token=", ";", "=", "\"", "%", "://", "https", "localhost", "bearer ", "match[]=", "&", "+"];
    fuzz("headers of callers", corpus, &words, |bytes| {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost:3000"));
        let Ok(value) = HeaderValue::from_bytes(bytes) else { return None };
        for name in [COOKIE, ORIGIN, AUTHORIZATION, ACCEPT, ACCEPT_ENCODING] {
            headers.insert(name, value.clone());
        }
        let caller = Caller::new(headers);
        let sessions = caller.credentials().sessions.len();
        let choice = Choice::of(&String::from_utf8_lossy(bytes));
        let _ = caller.bearer().map(|bearer: Bearer<'_>| bearer);
        Some((sessions, caller.is_of_this_site(), caller.is_https(), choice.selectors().is_ok()))
    });
}

/// What the service answers to these bytes on a connection of their own.
fn answer(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the service takes connections");
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    // It may have closed the connection by now.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "no answer and no end");
    }
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_request_may_be_any_bytes() {
    let uri = "mongodb://127.0.0.1:1";
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
    let app = App::new(&config, &database::connect(&config).await.unwrap()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = ConnectionTable::new(ConnectionLimits { total: 1_000, per_address: 1_000 });
    let acceptor = Acceptor { listener, tls: None, base: config.base_path.clone(), connections };
    let serving = tokio::spawn(serve(routes(&app), acceptor, std::future::pending()));
    let corpus: &[&[u8]] = &[
        b"GET /metrics?match[]=a HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer x\r\n\r\n",
        b"POST /api/metrics/events HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /api/auth/logout HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"GET /assets/app.css HTTP/1.0\r\nIf-None-Match: \"a\"\r\nAccept: text/html\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
          Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    ];
    let words = [
        "GET ",
        "HEAD ",
        "OPTIONS * ",
        "PUT ",
        "DELETE ",
        " HTTP/1.1\r\n",
        " HTTP/1.0\r\n",
        "Host: a\r\n",
        "\r\n\r\n",
        "/-/ready",
        "/login?return=",
        "/api/metrics/series?",
        "/api/openapi.json",
        "/api/metrics/custom/",
        "%ff",
        "%00",
        "//",
        "/../",
        "http://a/",
        "Content-Length: 9\r\n",
        "Expect: 100-continue\r\n",
        "x:1",
        ":",
        "?",
        "#",
        "Transfer-Encoding: chunked\r\n",
        "Accept-Encoding: gzip\r\n",
        "Accept: text/html\r\n",
    ];
    let fuzzing = tokio::task::spawn_blocking(move || {
        fuzz_slowly("whole requests", corpus, &words, |bytes| {
            let answer = answer(address, bytes);
            let status = answer.get(9..12).map(<[u8]>::to_vec);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
            assert_ne!(status.as_deref(), Some(&b"500"[..]), "{}", answer.escape_ascii());
            (status, answer.windows(9).filter(|part| part == b"HTTP/1.1 ").count())
        });
    });
    fuzzing.await.unwrap();
    serving.abort();
}
