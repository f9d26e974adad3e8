//! What somebody without rights, or with a token and bad manners, can do to the program: it goes on answering others,
//! stays small, and is as before when they have gone.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::{Client, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

use crate::support::library::{fixtures, fixtures_with, load};
use crate::support::running::Running;
use crate::support::until;

const MB: usize = 1_000_000;

/// What the program may take at the default settings with 10,000 series, itself (some 15 MB) not counted.
const MEMORY: usize = 48 * MB;

/// The program with this many series, and the settings of an operator who has none.
async fn running(series: usize) -> Running {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures_with(series, 40)).await.unwrap();
    Running::start_on(&database, &[]).await
}

/// The program with an exposition that is too large for the buffers between it and a reader.
async fn running_with_long_names() -> Running {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures_with(10_000, 900)).await.unwrap();
    Running::start_on(&database, &[]).await
}

fn address(running: &Running) -> SocketAddr {
    running.url.strip_prefix("http://").unwrap().parse().unwrap()
}

/// A connection from another address of this machine than the usual one.
async fn connect(running: &Running, from: usize) -> Option<TcpStream> {
    let from = Ipv4Addr::from_bits(u32::from_be_bytes([127, 1, 0, 0]) + u32::try_from(from).unwrap());
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(address(running)).await.ok()
}

/// A connection on which this has been sent.
async fn having_sent(running: &Running, from: usize, text: impl AsRef<[u8]>) -> Option<TcpStream> {
    let mut stream = connect(running, from).await?;
    stream.write_all(text.as_ref()).await.ok()?;
    Some(stream)
}

/// How many of these the service has not closed.
async fn still_open(streams: &mut [TcpStream]) -> usize {
    let mut open = 0;
    for stream in streams {
        let mut buffer = [0; 4096];
        open += loop {
            match tokio::time::timeout(Duration::from_millis(1), stream.read(&mut buffer)).await {
                Err(_) => break 1,
                Ok(Ok(0) | Err(_)) => break 0,
                Ok(Ok(_)) => {}
            }
        };
    }
    open
}

/// A scrape over a connection of its own.
async fn scrape(running: &Running) -> StatusCode {
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(10)).build().unwrap();
    let request = client.get(format!("{}/metrics", running.url)).bearer_auth(running.metrics_token());
    let Ok(response) = request.send().await else { return StatusCode::GATEWAY_TIMEOUT };
    let status = response.status();
    response.text().await.map_or(StatusCode::GATEWAY_TIMEOUT, |_| status)
}

