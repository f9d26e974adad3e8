//! An installation to which everything happens at once, checked against a ledger: processes are killed, stopped and
//! asked to end, servers of MongoDB too, connections are cut, clocks set, settings written back from a stale copy.
//!
//! What is acknowledged counts once, whatever is shown never goes back, a process that runs answers every scrape, and
//! when the faults are over every instance shows what is in the library and in the ledger.

mod clients;
mod conductor;
mod custom;
mod findings;
mod installation;
mod instance;
mod plan;
mod scraper;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use tokio::task::JoinSet;

use crate::support::exposition::{database_gauges, parse};
use crate::support::library::{Library, read};
use crate::support::oracle::{self, Detail, Gauges};
use crate::support::program::faketime;
use findings::Findings;
use installation::{Installation, Shared};
use instance::{Instance, PATIENCE};
use plan::{Plan, Round};

/// How long faults happen, unless `PLAYARR_CHAOS_SECONDS` says otherwise.
const SECONDS: u64 = 40;

/// The seed, unless `PLAYARR_CHAOS_SEED` says otherwise.
const SEED: u64 = 14;

/// The longest round.
const ROUND: u64 = 90;

/// All series: as Prometheus gets them, and as a file.
const SHOWING: [&str; 2] = ["/metrics", "/api/metrics/export?format=text"];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_an_installation_it_loses_nothing_and_shows_nothing_wrong() {
    let (seconds, seed) = (number("PLAYARR_CHAOS_SECONDS", SECONDS), number("PLAYARR_CHAOS_SEED", SEED));
    let mut plan = Plan::new(seed, faketime().is_some());
    let began = Instant::now();
    let (mut rounds, mut acknowledged, mut repeats) = (0, 0, 0);
    let length = Duration::from_secs(ROUND.min(seconds.div_ceil(2)));
    let findings = Arc::new(Findings::new());
    while rounds < 2 || began.elapsed() < Duration::from_secs(seconds) {
        let round = plan.next(length);
        rounds += 1;
        let (deployment, instances) = (round.deployment, round.instances.len());
        let transport = if round.has_tls { "TLS" } else { "plain HTTP" };
        eprintln!("seed {seed}, round {rounds}: {deployment:?}, {instances} instances, {transport}");
        let shared = play(round, findings.clone()).await;
        acknowledged += shared.ledger.acknowledged();
        repeats += shared.ledger.repeats();
    }
    println!(
        "seed {seed}, {rounds} rounds, {findings}, {acknowledged} acknowledged events, {repeats} batches sent again"
    );
    assert!(acknowledged > 0 && findings.good_scrapes() > 0, "it was tried at all");
}

/// Plays a round, and compares everything at its end.
async fn play(round: Round, findings: Arc<Findings>) -> Arc<Shared> {
    let installation = Installation::start(&round, findings).await;
    let shared = installation.shared.clone();
    let mut scrapers = JoinSet::new();
    for instance in 0..shared.addresses.len() {
        scrapers.spawn(scraper::watch(shared.clone(), instance));
    }
    let clients = clients::start(&shared);
    let writer = tokio::spawn(conductor::change_library(shared.clone()));
    let settings = tokio::spawn(conductor::of_settings(round.settings, shared.clone()));
    let servers = tokio::spawn(conductor::of_mongodb(installation.servers, round.mongodb, shared.clone()));
    let mut instances = JoinSet::new();
    for (instance, track) in installation.instances.into_iter().zip(round.instances) {
        instances.spawn(conductor::of_instance(instance, track, shared.clone()));
    }
    let mut instances: Vec<Instance> = instances.join_all().await;
    settings.await.unwrap();
    let _servers = servers.await.unwrap();

    shared.is_settled.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    if tokio::time::timeout(PATIENCE, clients.join_all()).await.is_err() {
        shared.findings.wrong("batches are not acknowledged although all faults are over".to_owned());
    }
    compare(&shared).await;
    shared.is_over.store(true, Ordering::SeqCst);
    scrapers.join_all().await;
    for instance in &mut instances {
        instance.terminate().await;
    }
    if shared.findings.is_wrong() {
        let logs: String = instances.iter().map(Instance::log).collect();
        panic!("{}\n{logs}", shared.findings.story());
    }
    shared
}

/// Waits until every instance shows what is in the ledger and in the library, and accepts the right token only.
async fn compare(shared: &Shared) {
    let library = library(shared).await;
    let expected = oracle::gauges(&library, Detail::Title);
    for instance in 0..shared.addresses.len() {
        let began = Instant::now();
        loop {
            if shared.findings.is_wrong() {
                return;
            }
            shared.read_token().await;
            let mut difference = None;
            for path in SHOWING {
                difference = difference.or(match series(shared, instance, path).await {
                    Some(shown) => difference_of(shared, &library, &expected, shown),
                    None => Some(format!("it does not answer {path}")),
                });
            }
            let Some(difference) = difference else { break };
            if began.elapsed() > PATIENCE {
                let (status, lease) = (status(shared, instance).await, lease(shared).await);
                let state = format!("its status: {status}\nthe lease: {lease:?}");
                shared.findings.wrong(format!("instance {instance}, all faults being over: {difference}\n{state}"));
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let revoked = shared.tokens.lock().unwrap().revoked.clone();
        for token in revoked {
            let url = format!("http://{}/metrics", shared.addresses[instance]);
            let answer = shared.client.get(url).bearer_auth(token).send().await.unwrap().status();
            if answer != StatusCode::UNAUTHORIZED {
                shared.findings.wrong(format!("instance {instance} answers {answer} to a token that was replaced"));
            }
        }
    }
}

/// The library. On a busy machine the servers may elect another primary once more.
async fn library(shared: &Shared) -> Library {
    let began = Instant::now();
    loop {
        match read(&shared.database).await {
            Ok(library) => return library,
            Err(error) if began.elapsed() > PATIENCE => panic!("the library cannot be read: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

async fn status(shared: &Shared, instance: usize) -> String {
    let url = format!("http://{}/api/metrics/status", shared.addresses[instance]);
    match shared.client.get(url).header("x-api-key", "admin001").send().await {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

async fn lease(shared: &Shared) -> mongodb::error::Result<Option<Document>> {
    shared.database.collection("playarr_metrics").find_one(doc! { "_id": "refresh_lease" }).await
}

async fn series(shared: &Shared, instance: usize, path: &str) -> Option<Gauges> {
    let url = format!("http://{}{path}", shared.addresses[instance]);
    let answer = shared.client.get(url).bearer_auth(shared.token()).send().await.ok()?;
    Some(parse(&answer.error_for_status().ok()?.text().await.ok()?))
}

/// What an instance shows that is not in the ledger or not in the library.
fn difference_of(shared: &Shared, library: &Library, expected: &Gauges, shown: Gauges) -> Option<String> {
    let of_others = shared.ledger.difference(&shown).or_else(|| custom::difference(shared, library, &shown));
    if of_others.is_some() {
        return of_others;
    }
    let shown = database_gauges(shown);
    let different = expected.iter().find(|(name, series)| shown.get(*name) != Some(series));
    different.map(|(name, series)| {
        let shown = shown.get(name).cloned().unwrap_or_default();
        let wrong = shown.iter().filter(|(labels, value)| series.get(*labels) != Some(value)).take(3);
        let missing = series.iter().filter(|(labels, _)| !shown.contains_key(*labels)).take(3);
        format!("{name} shows {:?} and lacks {:?}", wrong.collect::<Vec<_>>(), missing.collect::<Vec<_>>())
    })
}
