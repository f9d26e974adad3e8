//! The instance that refreshes is killed, stopped and cut off, again and again, while all are scraped: no scrape fails,
//! no generation goes back, and no two refreshes publish the same one.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::Database;
use mongodb::bson::{Document, doc};
use playarr_sandbox::Mongod;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use tokio::task::JoinSet;

use crate::support::library::{fixtures, load};
use crate::support::program::{program, signal};
use crate::support::proxy::Proxy;
use crate::support::service::metrics_token;
use crate::support::{awaited, until};

const INSTANCES: usize = 3;

/// Far beyond what it takes, for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// The pause between scrapes of an instance, and between changes of the library.
const PAUSE: Duration = Duration::from_millis(100);

/// What befalls the instance that refreshes.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Stop,
    Cut,
}

const FAULTS: [Fault; 3] = [Fault::Kill, Fault::Stop, Fault::Cut];

/// How many faults there are: `PLAYARR_TEST_FAULTS`, or a few.
fn faults() -> usize {
    std::env::var("PLAYARR_TEST_FAULTS").ok().map_or(4, |faults| faults.parse().unwrap())
}

/// A snapshot that was published, as the log tells.
type Publications = Arc<std::sync::Mutex<Vec<(u64, usize)>>>;

struct Instance {
    number: usize,
    address: String,
    proxy: Proxy,
    child: Child,
    /// Even while it is expected to answer; goes up with each fault and when that is over.
    faults: Arc<AtomicU64>,
    /// The id that it has in the lease.
    id: String,
}

struct Installation {
    mongod: Mongod,
    database: Database,
    client: reqwest::Client,
    token: String,
    publications: Publications,
}

