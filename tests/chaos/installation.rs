//! What is attacked: a MongoDB, instances on it, and what all tasks know of them.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use mongodb::options::{ReadConcern, SelectionCriteria};
use mongodb::{Client, Database};
use playarr_sandbox::{Member, Mongod, ReplicaSet};
use rand::RngExt;

use super::clients::Ledger;
use super::custom::{self, Definitions};
use super::findings::Findings;
use super::instance::Instance;
use super::plan::{Deployment, Round};
use crate::support::library::{fixtures, load};
use crate::support::program::run;
use crate::support::proxy::Proxy;
use crate::support::secure::{Files, Tunnel};

/// The name of the database.
pub(super) const NAME: &str = "playarr";

/// The servers, behind proxies where they are members of a replica set.
pub(super) enum Servers {
    Standalone(Mongod),
    ReplicaSet(ReplicaSet, Vec<Proxy>),
}

impl Servers {
    async fn start(deployment: Deployment) -> Self {
        match deployment {
            Deployment::Standalone => Self::Standalone(Mongod::start().await.unwrap()),
            Deployment::ReplicaSet => {
                let mut proxies = Vec::new();
                let members = [Member::Primary, Member::Secondary, Member::Secondary];
                let set = ReplicaSet::start_behind(&members, async |port| {
                    proxies.push(Proxy::before(port).await);
                    proxies.last().expect("it was pushed").port()
                });
                let set = set.await.unwrap();
                Self::ReplicaSet(set, proxies)
            }
        }
    }

    /// The connection string of whoever is not cut off.
    fn uri(&self) -> String {
        match self {
            Self::Standalone(mongod) => format!("{}&serverSelectionTimeoutMS=2000", mongod.uri()),
            Self::ReplicaSet(set, _) => set.uri(),
        }
    }
}

/// When something was last disturbed, and whether it is now.
pub(super) struct Condition {
    /// Goes up when a disturbance begins, and when it ends: it is odd meanwhile.
    changes: AtomicU64,
    last: Mutex<Instant>,
}

impl Condition {
    fn new() -> Self {
        Self { changes: AtomicU64::new(0), last: Mutex::new(Instant::now()) }
    }

    /// A disturbance begins, or ends.
    pub(super) fn change(&self) {
        *self.last.lock().unwrap() = Instant::now();
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// A number that is even while nothing disturbs, and another one after each disturbance.
    pub(super) fn number(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    pub(super) fn is_good(&self) -> bool {
        self.number().is_multiple_of(2)
    }

    /// When a disturbance last began or ended.
    pub(super) fn last(&self) -> Instant {
        *self.last.lock().unwrap()
    }
}

/// The token for scrapes, and those that must not be accepted any more.
#[derive(Default)]
pub(super) struct Tokens {
    pub(super) current: String,
    pub(super) revoked: BTreeSet<String>,
    /// When somebody last wrote one, rightly or not.
    pub(super) touched: Option<Instant>,
}

impl Tokens {
    /// There is a new token, unless it was seen in the settings before the answer came.
    pub(super) fn replaced(&mut self, token: String) {
        if token == self.current {
            return;
        }
        let old = std::mem::replace(&mut self.current, token);
        self.revoked.insert(old);
    }
}

/// What all tasks of a round share.
pub(super) struct Shared {
    pub(super) findings: Arc<Findings>,
    pub(super) ledger: Ledger,
    pub(super) definitions: Definitions,
    pub(super) client: reqwest::Client,
    /// Where the instances answer plain HTTP, themselves or through a tunnel.
    pub(super) addresses: Vec<String>,
    _tunnels: Vec<Tunnel>,
    /// The files that the instances are set up with.
    pub(super) files: Files,
    /// Whether each process can answer.
    pub(super) processes: Vec<Condition>,
    /// Whether MongoDB can answer, and can be reached by all.
    pub(super) mongodb: Condition,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) ingest_token: String,
    pub(super) database: Database,
    /// Clients send no new batches, and the library does not change any more.
    pub(super) is_settled: AtomicBool,
    /// Scrapers end.
    pub(super) is_over: AtomicBool,
}

impl Shared {
    /// Reads the token for scrapes, which may have been replaced without an answer. A stale one does not count.
    pub(super) async fn read_token(&self) {
        let majority = Database::collection_with_options::<Document>;
        let options = mongodb::options::CollectionOptions::builder()
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary));
        let settings = majority(&self.database, "settings", options.build());
        let found = tokio::time::timeout(Duration::from_secs(5), settings.find_one(doc! { "_id": "metrics_token" }));
        let Ok(Ok(Some(found))) = found.await else { return };
        let Ok(value) = found.get_str("value") else { return };
        let mut tokens = self.tokens.lock().unwrap();
        if value != tokens.current && !tokens.revoked.contains(value) {
            tokens.replaced(value.to_owned());
        }
    }

    pub(super) fn token(&self) -> String {
        self.tokens.lock().unwrap().current.clone()
    }
}

