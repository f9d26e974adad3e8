//! Live traffic as Playarr's processes would report it, over HTTP, so that counters move: a household that watches,
//! pages that are open, jobs that run. It is the same after each start.

use std::ops::RangeInclusive;
use std::time::Duration;

use playarr_metrics::live::{
    AdminChange, ApiCall, AuthenticationFailure, BestSourceSelected, CacheOperation, CacheOutcome, CategoriesSynced,
    ClosedLabel, Count, Endpoint, Event, HttpRequest, JobExecution, Label, ManagedError, MediaType, ProviderApiError,
    ProviderApiRequest, ProviderErrorType, ProviderOperation, ProviderSync, Seconds, Status, StatusCode, StreamRequest,
    TitlesKind, TitlesProcessed, UserOperation, WatchlistChange, WatchlistOperation, WebsocketConnections,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use serde_json::json;

use super::library::{ADMIN, PROVIDERS, USERS};

/// How often a batch is sent.
const INTERVAL: Duration = Duration::from_secs(1);

const ROUTES: [&str; 5] = ["/api/titles", "/api/titles/:id", "/api/livetv/channels", "/api/stream/:id", "/api/profile"];
const API_CALLS: [&str; 3] = ["get_live_streams", "get_vod_streams", "get_series"];
const SYNC_JOBS: [&str; 3] = ["SyncIPTVProviderTitlesJob", "SyncLiveTVJob", "ProviderTitlesMonitorJob"];

/// Sends a batch of made-up events every second, until it is dropped. What cannot be sent is left out.
pub(crate) async fn drive(address: String, ingest_token: String) {
    let client = reqwest::Client::new();
    let mut interval = tokio::time::interval(INTERVAL);
    for second in 0_u64.. {
        interval.tick().await;
        let batch = json!({ "batch_id": format!("demo-{second}"), "events": events(second) });
        let request = client.post(format!("{address}/api/metrics/events")).bearer_auth(&ingest_token);
        if let Err(error) = request.json(&batch).send().await.and_then(reqwest::Response::error_for_status) {
            eprintln!("the demo's traffic was not counted: {error}");
        }
    }
}

/// What happens in one second. Everything happens in the first one, so that nothing is without data.
pub(crate) fn events(second: u64) -> Vec<Event<'static>> {
    let mut random = StdRng::seed_from_u64(second);
    let mut events = Vec::new();
    let is_due = |seconds: u64| second.is_multiple_of(seconds);
    if is_due(15) {
        let connections = WebsocketConnections { reporter: label("demo"), count: count(&mut random, 1..=4) };
        events.push(connections.into());
    }
    for _ in 0..random.random_range(1..=4) {
        events.push(request(&mut random));
    }
    if is_due(8) {
        watch(second / 8, &mut random, &mut events);
    }
    if is_due(45) {
        change_watchlist(&mut random, &mut events);
    }
    if is_due(60) {
        events.push(job(&mut random, "SyncProviderDetailsJob", 0.8));
    }
    if is_due(300) {
        synchronise(second / 300, &mut random, &mut events);
    }
    if is_due(600) {
        administer(&mut random, &mut events);
    }
    events
}

/// A page that somebody opens.
fn request(random: &mut impl Rng) -> Event<'static> {
    let status = [200, 200, 200, 200, 200, 200, 200, 200, 200, 304, 304, 404].choose(random).copied();
    HttpRequest {
        endpoint: route(random),
        status_code: status.and_then(StatusCode::new).expect("each has three digits"),
        duration_seconds: duration(random, 0.02),
    }
    .into()
}

/// Somebody who begins to watch something. Four of five sources are still in the cache.
fn watch(number: u64, random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    let media_type = *MediaType::ALL.choose(random).unwrap_or(&MediaType::Movies);
    let is_hit = !number.is_multiple_of(5);
    events.push(CacheOperation { operation: if is_hit { CacheOutcome::Hit } else { CacheOutcome::Miss } }.into());
    if !is_hit {
        events.push(
            BestSourceSelected {
                provider_id: one_of(random, &PROVIDERS),
                media_type,
                duration_seconds: duration(random, 0.4),
            }
            .into(),
        );
    }
    events.push(
        StreamRequest { user: one_of(random, &USERS), media_type, duration_seconds: duration(random, 0.2) }.into(),
    );
}