impl Installation {
    fn start(&self, number: usize, address: &str, proxy: &Proxy) -> Child {
        let uri = proxy.uri();
        let settings = [
            ("MONGODB_URI", &*uri),
            ("MONGODB_DB_NAME", self.database.name()),
            ("LISTEN_ADDRESS", address),
            ("LOG_FORMAT", "json"),
            ("LOG_LEVEL", "info,playarr_jobs::refresh=debug"),
        ];
        let mut child = program(&settings, &[]).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let publications = self.publications.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let line: Value = serde_json::from_str(&line).unwrap();
                // Where everything failed, nothing new was published.
                if line["message"] == "refreshed" && line["failed"] != line["collectors"] {
                    publications.lock().unwrap().push((line["generation"].as_u64().unwrap(), number));
                }
            }
        });
        child
    }

    /// Waits until it is ready, and returns its id in the lease.
    async fn until_ready(&self, address: &str) -> String {
        until("an instance is ready", PATIENCE, || async {
            let ready = self.client.get(format!("http://{address}/-/ready")).send().await;
            ready.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        awaited("its id", || async {
            let status = self.client.get(format!("http://{address}/api/metrics/status"));
            let status: Value = status.header("x-api-key", "admin001").send().await.ok()?.json().await.ok()?;
            status["sharing"]["instance"].as_str().map(str::to_owned)
        })
        .await
    }

    async fn instance(&self, number: usize, address: String) -> Instance {
        let proxy = Proxy::before(self.mongod.port()).await;
        let child = self.start(number, &address, &proxy);
        let id = self.until_ready(&address).await;
        Instance { number, address, proxy, child, faults: Arc::default(), id }
    }

    /// The holder of the lease, and the number that was given out last.
    async fn lease(&self) -> (String, i64) {
        let leases = self.database.collection::<Document>("playarr_metrics");
        let lease = leases.find_one(doc! { "_id": "refresh_lease" }).await.unwrap().unwrap();
        (lease.get_str("holder").unwrap().to_owned(), lease.get_i64("generation").unwrap())
    }

    /// The number of the last snapshot that is stored.
    async fn stored(&self) -> i64 {
        let snapshots = self.database.collection::<Document>("playarr_metrics_snapshots");
        snapshots.find_one(doc! { "_id": "last" }).await.unwrap().unwrap().get_i64("generation").unwrap()
    }

    async fn series(&self, address: &str) -> reqwest::Result<Value> {
        let url = format!("http://{address}/api/metrics/series?limit=1&match[]=playarr_active_users");
        self.client.get(url).bearer_auth(&self.token).send().await?.error_for_status()?.json().await
    }

    /// A scrape, and the generation that the instance shows.
    async fn scrape(&self, address: &str) -> Result<u64, String> {
        let scrape = self.client.get(format!("http://{address}/metrics")).bearer_auth(&self.token).send().await;
        let text =
            scrape.and_then(reqwest::Response::error_for_status).map_err(|error| error.to_string())?.text().await;
        if !text.map_err(|error| error.to_string())?.contains("\nplayarr_active_users ") {
            return Err("no gauge is shown".to_owned());
        }
        let series = self.series(address).await.map_err(|error| error.to_string())?;
        Ok(series["generation"].as_u64().unwrap())
    }
}

/// Scrapes an instance for ever. Fails if a scrape does although nothing is wrong with the process, and if a generation
/// is lower than one before.
async fn scrape_for_ever(
    installation: Arc<Installation>,
    number: usize,
    address: String,
    faults: Arc<AtomicU64>,
    scrapes: Arc<AtomicU64>,
) {
    let mut highest = 0;
    loop {
        let before = faults.load(Ordering::SeqCst);
        let scraped = installation.scrape(&address).await;
        let is_expected = before.is_multiple_of(2) && before == faults.load(Ordering::SeqCst);
        match scraped {
            Ok(generation) => {
                assert!(generation >= highest, "instance {number} shows {generation} after {highest}");
                highest = generation;
                scrapes.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) if is_expected => panic!("a scrape of instance {number} failed: {error}"),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Changes the library for ever, so that there is always something to publish.
async fn change_for_ever(database: Database) {
    let users = database.collection::<Document>("users");
    for number in 0_u64.. {
        users.insert_one(doc! { "username": format!("u{number}"), "api_key": format!("k{number:07}") }).await.unwrap();
        tokio::time::sleep(PAUSE).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_befalls_the_instance_that_refreshes_another_takes_over_and_nothing_goes_back() {
    let mongod = Mongod::start().await.unwrap();
    let database = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap().database("playarr");
    load(&database, &fixtures()).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
    let publications = Publications::default();
    let mut installation = Installation { mongod, database, client, token: String::new(), publications };
    let listeners: Vec<_> = (0..INSTANCES).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let addresses: Vec<_> = listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect();
    drop(listeners);
    let mut instances = Vec::new();
    for (number, address) in addresses.into_iter().enumerate() {
        instances.push(installation.instance(number, address).await);
    }
    installation.token = metrics_token(&installation.database).await;
    let installation = Arc::new(installation);

    let scrapes: [Arc<AtomicU64>; INSTANCES] = Default::default();
    let mut watching = JoinSet::new();
    watching.spawn(change_for_ever(installation.database.clone()));
    for (instance, scrapes) in instances.iter().zip(&scrapes) {
        let (address, faults) = (instance.address.clone(), instance.faults.clone());
        watching.spawn(scrape_for_ever(installation.clone(), instance.number, address, faults, scrapes.clone()));
    }
    let mut takeovers = Vec::new();
    for number in 0..faults() {
        let fault = FAULTS[number % FAULTS.len()];
        let took = suffer(&installation, &mut instances, fault).await;
        takeovers.push((fault, took));
        if let Some(ended) = watching.try_join_next() {
            ended.unwrap();
        }
    }
    watching.abort_all();
    while let Some(ended) = watching.join_next().await {
        assert!(ended.as_ref().is_err_and(tokio::task::JoinError::is_cancelled), "{ended:?}");
    }
    let scrapes = scrapes.map(|scrapes| scrapes.load(Ordering::SeqCst));
    assert!(scrapes.iter().all(|&scrapes| scrapes > 10), "{scrapes:?}");
    let publications = installation.publications.lock().unwrap().clone();
    let mut by_number = BTreeMap::new();
    for (generation, instance) in &publications {
        if let Some(other) = by_number.insert(generation, instance) {
            panic!("generation {generation} was published by instance {other} and by instance {instance}");
        }
    }
    assert!(publications.len() > takeovers.len(), "{publications:?}");
    println!("{} generations, scrapes by instance {scrapes:?}, takeovers {takeovers:?}", publications.len());
}

/// Lets a fault befall the instance that refreshes, waits until another one has published, and mends it. Returns how
/// long the other one took.
async fn suffer(installation: &Installation, instances: &mut [Instance], fault: Fault) -> Duration {
    let (holder, _) = installation.lease().await;
    let victim = instances.iter_mut().find(|instance| instance.id == holder).expect("a holder that is known");
    let began = Instant::now();
    if !matches!(fault, Fault::Cut) {
        victim.faults.fetch_add(1, Ordering::SeqCst);
    }
    match fault {
        Fault::Kill => {
            signal(&victim.child, "KILL").await;
            victim.child.wait().await.unwrap();
        }
        Fault::Stop => signal(&victim.child, "STOP").await,
        Fault::Cut => victim.proxy.cut(),
    }
    until(&format!("another instance holds the lease after {fault:?}"), PATIENCE, || async {
        installation.lease().await.0 != holder
    })
    .await;
    let before = installation.stored().await;
    until("it has published", PATIENCE, || async { installation.stored().await > before }).await;
    let took = began.elapsed();

    match fault {
        Fault::Kill => {
            victim.child = installation.start(victim.number, &victim.address, &victim.proxy);
            victim.id = installation.until_ready(&victim.address).await;
        }
        Fault::Stop => signal(&victim.child, "CONT").await,
        Fault::Cut => victim.proxy.mend(),
    }
    if !matches!(fault, Fault::Cut) {
        victim.faults.fetch_add(1, Ordering::SeqCst);
    }
    // It follows the other one.
    let published = u64::try_from(installation.stored().await).unwrap();
    until("it follows", PATIENCE, || async {
        let shown = installation.series(&victim.address).await;
        shown.is_ok_and(|shown| shown["generation"].as_u64().unwrap() >= published)
    })
    .await;
    took
}