/// How many files and sockets it has open.
fn open_files(running: &Running) -> usize {
    let pid = running.child.id().unwrap();
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

async fn settles(running: &Running, before: usize) {
    until("the memory is returned", Duration::from_secs(20), || async { running.anonymous_memory() < before + 6 * MB })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_connections_leave_room_for_a_scrape_and_little_behind() {
    let running = running(10_000).await;
    assert_eq!(scrape(&running).await, StatusCode::OK);
    let before = running.anonymous_memory();
    let asked = "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n".to_owned();
    let unfinished = |length| format!("GET /-/healthy HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(length));
    // Of headers as long as the last ones, few may be under way.
    for (text, least) in [(String::new(), 900), (asked, 900), (unfinished(7_000), 900), (unfinished(15_000), 30)] {
        let mut streams = Vec::new();
        for batch in 0..30 {
            let opened = join_all((0..100).map(|n| having_sent(&running, (100 * batch + n) / 80, &text))).await;
            streams.extend(opened.into_iter().flatten());
            assert_eq!(scrape(&running).await, StatusCode::OK);
        }
        let (held, memory) = (still_open(&mut streams).await, running.anonymous_memory());
        assert!((least..=1024).contains(&held), "{held}");
        assert!(memory < MEMORY, "{memory} bytes");
        drop(streams);
        settles(&running, before).await;
    }
    let limited = |line: &&serde_json::Value| line["message"].as_str().unwrap().starts_with("too many connections");
    assert_eq!(running.log_lines().iter().filter(limited).count(), 1, "said once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_address_has_64_connections_and_its_own_idle_ones_end_for_new_ones() {
    let running = running(0).await;
    let mut streams = Vec::new();
    for _ in 0..200 {
        streams.extend(having_sent(&running, 1, "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await);
    }
    let mut other = having_sent(&running, 2, "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    other.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    for _ in 0..2 {
        let only_64_are_open = async { while still_open(&mut streams).await > 64 {} };
        tokio::time::timeout(Duration::from_secs(10), only_64_are_open).await.unwrap();
        streams.extend(join_all((0..30).map(|_| connect(&running, 1))).await.into_iter().flatten());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_few_open_files_scrapes_and_the_health_check_get_through() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let limited = |settings: &[(&str, &str)]| {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "ulimit -n 256; exec \"$0\"", env!("CARGO_BIN_EXE_playarr-metrics")]);
        command.env_clear().envs(settings.iter().copied()).kill_on_drop(true);
        command
    };
    let running = Running::start_by(limited, database.uri(), database.name(), &[]).await;
    let mut streams = Vec::new();
    for from in 0..1000 {
        streams.extend(connect(&running, from).await);
    }
    for _ in 0..20 {
        assert_eq!(scrape(&running).await, StatusCode::OK);
        let mut healthy = having_sent(&running, 0, "GET /-/healthy HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        healthy.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    }
    assert!(still_open(&mut streams).await <= 192);
    let said = running.log_lines();
    assert!(said.iter().any(|line| line["open_files"] == 256 && line["connections"] == 192), "{said:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
    let running = running(0).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.child.id().unwrap())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limits: Vec<_> = files.split_whitespace().skip(3).take(2).collect();
    assert_eq!(limits[0], limits[1], "{files}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_that_never_read_give_up_their_places_to_those_who_do() {
    let running = running_with_long_names().await;
    let request =
        format!("GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", running.metrics_token());
    let before = open_files(&running);
    let mut readers = join_all((0..40).map(|n| having_sent(&running, n, &request))).await;
    let two = async || (scrape(&running).await, scrape(&running).await) == (StatusCode::OK, StatusCode::OK);
    until("scrapes get through", Duration::from_secs(10), two).await;
    for _ in 0..20 {
        assert!(two().await);
    }
    // What they keep are eight snapshots at most, however often there is a new one. The program may have opened some
    // connections to MongoDB as well.
    for _ in 0..6 {
        let refresh = running.request(Method::POST, "/api/metrics/refresh").header("x-api-key", "admin001");
        refresh.send().await.unwrap().error_for_status().unwrap();
        readers.extend(join_all((0..3).map(|n| having_sent(&running, n, &request))).await);
    }
    until("the slow ones end", Duration::from_secs(30), || async { open_files(&running) <= before + 20 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_do_not_end_take_a_bounded_part_of_the_memory_and_no_place_for_long() {
    let running = running(10_000).await;
    let before = running.anonymous_memory();
    let (length, sent) = (4_000_000, 3_900_000);
    let head = format!(
        "POST /api/metrics/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n\
         Authorization: Bearer {}\r\nContent-Length: {length}\r\n\r\n",
        running.ingest_token()
    );
    let body = "\n".repeat(sent);
    let held = async |n: usize| {
        let mut stream = having_sent(&running, n, &head).await?;
        // Those that wait for room are not read, so this does not end.
        let _ = tokio::time::timeout(Duration::from_secs(2), stream.write_all(body.as_bytes())).await;
        Some(stream)
    };
    let streams = join_all((0..100).map(held)).await;
    assert_eq!(scrape(&running).await, StatusCode::OK);
    let memory = running.anonymous_memory();
    assert!(memory < MEMORY, "{memory} bytes");
    let batch = r#"{"type":"cache_operation","operation":"hit"}"#;
    until("a batch gets through", Duration::from_secs(20), || async {
        let request = running.events().header("content-type", "application/x-ndjson").body(batch);
        request.send().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
    drop(streams);
    settles(&running, before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_that_are_never_sent_whole_take_no_room_from_events() {
    let running = running(0).await;
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
                Content-Length: 16000\r\n\r\n";
    let streams = join_all((0..600).map(|n| having_sent(&running, n / 60, &head))).await;
    assert!(streams.iter().flatten().count() > 500);
    let answer = running.post_lines(r#"{"type":"cache_operation","operation":"hit"}"#.to_owned()).await;
    assert_eq!(answer["accepted"], 1);
    until("somebody signs in", Duration::from_secs(10), || async {
        let login = serde_json::json!({ "username": "admin", "password": "admin-password" });
        let request = running.request(Method::POST, "/api/auth/login").json(&login);
        request.send().await.is_ok_and(|answer| answer.status() == StatusCode::OK)
    })
    .await;
}

/// Signs in over a connection of its own, from this address behind a proxy on this machine.
async fn login(running: &Running, from: &str, username: &str, password: &str) -> StatusCode {
    let login = serde_json::json!({ "username": username, "password": password });
    let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    let request = client.post(format!("{}/api/auth/login", running.url)).header("x-forwarded-for", from).json(&login);
    request.send().await.map_or(StatusCode::GATEWAY_TIMEOUT, |answer| answer.status())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_hundred_guess_from_ever_new_addresses_those_who_are_right_get_in() {
    let running = running(0).await;
    let (is_over, guesses) = (AtomicBool::new(false), AtomicUsize::new(0));
    let guessing = join_all((0..100_u32).map(|guesser| {
        let (running, is_over, guesses) = (&running, &is_over, &guesses);
        async move {
            let mut guess = 0;
            while !is_over.load(Relaxed) {
                let from = format!("198.18.{guesser}.{}", guess % 250);
                login(running, &from, "admin", "guess").await;
                guess += 1;
                guesses.fetch_add(1, Relaxed);
            }
        }
    }));
    let signing_in = async {
        until("the flood is on", Duration::from_secs(30), || async { guesses.load(Relaxed) >= 20 }).await;
        let verify = running.request(Method::POST, "/api/auth/login");
        let login_body = serde_json::json!({ "username": "admin", "password": "admin-password" });
        let session = verify.json(&login_body).send().await.unwrap();
        let session = session.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        for n in 0..20 {
            let started = Instant::now();
            let from = format!("203.0.113.{n}");
            let (one, other) = tokio::join!(
                login(&running, &from, "admin", "admin-password"),
                login(&running, "203.0.113.1", "alice", "alice-password"),
            );
            assert_eq!((one, other), (StatusCode::OK, StatusCode::OK));
            assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
            for (name, proof) in [("cookie", session.as_str()), ("x-api-key", "admin001")] {
                let started = Instant::now();
                let asked =
                    running.request(Method::GET, "/api/metrics/status").header(name, proof).send().await.unwrap();
                assert_eq!(asked.status(), StatusCode::OK);
                assert!(started.elapsed() < Duration::from_secs(3), "{name}: {:?}", started.elapsed());
            }
            assert_eq!(scrape(&running).await, StatusCode::OK);
        }
        is_over.store(true, Relaxed);
    };
    tokio::join!(guessing, signing_in);
}
