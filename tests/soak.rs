//! Mixed load for as long as one likes, while memory, descriptors, threads and latency are sampled and drawn.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use reqwest::Method;
use reqwest::header::ACCEPT_ENCODING;
use tokio::task::JoinSet;

use crate::support::library::{fixtures, load};
use crate::support::running::Running;
use crate::websocket::{next, open_at};

/// How long it takes, unless `PLAYARR_SOAK_SECONDS` says otherwise.
const SECONDS: u64 = 15;

/// How much higher the last third may be than the middle one.
const MORE: f64 = 1.1;

/// The state of the process in one second.
#[derive(Clone, Copy, Debug)]
struct Sample {
    megabytes: f64,
    descriptors: f64,
    threads: f64,
    /// The slowest request of that second.
    milliseconds: f64,
}

/// What is sampled, and how it is called in the picture.
type Curve = (&'static str, fn(&Sample) -> f64);

const CURVES: [Curve; 4] = [
    ("memory (MB)", |sample| sample.megabytes),
    ("open files", |sample| sample.descriptors),
    ("threads", |sample| sample.threads),
    ("slowest request (ms)", |sample| sample.milliseconds),
];

struct Load {
    running: Running,
    is_over: AtomicBool,
    requests: AtomicU64,
    slowest_micros: AtomicU64,
}

impl Load {
    /// Sends a request of a kind again and again; none may fail.
    async fn repeat(self: Arc<Self>, path: &'static str, encoding: &'static str, pause: Duration) {
        while !self.is_over.load(Ordering::SeqCst) {
            let began = Instant::now();
            let request = match path {
                "/api/metrics/events" => self.running.events().json(&serde_json::json!({ "events": [
                    { "type": "cache_operation", "operation": "hit" },
                    { "type": "stream_request", "user": "alice", "media_type": "movies", "duration_seconds": 0.2 },
                ]})),
                path if path.starts_with("/metrics") => {
                    self.running.request(Method::GET, path).bearer_auth(self.running.metrics_token())
                }
                path => self.running.request(Method::GET, path).header("x-api-key", "admin001"),
            };
            let answer = request.header(ACCEPT_ENCODING, encoding).send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            answer.bytes().await.unwrap();
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap();
            self.slowest_micros.fetch_max(micros, Ordering::SeqCst);
            self.requests.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(pause).await;
        }
    }

    /// Signs in, and follows the status by a WebSocket with that session, again and again.
    async fn sign_in_and_follow(self: Arc<Self>) {
        let login = serde_json::json!({ "username": "admin", "password": "admin-password" });
        while !self.is_over.load(Ordering::SeqCst) {
            let began = Instant::now();
            let answer = self.running.request(Method::POST, "/api/auth/login").json(&login).send().await.unwrap();
            assert!(answer.status().is_success(), "a login: {}", answer.status());
            let cookie = answer.headers()["set-cookie"].to_str().unwrap();
            let session = cookie.split(';').next().unwrap().to_owned();
            let micros = u64::try_from(began.elapsed().as_micros()).unwrap();
            self.slowest_micros.fetch_max(micros, Ordering::SeqCst);
            let mut socket =
                open_at(&self.running.url, &[("cookie", &session), ("origin", &self.running.url)]).await.unwrap();
            next(&mut socket).await;
            self.requests.fetch_add(2, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(2)).await;
            // Some go without a word.
            if rand::random() {
                socket.close(None).await.unwrap();
            }
        }
    }

    /// Adds a channel and takes it away again, so that the library stays as large as it is.
    async fn change(self: Arc<Self>) {
        let channels = self.running.database.collection::<Document>("channels");
        while !self.is_over.load(Ordering::SeqCst) {
            let channel = doc! { "provider_id": "agtv", "channel_id": "soak", "group_title": "Soak" };
            channels.insert_one(&channel).await.unwrap();
            tokio::time::sleep(Duration::from_millis(500)).await;
            channels.delete_many(channel).await.unwrap();
        }
    }

    fn sample(&self) -> Sample {
        let pid = self.running.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let number = |field| {
            let line = status.lines().find_map(|line: &str| line.strip_prefix(field)).expect("Linux tells");
            line.split_whitespace().next().unwrap().parse::<f64>().unwrap()
        };
        Sample {
            megabytes: number("VmRSS:") / 1024.0,
            descriptors: std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as f64,
            threads: number("Threads:"),
            milliseconds: self.slowest_micros.swap(0, Ordering::SeqCst) as f64 / 1000.0,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_mixed_load_memory_descriptors_and_threads_stay_level() {
    let asked = std::env::var("PLAYARR_SOAK_SECONDS").ok().map(|seconds| seconds.parse::<u64>().unwrap());
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    load(&database.connect().await.unwrap(), &fixtures()).await.unwrap();
    let running = Running::start_on(&database, &[("CHANGE_DETECTION", "on")]).await;
    let load = Arc::new(Load {
        running,
        is_over: AtomicBool::new(false),
        requests: AtomicU64::new(0),
        slowest_micros: AtomicU64::new(0),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(load.clone().change());
    tasks.spawn(load.clone().sign_in_and_follow());
    for (path, encoding, pause) in [
        ("/metrics", "identity", 100),
        ("/metrics", "gzip", 100),
        ("/metrics?match[]=playarr_channels_count", "identity", 100),
        ("/api/metrics/events", "identity", 20),
        ("/overview", "identity", 300),
        ("/explore", "identity", 300),
        ("/api/metrics/cardinality", "identity", 300),
        ("/api/metrics/export?format=csv", "identity", 500),
    ] {
        tasks.spawn(load.clone().repeat(path, encoding, Duration::from_millis(pause)));
    }
    let mut samples = Vec::new();
    for _ in 0..asked.unwrap_or(SECONDS) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        samples.push(load.sample());
        if let Some(ended) = tasks.try_join_next() {
            ended.unwrap();
        }
    }
    load.is_over.store(true, Ordering::SeqCst);
    tasks.join_all().await;
    let requests = load.requests.load(Ordering::SeqCst);
    assert!(requests > 100, "{requests} requests");
    for (name, curve) in CURVES {
        let values: Vec<_> = samples.iter().map(curve).collect();
        let (middle, last) = thirds(&values);
        println!("{name}: {middle:.1} in the middle third, {last:.1} in the last");
        // What takes seconds to fill up is no leak, and a busy machine is slow at times.
        assert!(asked.is_none_or(|seconds| seconds < 300) || name.contains("ms") || last <= middle * MORE, "{name}");
    }
    println!("{requests} requests in {} s", samples.len());
    let picture = picture(&samples);
    assert_eq!(picture.matches("<polyline").count(), CURVES.len());
    if let Ok(path) = std::env::var("PLAYARR_SOAK_PICTURE") {
        std::fs::write(path, picture).unwrap();
    }
}

/// The means of the middle third and of the last one.
fn thirds(values: &[f64]) -> (f64, f64) {
    let third = values.len() / 3;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    (mean(&values[third..2 * third]), mean(&values[2 * third..]))
}

#[test]
fn what_grows_is_told_from_what_stays_level() {
    let grows: Vec<_> = (0..90).map(f64::from).collect();
    assert_eq!(thirds(&grows), (44.5, 74.5));
    assert_eq!(thirds(&[3.0; 90]), (3.0, 3.0));
}

/// A curve below the other, each from 0 to its maximum. Of long runs a point shows the largest of some samples.
fn picture(samples: &[Sample]) -> String {
    const POINTS: usize = 800;
    const WIDTH: f64 = 800.0;
    const HEIGHT: f64 = 120.0;
    let total = HEIGHT * CURVES.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{total}\" fill=\"white\"/>\n"
    );
    for (number, (name, curve)) in CURVES.iter().enumerate() {
        let bottom = HEIGHT * (number + 1) as f64 - 10.0;
        let most = samples.iter().map(curve).fold(1.0, f64::max);
        let together = samples.len().div_ceil(POINTS).max(1);
        let point = |(number, samples_together): (usize, &[Sample])| {
            let x = WIDTH * (number * together) as f64 / samples.len() as f64;
            let largest = samples_together.iter().map(curve).fold(0.0, f64::max);
            format!("{x:.1},{:.1}", bottom - (HEIGHT - 40.0) * largest / most)
        };
        let points: Vec<_> = samples.chunks(together).enumerate().map(point).collect();
        let _ = writeln!(
            svg,
            "<text x=\"4\" y=\"{:.1}\">{name}, at most {most:.1}, over {} s</text>\n\
             <polyline fill=\"none\" stroke=\"#1f6feb\" points=\"{}\"/>",
            bottom - HEIGHT + 25.0,
            samples.len(),
            points.join(" ")
        );
    }
    svg + "</svg>\n"
}
