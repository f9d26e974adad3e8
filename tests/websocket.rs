//! The WebSocket: what it tells, to whom, and that no client leaves anything behind.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use hmac::{Hmac, KeyInit, Mac};
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderName;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::exposition::value;
use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

pub(crate) type Socket = WebSocketStream<TcpStream>;

const KEY: &str = "a key shared by Playarr and this service, 0123456789";
const BY_KEY: &[(&str, &str)] = &[("x-api-key", "admin001")];

/// Opens a WebSocket, or returns the status it was refused with.
pub(crate) async fn open(service: &Service, headers: &[(&str, &str)]) -> Result<Socket, StatusCode> {
    open_at(&service.url, headers).await
}

/// As [`open`], at the address of a service.
pub(crate) async fn open_at(url: &str, headers: &[(&str, &str)]) -> Result<Socket, StatusCode> {
    let address = url.strip_prefix("http://").unwrap();
    let mut request = format!("ws://{address}/api/ws").into_client_request().unwrap();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(address).await.unwrap();
    match tokio_tungstenite::client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(StatusCode::from_u16(response.status().as_u16()).unwrap()),
        Err(error) => panic!("{error}"),
    }
}

/// The next event.
pub(crate) async fn next(socket: &mut Socket) -> Value {
    let event = async {
        loop {
            if let Message::Text(text) = socket.next().await.expect("an event").unwrap() {
                return serde_json::from_str(&text).unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), event).await.expect("an event in time")
}

/// The next event of this name; others are passed over.
pub(crate) async fn next_of(socket: &mut Socket, name: &str) -> Value {
    loop {
        let event = next(socket).await;
        if event["event"] == name {
            return event;
        }
    }
}

/// How many connections a scrape shows.
async fn connections(service: &Service) -> f64 {
    value(&service.series().await, "playarr_websocket_connections", &[]).unwrap()
}

async fn until_connections(service: &Service, expected: f64) {
    let what = format!("{expected} connections");
    until(&what, Duration::from_secs(15), || async { (connections(service).await - expected).abs() < 0.5 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_a_refresh_step_by_step_and_then_the_new_status() {
    let service = Service::with(fixtures()).ready().await;
    let session = service.session("admin", "admin-password").await;
    let mut socket = open(&service, &[("cookie", &session), ("origin", &service.url)]).await.unwrap();
    let first = next(&mut socket).await;
    assert_eq!((&first["event"], &first["websocket_connections"]), (&json!("status"), &json!(1)));
    assert!(first["snapshot"]["generation"].is_u64() && first["collectors"].is_array());

    let report = service.refresh().await;
    let started = next_of(&mut socket, "refresh_started").await;
    assert_eq!(started, json!({ "event": "refresh_started", "generation": 2, "trigger": "manual", "collectors": 14 }));
    for done in 1..=14 {
        let collected = next(&mut socket).await;
        assert_eq!(collected["event"], "collected");
        assert_eq!((&collected["done"], &collected["of"]), (&json!(done), &json!(14)));
        assert!(collected["name"].is_string() && collected["series"].is_u64() && collected["error"].is_null());
        assert!(collected["duration_seconds"].is_f64() && collected["folded_series"].is_u64());
    }
    let mut finished = next(&mut socket).await;
    assert_eq!(finished["event"], "refresh_finished");
    finished.as_object_mut().unwrap().remove("event");
    assert_eq!(finished, report, "as the route answers it");
    let status = next_of(&mut socket, "status").await;
    assert_eq!((&status["snapshot"]["generation"], &status["refreshing"]), (&json!(2), &json!(false)));
    assert!(status["next_run"].is_string());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_when_mongod_goes_away_and_when_it_is_back() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).ready().await;
    let mut socket = open(&service, BY_KEY).await.unwrap();
    assert_eq!(next(&mut socket).await["database"]["state"], "up");
    mongod.kill().await.unwrap();
    let away = loop {
        let event = next_of(&mut socket, "database").await;
        if event["state"] == "away" {
            break event;
        }
    };
    let address = format!("MongoDB at 127.0.0.1:{}", mongod.port());
    assert!(away["reason"].as_str().unwrap().starts_with(&address), "{away}");
    assert!(away["since"].as_str().unwrap().ends_with('Z') && away["seconds"].is_f64(), "{away}");
    mongod.restart().await.unwrap();
    let back = loop {
        let event = next_of(&mut socket, "database").await;
        if event["state"] == "up" {
            break event;
        }
    };
    assert!(back["reason"].is_null() && back["since"].is_null(), "{back}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_tells_of_scrapes_a_few_at_a_time() {
    let service = Service::with(fixtures()).ready().await;
    service.text().await;
    let mut socket = open(&service, BY_KEY).await.unwrap();
    assert_eq!(next(&mut socket).await["scrapes"]["recent"].as_array().unwrap().len(), 1);
    let wrong = service.scrape_with("wrong").header("user-agent", "<script>alert(1)</script>\u{7}");
    assert!(wrong.send().await.is_err(), "no client can send a control character");
    let wrong = service.scrape_with("wrong").header("user-agent", "<script>alert(1)</script>");
    wrong.send().await.unwrap();
    let scrape = next_of(&mut socket, "scrape").await;
    assert_eq!((&scrape["failure"], &scrape["client"]), (&json!("other_token"), &json!("127.0.0.1")));
    assert_eq!(scrape["user_agent"], "<script>alert(1)</script>");
    let token = service.token().await;
    for _ in 0..200 {
        service.scrape_with(&token).send().await.unwrap();
    }
    let started = Instant::now();
    let mut told = 0;
    while let Ok(event) = tokio::time::timeout(Duration::from_secs(2), next_of(&mut socket, "scrape")).await {
        assert!(event["failure"].is_null() && event["bytes"].is_u64());
        told += 1;
    }
    assert!((1..30).contains(&told), "{told} in {:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_for_admins_whose_page_is_of_this_site() {
    let service = Service::with(fixtures()).ready().await;
    let admin = service.session("admin", "admin-password").await;
    let alice = service.session("alice", "alice-password").await;
    for (headers, status) in [
        (vec![], StatusCode::UNAUTHORIZED),
        (vec![("origin", &*service.url)], StatusCode::UNAUTHORIZED),
        (vec![("cookie", "access_token=x"), ("origin", &service.url)], StatusCode::UNAUTHORIZED),
        (vec![("x-api-key", "nobodys1")], StatusCode::UNAUTHORIZED),
        (vec![("cookie", &alice), ("origin", &service.url)], StatusCode::FORBIDDEN),
        (vec![("x-api-key", "alice001")], StatusCode::FORBIDDEN),
        (vec![("cookie", &admin)], StatusCode::FORBIDDEN),
        (vec![("cookie", &admin), ("origin", "https://evil.example")], StatusCode::FORBIDDEN),
        (vec![("cookie", &admin), ("origin", "null")], StatusCode::FORBIDDEN),
    ] {
        assert_eq!(open(&service, &headers).await.unwrap_err(), status, "{headers:?}");
    }
    assert!(open(&service, &[("x-api-key", "admin001"), ("origin", "https://evil.example")]).await.is_ok());
    let plain = service.get("/api/ws").header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UPGRADE_REQUIRED);
    assert_eq!(plain.headers()["upgrade"], "websocket");
    until_connections(&service, 0.0).await;
}

/// The bytes of a handshake, for clients that break the rules.
fn handshake(service: &Service) -> Vec<u8> {
    let host = service.url.strip_prefix("http://").unwrap();
    format!(
        "GET /api/ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-API-Key: admin001\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_client_does_it_is_counted_out() {
    let service = Service::with(fixtures()).ready().await;
    let address = service.url.strip_prefix("http://").unwrap().to_owned();
    assert!(connections(&service).await < 0.5);
    let mut good = open(&service, BY_KEY).await.unwrap();
    until_connections(&service, 1.0).await;
    for round in 0..5 {
        // Leaves as it should.
        let mut polite = open(&service, BY_KEY).await.unwrap();
        polite.close(None).await.unwrap();
        // Is gone without a word.
        drop(open(&service, BY_KEY).await.unwrap());
        // Is gone with a reset, unread data in its buffer.
        let reset = open(&service, BY_KEY).await.unwrap().into_inner();
        reset.set_zero_linger().unwrap();
        drop(reset);
        // Says far too much.
        let mut loud = open(&service, BY_KEY).await.unwrap();
        let _ = loud.send(Message::binary(vec![0; 1 << 20])).await;
        drop(loud);
        // Talks without end; nobody listens, and nothing breaks.
        let mut chatty = open(&service, BY_KEY).await.unwrap();
        for _ in 0..100 {
            chatty.send(Message::text("{\"event\":\"status\"}")).await.unwrap();
        }
        drop(chatty);
        // Says something that is no frame, a frame that is not masked, one of 16 exabytes.
        for garbage in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"\x81\x05hello", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"]
        {
            let mut raw = TcpStream::connect(&address).await.unwrap();
            raw.write_all(&handshake(&service)).await.unwrap();
            raw.write_all(garbage).await.unwrap();
            let mut rest = Vec::new();
            let read = tokio::time::timeout(Duration::from_secs(10), raw.read_to_end(&mut rest)).await;
            assert!(read.is_ok(), "the service ends it: {garbage:?}");
        }
        // Is gone before the answer to its handshake.
        let mut hasty = TcpStream::connect(&address).await.unwrap();
        hasty.write_all(&handshake(&service)).await.unwrap();
        drop(hasty);
        until_connections(&service, 1.0).await;
        assert_eq!(next(&mut good).await["event"], if round == 0 { "status" } else { "scrape" });
        while tokio::time::timeout(Duration::from_millis(700), good.next()).await.is_ok() {}
    }
    drop(good);
    until_connections(&service, 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_comes_once_and_a_goodbye_is_answered() {
    let service = Service::with(fixtures()).ready().await;
    service.refresh().await;
    let mut socket = open(&service, BY_KEY).await.unwrap();
    let mut last = next(&mut socket).await;
    assert_eq!(last["event"], "status");
    // The run after the refresh may have been planned only now, and that is told. The same status never comes again.
    while let Ok(Some(Ok(Message::Text(text)))) = tokio::time::timeout(Duration::from_secs(1), socket.next()).await {
        let status: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(status["event"], "status");
        assert_ne!(status["next_run"], last["next_run"], "{text}");
        last = status;
    }
    socket.close(None).await.unwrap();
    let answer = tokio::time::timeout(Duration::from_secs(5), socket.next()).await.unwrap();
    assert!(matches!(answer, Some(Ok(Message::Close(_)))), "{answer:?}");
    assert!(socket.next().await.is_none(), "and the connection ends in order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_connections_do_not_hold_up_a_stop_and_are_told() {
    let service = Service::with(fixtures()).ready().await;
    let mut reads = open(&service, BY_KEY).await.unwrap();
    next(&mut reads).await;
    let silent: Vec<_> = futures_util::future::join_all((0..20).map(|_| open(&service, BY_KEY))).await;
    until_connections(&service, 21.0).await;
    let started = Instant::now();
    service.stop().await;
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    let close = loop {
        if let Message::Close(frame) = reads.next().await.unwrap().unwrap() {
            break frame.unwrap();
        }
    };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (1001, "the service stops"));
    drop(silent);
}

/// A session of the admin that ends soon.
fn short_session(seconds: u64) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = part(&json!({ "sub": "retired-admin", "role": "admin", "exp": now + seconds }));
    let signed = format!("{}.{claims}", part(&json!({ "alg": "HS256" })));
    let mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap().chain_update(&signed);
    format!("access_token={signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_admin_any_more_loses_the_connection_within_thirty_seconds() {
    let service = Service::with(fixtures()).setting("JWT_SECRET_KEY", KEY).ready().await;
    let users = service.database.collection::<Document>("users");
    let set = |name: &'static str, fields: Document| {
        let users = users.clone();
        async move { users.update_one(doc! { "username": name }, doc! { "$set": fields }).await.unwrap() }
    };
    set("retired-admin", doc! { "status": "active" }).await;
    set("carol", doc! { "role": "admin", "status": "active" }).await;
    set("alice", doc! { "role": "admin" }).await;
    let session = service.session("admin", "admin-password").await;
    let alice = service.session("alice", "alice-password").await;
    let origin = ("origin", &*service.url);
    let mut stays = open(&service, &[("cookie", &session), origin]).await.unwrap();
    let demoted = open(&service, &[("cookie", &alice), origin]).await.unwrap();
    let other_key = open(&service, &[("x-api-key", "carol001")]).await.unwrap();
    let expired = open(&service, &[("cookie", &short_session(3)), origin]).await.unwrap();
    set("alice", doc! { "role": "user" }).await;
    set("carol", doc! { "api_key": "carol002" }).await;
    let ends = [demoted, other_key, expired].map(|mut socket| async move {
        loop {
            if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                return u16::from(frame.unwrap().code);
            }
        }
    });
    let ends = futures_util::future::join_all(ends);
    let ends = tokio::time::timeout(Duration::from_secs(30), ends).await.expect("within 30 s");
    assert_eq!(ends, [1008, 1008, 1008]);
    service.text().await;
    assert_eq!(next_of(&mut stays, "scrape").await["format"], "text", "the others stay");
}