fn change_watchlist(random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    let operation = if random.random_bool(0.7) { WatchlistChange::Add } else { WatchlistChange::Remove };
    let media_type = *[MediaType::Movies, MediaType::TvShows].choose(random).unwrap_or(&MediaType::Movies);
    let username = one_of(random, &USERS);
    events.push(WatchlistOperation { operation, media_type, username }.into());
}

/// A synchronisation of all providers. One in thirty fails, and one in ten has a request that is not answered.
fn synchronise(run: u64, random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    for (provider, place) in PROVIDERS.into_iter().zip(0..) {
        let provider_id = label(provider);
        for call in API_CALLS {
            events.push(
                ProviderApiRequest {
                    provider_id: provider_id.clone(),
                    endpoint: ApiCall::new(call).expect("the name of a call"),
                    status_code: StatusCode::new(200).expect("three digits"),
                    duration_seconds: duration(random, 1.5),
                }
                .into(),
            );
        }
        if (run + 5 * place).is_multiple_of(10) {
            let error_type = ProviderErrorType::Timeout;
            events.push(ProviderApiError { provider_id: provider_id.clone(), error_type }.into());
        }
        for media_type in [MediaType::Movies, MediaType::TvShows] {
            for kind in [TitlesKind::Provider, TitlesKind::Main] {
                let (provider_id, count) = (provider_id.clone(), count(random, 1..=20));
                events.push(TitlesProcessed { kind, provider_id, media_type, count }.into());
            }
            let (provider_id, count) = (provider_id.clone(), count(random, 1..=10));
            events.push(CategoriesSynced { provider_id, media_type, count }.into());
        }
        let is_failure = (run + 15 * place) % 30 == 29;
        let status = if is_failure { Status::Failure } else { Status::Success };
        events.push(ProviderSync { provider_id, status, duration_seconds: duration(random, 20.0) }.into());
    }
    for name in SYNC_JOBS {
        events.push(job(random, name, 20.0));
    }
}

/// What happens now and then: an admin changes something, somebody mistypes a password.
fn administer(random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    let (operation, admin) = (AdminChange::Update, label(ADMIN.0));
    events.push(ProviderOperation { operation, username: admin.clone() }.into());
    events.push(UserOperation { operation, username: admin }.into());
    events.push(ManagedError { endpoint: route(random), error_type: label("NotFoundError") }.into());
    events.push(
        AuthenticationFailure { endpoint: Endpoint::of_route("/api/auth/login"), reason: label("bad_password") }.into(),
    );
}

/// A run of a job that succeeds.
fn job(random: &mut impl Rng, name: &'static str, usual: f64) -> Event<'static> {
    let (job_type, duration_seconds) = (label(name), duration(random, usual));
    JobExecution { job_type, status: Status::Success, duration_seconds }.into()
}

fn label(text: &'static str) -> Label<'static> {
    Label::repaired(text)
}

fn one_of(random: &mut impl Rng, texts: &[&'static str]) -> Label<'static> {
    label(texts.choose(random).copied().unwrap_or_default())
}

fn route(random: &mut impl Rng) -> Endpoint<'static> {
    Endpoint::of_route(ROUTES.choose(random).copied().unwrap_or_default())
}

fn count(random: &mut impl Rng, range: RangeInclusive<u64>) -> Count {
    random.random_range(range).into()
}

/// Mostly around the usual number of seconds, now and then much more.
fn duration(random: &mut impl Rng, usual: f64) -> Seconds {
    let chance: f64 = random.random_range(0.0..1.0);
    Duration::from_secs_f64(usual * (0.5 + chance + if chance > 0.97 { 10.0 } else { 0.0 })).into()
}
