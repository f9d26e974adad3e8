//! Scrapes per second: our `/metrics` beside warp handing out the same bytes from a constant, side by side in one
//! run. Prints ratios; the specification wants at least 0.90.
//!
//! Run it with `cargo bench --bench scrape`.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use warp::Filter;
use warp::http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY};

use support::{large_library, median, service};

const CONNECTIONS: usize = 8;
const ROUND: Duration = Duration::from_millis(800);
const ROUNDS: usize = 9;

#[tokio::main]
async fn main() {
    let mongod = playarr_sandbox::mongodb().await.expect("a MongoDB");
    println!("series   encoding  format        ours/s  constant/s  ratio (median of {ROUNDS})  bytes");
    for series in [10_000, 100_000] {
        let database = mongod.database();
        let connected = database.connect().await.expect("a client");
        large_library::load_series(&connected, series).await.expect("MongoDB takes the library");
        let (address, token) = service::serve(database.uri(), &connected, &[("SERIES_BUDGET", "1000000")]).await;
        for (encoding, format) in
            [("identity", "text/plain"), ("gzip", "text/plain"), ("gzip", "application/openmetrics-text")]
        {
            let request = format!(
                "GET /metrics HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\nAccept: {format}\r\n\
                 Accept-Encoding: {encoding}\r\nX-Prometheus-Scrape-Timeout-Seconds: 10\r\n\r\n"
            );
            let body = first_body(address, &request).await;
            let length = body.len();
            let constant = serve_constant(body, encoding == "gzip").await;
            compare(series, encoding, format, address, constant, &request, length).await;
        }
    }
}

async fn compare(
    series: usize,
    encoding: &str,
    format: &str,
    ours: SocketAddr,
    constant: SocketAddr,
    request: &str,
    length: usize,
) {
    load(ours, request, ROUND / 3).await;
    load(constant, request, ROUND / 3).await;
    let (mut rates, mut constants, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Taking turns in going first, so that neither profits from what the machine is doing.
        let (rate, constant) = if round % 2 == 0 {
            let rate = load(ours, request, ROUND).await;
            (rate, load(constant, request, ROUND).await)
        } else {
            let constant = load(constant, request, ROUND).await;
            (load(ours, request, ROUND).await, constant)
        };
        rates.push(rate);
        constants.push(constant);
        ratios.push(rate / constant);
    }
    let format = format.rsplit('/').next().unwrap_or(format).trim_end_matches("-text");
    println!(
        "{series:>7}  {encoding:<8}  {format:<11}  {:>7.0}  {:>10.0}  {:>5.3}  {length:>20}",
        median(rates),
        median(constants),
        median(ratios)
    );
}

/// warp with the same answer, headers and bytes, ready in memory.
async fn serve_constant(body: Bytes, gzip: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let route = warp::path!("metrics").and(warp::get()).map(move || {
        let mut response = warp::reply::Response::new(body.clone().into());
        let mut header = |name, value| response.headers_mut().insert(name, HeaderValue::from_static(value));
        header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
        header(VARY, "Accept, Accept-Encoding, Authorization");
        header(CACHE_CONTROL, "no-store");
        if gzip {
            header(CONTENT_ENCODING, "gzip");
        }
        response
    });
    tokio::spawn(warp::serve(route).incoming(listener).graceful(std::future::pending()).run());
    address
}

/// Requests per second over some connections that each ask again as soon as they are answered.
async fn load(address: SocketAddr, request: &str, time: Duration) -> f64 {
    let (over, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let started = Instant::now();
    let connections: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            let (over, answers, request) = (over.clone(), answers.clone(), request.to_owned());
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                while !over.load(Ordering::Relaxed) {
                    client.ask(&request).await;
                    answers.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    over.store(true, Ordering::Relaxed);
    for connection in connections {
        connection.await.expect("the client goes on");
    }
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let answers = answers.load(Ordering::Relaxed) as f64;
    answers / started.elapsed().as_secs_f64()
}

async fn first_body(address: SocketAddr, request: &str) -> Bytes {
    let mut client = Client::connect(address).await;
    client.ask(request).await;
    Bytes::copy_from_slice(&client.buffer[client.body..])
}

/// Just enough of an HTTP client to cost little beside the server.
struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    body: usize,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a TCP stream");
        Self { stream, buffer: Vec::with_capacity(1 << 20), body: 0 }
    }

    async fn ask(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).await.expect("the server reads");
        self.buffer.clear();
        let length = loop {
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("the server answers") > 0);
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                self.body = end + 4;
                break content_length(&self.buffer[..end]);
            }
        };
        while self.buffer.len() < self.body + length {
            assert!(self.stream.read_buf(&mut self.buffer).await.expect("the server goes on") > 0);
        }
    }
}

fn content_length(head: &[u8]) -> usize {
    let head = std::str::from_utf8(head).expect("headers are ASCII");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
    });
    length.expect("a Content-Length")
}