/// An installation that runs, and its parts that faults befall.
pub(super) struct Installation {
    pub(super) shared: Arc<Shared>,
    pub(super) instances: Vec<Instance>,
    pub(super) servers: Servers,
}

impl Installation {
    pub(super) async fn start(round: &Round, findings: Arc<Findings>) -> Self {
        let servers = Servers::start(round.deployment).await;
        let uri = servers.uri();
        let database = Client::with_uri_str(&uri).await.unwrap().database(NAME);
        load(&database, &fixtures()).await.unwrap();
        let (metrics, ingest) = (token(&uri, &["token"]).await, token(&uri, &["token", "--ingest"]).await);
        let files = Files::new();
        files.write("custom.yaml", custom::FILE);
        let (listening, mut tunnels) = (free_addresses(round.instances.len()), Vec::new());
        if round.has_tls {
            for address in &listening {
                tunnels.push(Tunnel::to(address, &files.authority).await);
            }
        }
        let addresses = if round.has_tls {
            tunnels.iter().map(|tunnel| tunnel.address().to_owned()).collect()
        } else {
            listening.clone()
        };
        let shared = Arc::new(Shared {
            findings,
            ledger: Ledger::default(),
            definitions: Definitions::default(),
            client: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap(),
            processes: addresses.iter().map(|_| Condition::new()).collect(),
            addresses,
            _tunnels: tunnels,
            files,
            mongodb: Condition::new(),
            tokens: Mutex::new(Tokens { current: metrics, ..Tokens::default() }),
            ingest_token: ingest,
            database,
            is_settled: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        });
        let mut started = Vec::new();
        for (number, address) in listening.into_iter().enumerate() {
            let proxy = match &servers {
                Servers::Standalone(mongod) => Some(Proxy::before(mongod.port()).await),
                Servers::ReplicaSet(..) => None,
            };
            let uri = proxy.as_ref().map_or_else(|| uri.clone(), Proxy::uri);
            let mut settings = vec![("MONGODB_URI", uri), ("LISTEN_ADDRESS", address)];
            if round.has_tls {
                let files = [("TLS_CERT_FILE", "cert.pem"), ("TLS_KEY_FILE", "key.pem")];
                settings.extend(files.map(|(name, file)| (name, shared.files.path(file))));
            }
            started.push(Instance::start(number, shared.clone(), settings, proxy));
        }
        for instance in &started {
            instance.until_ready().await;
        }
        Self { shared, instances: started, servers }
    }
}

/// A token, as the program prints it.
async fn token(uri: &str, arguments: &[&str]) -> String {
    let output = run(&[("MONGODB_URI", uri), ("MONGODB_DB_NAME", NAME)], arguments).await;
    let token = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    assert!(!token.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    token
}

/// Addresses for processes that end and start again: connections that go out are not given these ports meanwhile.
fn free_addresses(count: usize) -> Vec<String> {
    let mut listeners = Vec::new();
    while listeners.len() < count {
        listeners.extend(TcpListener::bind(("127.0.0.1", rand::rng().random_range(20_000..32_000))));
    }
    listeners.iter().map(|listener| listener.local_addr().unwrap().to_string()).collect()
}
