//! Live events while instances are killed, a replica set loses its primary, or collections are dropped, checked against
//! a ledger: every acknowledged batch is counted exactly once,
//! and nothing that a scrape has shown is ever lower in a later one.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[cfg(feature = "system-tests")]
use mongodb::bson::{Document, doc};
use playarr_sandbox::TestDatabase;
#[cfg(feature = "system-tests")]
use playarr_sandbox::{Member, Mongod, ReplicaSet};
use rand::RngExt;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use tokio::process::Child;
use tokio::task::JoinSet;

use crate::support::exposition::{parse, value};
use crate::support::oracle::{Gauges, Labels};
#[cfg(feature = "system-tests")]
use crate::support::program::signal_process;
use crate::support::program::{program, run, signal};
#[cfg(feature = "system-tests")]
use crate::support::prometheus::Prometheus;
use crate::support::until;

/// How many clients send batches side by side.
const CLIENTS: usize = 8;

/// How often an instance is killed while they do.
const KILLS: usize = 20;

/// The pause of a client before it sends a batch again, and of a scraper between scrapes.
const PAUSE: Duration = Duration::from_millis(50);

/// An installation of several instances on one database, which its test kills and starts again.
struct Installation {
    uri: String,
    name: String,
    /// Dropped at the end.
    _database: Option<TestDatabase>,
    addresses: Vec<String>,
    metrics_token: String,
    ingest_token: String,
    client: reqwest::Client,
    /// Whether batches are sometimes sent to all instances at once.
    sends_twice: bool,
}

impl Installation {
    async fn new(instances: usize) -> Self {
        let database = playarr_sandbox::mongodb().await.unwrap().database();
        let (uri, name) = (database.uri().to_owned(), database.name().to_owned());
        Self { _database: Some(database), ..Self::at(uri, name, instances).await }
    }

    async fn at(uri: String, name: String, instances: usize) -> Self {
        // Bound together, so that no two get the same port; the instances bind them again and again.
        let listeners: Vec<_> = (0..instances).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
        let (metrics_token, ingest_token) =
            (shown_token(&uri, &name, &["token"]).await, shown_token(&uri, &name, &["token", "--ingest"]).await);
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().unwrap();
        Self { uri, name, _database: None, addresses, metrics_token, ingest_token, client, sends_twice: true }
    }

    fn start(&self, instance: usize) -> Child {
        let settings = [
            ("MONGODB_URI", &*self.uri),
            ("MONGODB_DB_NAME", &*self.name),
            ("LISTEN_ADDRESS", &*self.addresses[instance]),
            ("LOG_LEVEL", "error"),
        ];
        program(&settings, &[]).stderr(Stdio::null()).spawn().unwrap()
    }

    /// The samples of an instance, if it answers.
    async fn scrape(&self, instance: usize) -> Option<Gauges> {
        let url = format!("http://{}/metrics", self.addresses[instance]);
        let answer = self.client.get(url).bearer_auth(&self.metrics_token).send().await.ok()?;
        Some(parse(&answer.error_for_status().ok()?.text().await.ok()?))
    }

    /// Starts all instances, and waits until they are ready.
    async fn start_all(&self) -> Vec<Child> {
        let instances: Vec<_> = (0..self.addresses.len()).map(|instance| self.start(instance)).collect();
        for instance in 0..instances.len() {
            self.until_ready(instance).await;
        }
        instances
    }

