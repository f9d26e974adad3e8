//! Recording events: in process, from one thread and from several, and over HTTP.
//!
//! Recording stands beside the same two families of the `prometheus` crate, several threads beside one, in turns in the
//! same run. The machine is noisy, so medians and ratios are what to look at.

mod support;

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use playarr_metrics::ingest::Batch;
use playarr_metrics::live::{
    ApiCall, BestSourceSelected, CacheOperation, CacheOutcome, Endpoint, Event, HttpRequest, Label, Live, MediaType,
    ProviderApiRequest, ProviderSync, Status, StatusCode, StreamRequest,
};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

use support::ingest::Server;
use support::{median, service};

const ROUNDS: usize = 15;
/// Events a thread records in a round with others: about a fifth of a second, so that the time in which the scheduler
/// spreads new threads over the cores does not count.
const EVENTS: u32 = 5_000_000;

/// Rounds over HTTP, of a second each.
const HTTP_ROUNDS: usize = 5;

/// Short rounds, and many of them: most then fit between two turns of somebody else on this core.
const SHORT_ROUNDS: usize = 1_001;
const SHORT_EVENTS: u32 = 2_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    in_process()?;
    contention()?;
    parsing()?;
    over_http().await
}

/// What the events of the specification cost, in nanoseconds, beside the same families of the `prometheus` crate.
fn in_process() -> Result<(), Box<dyn std::error::Error>> {
    let live = Live::new();
    let requests = IntCounterVec::new(Opts::new("requests_total", "-"), &["endpoint", "status_code"])?;
    let durations = HistogramVec::new(
        HistogramOpts::new("duration_seconds", "-")
            .buckets(vec![0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0]),
        &["endpoint"],
    )?;
    let crates = || {
        requests.with_label_values(&[black_box("/api/titles/:id"), black_box("200")]).inc();
        durations.with_label_values(&[black_box("/api/titles/:id")]).observe(black_box(0.02));
    };
    println!("recording in process, one thread, median of {SHORT_ROUNDS} rounds");
    for (name, event) in events()? {
        let rounds = (0..SHORT_ROUNDS).map(|_| (per_event(|| live.record(black_box(&event))), per_event(crates)));
        let (ours, theirs): (Vec<_>, Vec<_>) = rounds.unzip();
        let (ours, theirs) = (median(ours), median(theirs));
        println!(
            "  {name:<22} {ours:>6.1} ns: {:.2} of the prometheus crate's {theirs:.1} ns for the families of an \
             http_request",
            ours / theirs
        );
    }
    Ok(())
}

