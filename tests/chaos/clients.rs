//! Clients that send events, and the ledger of what was acknowledged to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::installation::Shared;
use crate::support::exposition::value;
use crate::support::oracle::Gauges;

/// Clients with batch ids, and those without.
const CLIENTS: [usize; 2] = [5, 1];

/// The pause of a client before it sends a batch again.
const PAUSE: Duration = Duration::from_millis(100);

/// What was acknowledged.
#[derive(Default)]
pub(super) struct Ledger {
    /// Batches and events of clients whose batches have ids.
    batches: AtomicU64,
    hits: AtomicU64,
    streams: AtomicU64,
    /// Times that a batch was sent again.
    repeats: AtomicU64,
    /// Events of clients without ids.
    misses: AtomicU64,
    /// Events of these clients that were sent, and neither acknowledged nor refused.
    unanswered: AtomicU64,
}

impl Ledger {
    pub(super) fn acknowledged(&self) -> u64 {
        [&self.hits, &self.streams, &self.misses].iter().map(|events| events.load(Ordering::SeqCst)).sum()
    }

    pub(super) fn repeats(&self) -> u64 {
        self.repeats.load(Ordering::SeqCst)
    }

    /// What is not as in the ledger, if something is not.
    pub(super) fn difference(&self, shown: &Gauges) -> Option<String> {
        let count = |name, labels: &[(&str, &str)]| value(shown, name, labels).unwrap_or_default();
        let hits = count("playarr_cache_operations_total", &[("operation", "hit")]);
        let misses = count("playarr_cache_operations_total", &[("operation", "miss")]);
        let streams: f64 = shown.get("playarr_stream_requests_total").into_iter().flat_map(|all| all.values()).sum();
        let observed = count("playarr_stream_request_duration_seconds_count", &[("media_type", "movies")]);
        let expected = [&self.hits, &self.streams, &self.streams].map(|events| events.load(Ordering::SeqCst) as f64);
        let least = self.misses.load(Ordering::SeqCst) as f64;
        let most = least + self.unanswered.load(Ordering::SeqCst) as f64;
        let is_right = [hits, streams, observed] == expected && (least..=most).contains(&misses);
        (!is_right).then(|| {
            format!(
                "hits, streams and observed streams are {hits}, {streams}, {observed}, \
                 and the ledger has {expected:?}; misses are {misses}, and the ledger has from {least} to {most}"
            )
        })
    }
}

/// Starts all clients. They end when the installation settles and their last batch is acknowledged.
pub(super) fn start(shared: &Arc<Shared>) -> tokio::task::JoinSet<()> {
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..CLIENTS[0] {
        clients.spawn(send_with_ids(shared.clone(), client));
    }
    for _ in 0..CLIENTS[1] {
        clients.spawn(send_without_ids(shared.clone()));
    }
    clients
}

/// Sends batches by the rules of the documentation of events: a batch without an answer, or with one that says to come
/// back, is sent again with the same id, to whichever instance.
async fn send_with_ids(shared: Arc<Shared>, client: usize) {
    for number in 0_u64.. {
        if shared.is_settled.load(Ordering::SeqCst) {
            return;
        }
        let (hits, streams) = (rand::rng().random_range(1..40), rand::rng().random_range(0..20));
        let hit = json!({ "type": "cache_operation", "operation": "hit" });
        let stream = json!({
            "type": "stream_request", "user": format!("user-{client}"), "media_type": "movies",
            "duration_seconds": 0.25,
        });
        let events: Vec<_> = std::iter::repeat_n(hit, hits).chain(std::iter::repeat_n(stream, streams)).collect();
        let body = json!({ "batch_id": format!("client-{client}-{number}"), "events": events }).to_string();
        while !is_accepted(&shared, &body, hits + streams).await {
            if shared.findings.is_wrong() {
                return;
            }
            shared.ledger.repeats.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(PAUSE).await;
        }
        shared.ledger.batches.fetch_add(1, Ordering::SeqCst);
        shared.ledger.hits.fetch_add(hits as u64, Ordering::SeqCst);
        shared.ledger.streams.fetch_add(streams as u64, Ordering::SeqCst);
        // So that hours of it do not fill the machine's time.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Whether a batch was acknowledged by any instance. Now and then all get it at once, as if a proxy had sent it twice.
async fn is_accepted(shared: &Shared, body: &str, events: usize) -> bool {
    let instances = shared.addresses.len();
    if rand::rng().random_range(0..5) > 0 {
        let instance = rand::rng().random_range(0..instances);
        return post(shared, instance, body, events).await == Some(true);
    }
    let answers = (0..instances).map(|instance| post(shared, instance, body, events));
    futures_util::future::join_all(answers).await.contains(&Some(true))
}

/// Sends batches without ids once, whatever comes of it.
async fn send_without_ids(shared: Arc<Shared>) {
    while !shared.is_settled.load(Ordering::SeqCst) {
        let misses = rand::rng().random_range(1..20);
        let miss = json!({ "type": "cache_operation", "operation": "miss" });
        let body = json!({ "events": vec![miss; misses] }).to_string();
        let instance = rand::rng().random_range(0..shared.addresses.len());
        let acknowledged = post(&shared, instance, &body, misses).await == Some(true);
        let to = if acknowledged { &shared.ledger.misses } else { &shared.ledger.unanswered };
        to.fetch_add(misses as u64, Ordering::SeqCst);
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether an instance acknowledges a batch, or says to come back; nothing where there was no answer.
async fn post(shared: &Shared, instance: usize, body: &str, events: usize) -> Option<bool> {
    let url = format!("http://{}/api/metrics/events", shared.addresses[instance]);
    let request = shared.client.post(url).bearer_auth(&shared.ingest_token);
    let answer = request.header(CONTENT_TYPE, "application/json").body(body.to_owned()).send().await.ok()?;
    let status = answer.status();
    // A connection that breaks within the answer is no answer.
    let text = answer.text().await.ok()?;
    match status {
        StatusCode::OK => {
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            if answer["accepted"] != json!(events) {
                shared.findings.wrong(format!("instance {instance} answers {events} events with {text}"));
            }
            Some(true)
        }
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Some(false),
        _ => {
            shared.findings.wrong(format!("instance {instance} answers events with {status}: {text}"));
            None
        }
    }
}