    async fn until_ready(&self, instance: usize) {
        let url = format!("http://{}/-/ready", self.addresses[instance]);
        until("an instance is ready", Duration::from_secs(60), || async {
            self.client.get(&url).send().await.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }
}

/// A token, as the program prints it.
async fn shown_token(uri: &str, name: &str, arguments: &[&str]) -> String {
    let settings = [("MONGODB_URI", uri), ("MONGODB_DB_NAME", name)];
    String::from_utf8(run(&settings, arguments).await.stdout).unwrap().trim().to_owned()
}

/// What was acknowledged to the clients.
#[derive(Default)]
struct Ledger {
    batches: AtomicU64,
    hits: AtomicU64,
    streams: AtomicU64,
    repeats: AtomicU64,
}

/// Sends batches one after the other by the rules of the Node client: a batch without an answer, or with one that says
/// to come back, is sent again with the same id, to whichever instance.
async fn send_batches(installation: Arc<Installation>, client: usize, ledger: Arc<Ledger>, stop: Arc<AtomicBool>) {
    for number in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let (hits, streams) = (rand::rng().random_range(1..40), rand::rng().random_range(0..20));
        send_batch(&installation, client, &format!("client-{client}-{number}"), hits, streams, &ledger).await;
    }
}

/// Sends one batch until it is acknowledged, and enters it in the ledger.
async fn send_batch(
    installation: &Installation,
    client: usize,
    id: &str,
    hits: usize,
    streams: usize,
    ledger: &Ledger,
) {
    let hit = json!({ "type": "cache_operation", "operation": "hit" });
    let stream = json!({
        "type": "stream_request", "user": format!("user-{client}"), "media_type": "movies", "duration_seconds": 0.25,
    });
    let events: Vec<_> = std::iter::repeat_n(hit, hits).chain(std::iter::repeat_n(stream, streams)).collect();
    let body = json!({ "batch_id": id, "events": events }).to_string();
    while !accepted(installation, &body, (hits + streams) as u64).await {
        ledger.repeats.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }
    ledger.batches.fetch_add(1, Ordering::Relaxed);
    ledger.hits.fetch_add(hits as u64, Ordering::Relaxed);
    ledger.streams.fetch_add(streams as u64, Ordering::Relaxed);
}

/// Whether a batch was acknowledged by any instance. Now and then all get it at once, as if a proxy had sent it twice.
async fn accepted(installation: &Installation, body: &str, events: u64) -> bool {
    let instances = installation.addresses.len();
    if !installation.sends_twice || rand::rng().random_range(0..5) > 0 {
        let instance = rand::rng().random_range(0..instances);
        return accepted_by(instance, installation, body, events).await;
    }
    let answers = (0..instances).map(|instance| accepted_by(instance, installation, body, events));
    futures_util::future::join_all(answers).await.contains(&true)
}

/// Whether an instance acknowledges a batch. Any answer but that and "come back later" fails the test.
async fn accepted_by(instance: usize, installation: &Installation, body: &str, events: u64) -> bool {
    let url = format!("http://{}/api/metrics/events", installation.addresses[instance]);
    let request = installation.client.post(url).bearer_auth(&installation.ingest_token);
    let request = request.header(CONTENT_TYPE, "application/json").body(body.to_owned());
    let Ok(answer) = request.send().await else { return false };
    let status = answer.status();
    // A connection that breaks within the answer is no answer.
    let Ok(text) = answer.text().await else { return false };
    match status {
        StatusCode::OK => {
            let answer: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(answer["accepted"], json!(events), "{answer}");
            true
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => false,
        _ => panic!("{status}: {text}"),
    }
}

/// Scrapes an instance again and again and fails if a counter is ever lower than before.
async fn watch_counters(installation: Arc<Installation>, instance: usize, stop: Arc<AtomicBool>) -> u64 {
    let mut shown: BTreeMap<(String, Labels), f64> = BTreeMap::new();
    let mut scrapes = 0;
    while !stop.load(Ordering::Relaxed) {
        if let Some(samples) = installation.scrape(instance).await {
            scrapes += 1;
            for (name, series) in samples.into_iter().filter(|(name, _)| is_live_counter(name)) {
                for (labels, value) in series {
                    let before = shown.insert((name.clone(), labels.clone()), value).unwrap_or_default();
                    assert!(value >= before, "{name}{labels:?} of instance {instance}: {before}, then {value}");
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
    scrapes
}

/// Counters of events. What the service counts of itself restarts with its process.
fn is_live_counter(name: &str) -> bool {
    let is_counter = ["_total", "_bucket", "_count", "_sum"].iter().any(|suffix| name.ends_with(suffix));
    is_counter && name.starts_with("playarr_") && !name.starts_with("playarr_metrics_")
}

/// Clients that send batches to an installation, and scrapers that watch each of its instances.
struct Load {
    installation: Arc<Installation>,
    ledger: Arc<Ledger>,
    sent: Arc<AtomicBool>,
    watched: Arc<AtomicBool>,
    clients: JoinSet<()>,
    scrapers: JoinSet<u64>,
}

impl Load {
    fn start(installation: &Arc<Installation>) -> Self {
        Self::after(installation, Arc::default())
    }

    /// Load that goes on with a ledger.
    fn after(installation: &Arc<Installation>, ledger: Arc<Ledger>) -> Self {
        let (sent, watched): (Arc<AtomicBool>, Arc<AtomicBool>) = Default::default();
        let (mut clients, mut scrapers) = (JoinSet::new(), JoinSet::new());
        for client in 0..CLIENTS {
            clients.spawn(send_batches(installation.clone(), client, ledger.clone(), sent.clone()));
        }
        for instance in 0..installation.addresses.len() {
            scrapers.spawn(watch_counters(installation.clone(), instance, watched.clone()));
        }
        Self { installation: installation.clone(), ledger, sent, watched, clients, scrapers }
    }

    /// Fails if a client has given up: it would leave nothing to do for the others.
    fn check(&mut self) {
        assert_eq!(self.clients.len(), CLIENTS, "a client gave up: {:?}", self.clients.try_join_next());
    }

    /// Waits until more batches are acknowledged.
    #[cfg(feature = "system-tests")]
    async fn until_more(&mut self, what: &str) {
        let expected = self.ledger.batches.load(Ordering::Relaxed) + 50;
        let ledger = self.ledger.clone();
        until(what, Duration::from_secs(90), || async { ledger.batches.load(Ordering::Relaxed) >= expected }).await;
        self.check();
    }

    /// Ends the load, and compares what every instance shows with the ledger.
    async fn end(self) -> Arc<Ledger> {
        self.sent.store(true, Ordering::Relaxed);
        tokio::time::timeout(Duration::from_secs(60), self.clients.join_all())
            .await
            .expect("each batch is acknowledged");
        let expected = counted(&self.ledger);
        for instance in 0..self.installation.addresses.len() {
            let started = Instant::now();
            while self.installation.scrape(instance).await.is_none_or(|samples| shown(&samples) != expected)
                && started.elapsed() < Duration::from_secs(30)
            {
                tokio::time::sleep(PAUSE).await;
            }
            let samples = self.installation.scrape(instance).await.expect("it answers");
            assert_eq!(shown(&samples), expected, "hits and streams of instance {instance}, beside the ledger");
        }
        self.watched.store(true, Ordering::Relaxed);
        let scrapes: u64 = self.scrapers.join_all().await.into_iter().sum();
        assert!(scrapes > 0);
        self.ledger
    }
}

/// The hits and streams in the ledger.
fn counted(ledger: &Ledger) -> (f64, f64) {
    (ledger.hits.load(Ordering::Relaxed) as f64, ledger.streams.load(Ordering::Relaxed) as f64)
}

/// The hits and streams that an instance shows; each stream request is also one observation of a histogram.
fn shown(samples: &Gauges) -> (f64, f64) {
    let hits = value(samples, "playarr_cache_operations_total", &[("operation", "hit")]).unwrap_or_default();
    let by_user = samples.get("playarr_stream_requests_total").into_iter().flat_map(BTreeMap::values);
    let streams: f64 = by_user.sum();
    let observed = value(samples, "playarr_stream_request_duration_seconds_count", &[("media_type", "movies")]);
    assert_eq!(observed.unwrap_or_default(), streams, "one event moves its counter and its histogram together");
    (hits, streams)
}

/// Kills instances in turn, at any moment, and starts them again.
async fn kill_in_turn(installation: &Installation, instances: &mut [Child], load: &mut Load) {
    for kill in 0..KILLS {
        let wait = rand::rng().random_range(100..1_500);
        tokio::time::sleep(Duration::from_millis(wait)).await;
        let instance = kill % instances.len();
        signal(&instances[instance], "KILL").await;
        assert!(!instances[instance].wait().await.unwrap().success());
        instances[instance] = installation.start(instance);
        load.check();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_batch_counts_once_however_often_instances_are_killed() {
    let installation = Arc::new(Installation::new(2).await);
    let mut instances = installation.start_all().await;
    let mut load = Load::start(&installation);
    kill_in_turn(&installation, &mut instances, &mut load).await;
    let ledger = load.end().await;
    assert!(ledger.batches.load(Ordering::Relaxed) > KILLS as u64);
    for instance in instances {
        signal(&instance, "TERM").await;
    }
}

#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_sees_exactly_what_is_in_the_ledger_however_often_instances_are_killed() {
    let installation = Arc::new(Installation::new(2).await);
    let mut instances = installation.start_all().await;
    // Prometheus counts no increase for the sample it sees first, so each series is there before the load.
    let ledger = Arc::new(Ledger::default());
    for client in 0..CLIENTS {
        send_batch(&installation, client, &format!("first-{client}"), 1, 1, &ledger).await;
    }
    let before = counted(&ledger);
    let (first, second) = (&*installation.addresses[0], &*installation.addresses[1]);
    let prometheus =
        Prometheus::scraping(&[("first", first), ("second", second)], &installation.metrics_token, "").await;
    let (hits, streams) = ("playarr_cache_operations_total{operation='hit'}", "playarr_stream_requests_total");
    let streams_of_all = format!("sum by (job) ({streams})");
    let shows = |expected: (f64, f64)| {
        let (prometheus, streams_of_all) = (&prometheus, &streams_of_all);
        async move {
            let (hits, streams) = (prometheus.query(hits).await, prometheus.query(streams_of_all).await);
            let at_both = |shown: Vec<(Value, f64)>| shown.into_iter().map(|(_, value)| value).collect::<Vec<_>>();
            (at_both(hits), at_both(streams)) == (vec![expected.0; 2], vec![expected.1; 2])
        }
    };
    prometheus.until_it("shows the first batches", || shows(before)).await;

    let mut load = Load::after(&installation, ledger);
    kill_in_turn(&installation, &mut instances, &mut load).await;
    let ledger = load.end().await;
    let after = counted(&ledger);
    prometheus.until_it("shows the last batches", || shows(after)).await;

    for (selector, expected) in [(hits, after.0 - before.0), (streams, after.1 - before.1)] {
        for job in ["first", "second"] {
            let increases = prometheus.whole_increase(selector).await;
            let of_job: Vec<_> = increases.iter().filter(|(labels, ..)| labels["job"] == job).collect();
            let increase: f64 = of_job.iter().map(|(_, increase, _)| increase).sum();
            assert!(of_job.iter().all(|(_, _, resets)| *resets == 0.0), "{of_job:?}");
            assert!((increase - expected).abs() < 1e-6, "{selector} of {job}: {increase} instead of {expected}");
        }
    }
    for instance in instances {
        signal(&instance, "TERM").await;
    }
}

#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_batch_counts_once_though_mongod_is_killed_again_and_again() {
    let mut mongod = Mongod::start().await.unwrap();
    let uri = format!("{}&serverSelectionTimeoutMS=2000", mongod.uri());
    let installation = Arc::new(Installation::at(uri, "playarr".to_owned(), 2).await);
    let instances = installation.start_all().await;
    let mut load = Load::start(&installation);
    for _ in 0..3 {
        load.until_more("batches are kept").await;
        mongod.kill().await.unwrap();
        mongod.restart().await.unwrap();
    }
    load.until_more("batches are kept after all").await;
    load.end().await;
    for instance in instances {
        signal(&instance, "TERM").await;
    }
}

/// Sends a signal to a member of a replica set.
#[cfg(feature = "system-tests")]
async fn signal_member(set: &ReplicaSet, member: usize, name: &str) {
    signal_process(set.members[member].pid().expect("it runs"), name).await;
}

#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_batch_counts_once_though_a_replica_set_loses_its_primary_again_and_again() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let installation = Arc::new(Installation::at(set.uri(), "playarr".to_owned(), 2).await);
    let instances = installation.start_all().await;
    let mut load = Load::start(&installation);
    load.until_more("batches are kept").await;

    set.members[0].kill().await.unwrap();
    load.until_more("batches are kept after the primary was killed").await;
    set.members[0].restart().await.unwrap();
    // It is preferred, so the one that was elected steps down for it.
    set.until_writable(0).await.unwrap();
    load.until_more("batches are kept after it came back").await;

    // The answer may be that the connection is closed.
    let _ = set.run(0, doc! { "replSetStepDown": 5, "force": true }).await;
    load.until_more("batches are kept after a step-down").await;
    set.until_writable(0).await.unwrap();
    load.until_more("batches are kept after the return of the preferred one").await;

    signal_member(&set, 0, "STOP").await;
    load.until_more("batches are kept while the old primary is stopped").await;
    signal_member(&set, 0, "CONT").await;
    set.until_writable(0).await.unwrap();
    load.until_more("batches are kept after it went on").await;

    load.end().await;
    for instance in instances {
        signal(&instance, "TERM").await;
    }
}

#[cfg(feature = "system-tests")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_batch_counts_once_though_collections_are_dropped_under_load() {
    // A batch that comes twice at once may be counted twice until the index is there again.
    let installation = Arc::new(Installation { sends_twice: false, ..Installation::new(2).await });
    let instances = installation.start_all().await;
    let client = mongodb::Client::with_uri_str(&installation.uri).await.unwrap();
    let database = client.database(&installation.name);
    let mut load = Load::start(&installation);
    for dropped in
        [&["playarr_metrics_journal"][..], &["playarr_metrics"], &["playarr_metrics_journal", "playarr_metrics"]]
    {
        load.until_more("batches are kept").await;
        for collection in dropped {
            database.collection::<Document>(collection).drop().await.unwrap();
        }
        // Two looks show a loss.
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    load.until_more("batches are kept after all").await;
    load.end().await;
    for instance in instances {
        signal(&instance, "TERM").await;
    }
}