fn per_event(mut record: impl FnMut()) -> f64 {
    let started = Instant::now();
    for _ in 0..SHORT_EVENTS {
        record();
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(SHORT_EVENTS)
}

/// The rate of two and four threads, over that of one, in the same and in different series.
fn contention() -> Result<(), Box<dyn std::error::Error>> {
    println!("recording from several threads, over the rate of one (this machine has {} cores)", cores());
    for (what, users) in [("the same series", 1), ("different series", 100)] {
        let live = Live::new();
        let users: Vec<_> = (0..users).map(|user| format!("user-{user}")).collect();
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (threads, rates) in [1, 2, 4].into_iter().zip(&mut rates) {
                rates.push(rate(&live, threads, &users));
            }
        }
        let [one, two, four] = rates.map(median);
        println!(
            "  {what:<17} one thread {:.1} million/s; two {:.2} times that, four {:.2} times",
            one / 1e6,
            two / one,
            four / one
        );
    }
    Ok(())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn rate(live: &Live, threads: usize, users: &[String]) -> f64 {
    let barrier = Barrier::new(threads);
    let work = || {
        let labels: Vec<_> = users.iter().map(|user| Label::repaired(user)).collect();
        barrier.wait();
        let started = Instant::now();
        for (_, user) in (0..EVENTS).zip(labels.iter().cycle()) {
            let duration_seconds = Duration::from_millis(231).into();
            let request = StreamRequest { user: user.clone(), media_type: MediaType::Live, duration_seconds };
            live.record(black_box(&request.into()));
        }
        (started, Instant::now())
    };
    let times: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let started = times.iter().map(|(started, _)| *started).min();
    let ended = times.iter().map(|(_, ended)| *ended).max();
    let seconds = ended.zip(started).map_or(f64::NAN, |(ended, started)| (ended - started).as_secs_f64());
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    let events = threads as f64 * f64::from(EVENTS);
    events / seconds
}

/// The body of a batch of a thousand events of all types, read and recorded, without HTTP.
fn parsing() -> Result<(), Box<dyn std::error::Error>> {
    let live = Live::new();
    let body = body(1_000)?;
    let read = median((0..ROUNDS * 20).map(|_| seconds(|| drop(black_box(Batch::from_json(&body))))).collect());
    let batch = Batch::from_json(&body)?;
    let recorded = median((0..ROUNDS * 20).map(|_| seconds(|| drop(black_box(live.sum(&batch.events))))).collect());
    println!(
        "a batch of 1,000 events of all types, {} bytes: read in {:.0} µs, recorded in {:.0} µs",
        body.len(),
        read * 1e6,
        recorded * 1e6
    );
    Ok(())
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

/// Batches of a thousand over HTTP, acknowledged when durable: the server on one core, its clients and MongoDB wherever
/// there is room.
async fn over_http() -> Result<(), Box<dyn std::error::Error>> {
    let mongod = playarr_sandbox::mongodb().await?;
    let database = mongod.database();
    let server = Server::start(database.uri(), database.name());
    service::until_ready(server.address.parse()?).await;
    let token = service::ingest_token(&database.connect().await?).await;
    let body = body(1_000)?;
    println!("over HTTP in batches of 1,000, server on one core, median of {HTTP_ROUNDS} rounds");
    for clients in [1, 16, 64] {
        let round = |_| server.load(&token, &body, 1_000, clients, Duration::from_secs(1));
        let rounds: Vec<_> = (0..HTTP_ROUNDS).map(round).collect();
        let wall = median(rounds.iter().map(|rates| rates.wall).collect());
        let processor = median(rounds.iter().map(|rates| rates.processor).collect());
        let acknowledged = median(rounds.iter().map(|rates| rates.acknowledged.as_secs_f64()).collect());
        println!(
            "  {clients:>2} clients: {wall:>9.0} events/s, {processor:>9.0} for each second of its processor time; \
             acknowledged in {:.1} ms",
            acknowledged * 1e3
        );
    }
    Ok(())
}

/// A document with so many events, of each type in turn.
fn body(events: usize) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let kinds = self::events()?;
    let events: Vec<_> = kinds.iter().map(|(_, event)| event).cycle().take(events).collect();
    Ok(serde_json::to_vec(&serde_json::json!({ "events": events }))?)
}

fn events() -> Result<Vec<(&'static str, Event<'static>)>, Box<dyn std::error::Error>> {
    let duration_seconds = Duration::from_millis(231).into();
    let (user, provider_id) = (Label::new("alice")?, Label::new("agtv")?);
    let status_code = StatusCode::new(200).ok_or("200 is a status code")?;
    let (status, action) = (Status::Success, ApiCall::new("get_live_streams")?);
    let events: Vec<Event<'_>> = vec![
        CacheOperation { operation: CacheOutcome::Hit }.into(),
        StreamRequest { user, media_type: MediaType::Movies, duration_seconds }.into(),
        BestSourceSelected { provider_id: provider_id.clone(), media_type: MediaType::TvShows, duration_seconds }
            .into(),
        ProviderSync { provider_id: provider_id.clone(), status, duration_seconds }.into(),
        HttpRequest { endpoint: Endpoint::new("/api/titles/:id")?, status_code, duration_seconds }.into(),
        ProviderApiRequest { provider_id, endpoint: action, status_code, duration_seconds }.into(),
    ];
    Ok(events.into_iter().map(|event| (event.type_name(), event)).collect())
}
