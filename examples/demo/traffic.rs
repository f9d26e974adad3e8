//! Live traffic as Playarr's processes would report it, over HTTP, so that counters move.

use std::ops::RangeInclusive;
use std::time::Duration;

use playarr_metrics::live::{
    AdminChange, ApiCall, AuthenticationFailure, BestSourceSelected, CacheOperation, CacheOutcome,
    CategoriesSynced, ClosedLabel, Count, Endpoint, Event, HttpRequest, JobExecution, Label, ManagedError,
    MediaType, ProviderApiError, ProviderApiRequest, ProviderErrorType, ProviderOperation, ProviderSync,
    Seconds, Status, StatusCode, StreamRequest, TitlesKind, TitlesProcessed, UserOperation, WatchlistChange,
    WatchlistOperation, WebsocketConnections,
};
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};
use serde_json::json;

/// How often a batch is sent.
const INTERVAL: Duration = Duration::from_secs(1);

const USERS: [&str; 4] = ["alice", "carol", "erin", "frank"];
const PROVIDERS: [&str; 3] = ["agtv", "xtream-one", "nordic-streams"];
const ENDPOINTS: [&str; 4] = ["/api/titles", "/api/titles/:id", "/api/livetv/channels", "/api/stream/:id"];
const ACTIONS: [&str; 3] = ["get_live_streams", "get_vod_streams", "get_series"];
const JOBS: [&str; 3] = ["SyncIPTVProviderTitlesJob", "SyncLiveTVJob", "ProviderTitlesMonitorJob"];

/// Sends a batch of made-up events every second, until it is dropped. What cannot be sent is left out.
pub(crate) async fn drive(address: String, ingest_token: String) {
    let client = reqwest::Client::new();
    let mut interval = tokio::time::interval(INTERVAL);
    for second in 0_u64.. {
        interval.tick().await;
        let events = events(second);
        let batch = json!({ "batch_id": format!("demo-{second}"), "events": events });
        let request = client.post(format!("{address}/api/metrics/events")).bearer_auth(&ingest_token);
        if let Err(error) = request.json(&batch).send().await.and_then(reqwest::Response::error_for_status) {
            eprintln!("the demo's traffic was not counted: {error}");
        }
    }
}

/// What happens in one second: people watch and look around, now and then a provider is synchronised.
fn events(second: u64) -> Vec<Event<'static>> {
    let mut random = rand::rng();
    let mut events =
        vec![WebsocketConnections { reporter: label("demo"), count: count(&mut random, 1..=4) }.into()];
    for _ in 0..random.random_range(1..=4) {
        watch(&mut random, &mut events);
    }
    for _ in 0..random.random_range(3..=12) {
        events.push(
            HttpRequest {
                endpoint: route(&mut random),
                status_code: status_code(&mut random),
                duration_seconds: duration(&mut random, 0.02),
            }
            .into(),
        );
    }
    // Everything happens in the first second, so that nothing is without data.
    if second.is_multiple_of(20) {
        synchronise(&mut random, &mut events);
    }
    if second.is_multiple_of(10) {
        administer(&mut random, &mut events);
    }
    events
}

fn watch(random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    let media_type = *MediaType::ALL.choose(random).unwrap_or(&MediaType::Movies);
    let is_hit = random.random_bool(0.8);
    events.push(
        CacheOperation { operation: if is_hit { CacheOutcome::Hit } else { CacheOutcome::Miss } }.into(),
    );
    if !is_hit {
        events.push(
            BestSourceSelected {
                provider_id: one_of(random, &PROVIDERS),
                media_type,
                duration_seconds: duration(random, 0.6),
            }
            .into(),
        );
    }
    events.push(
        StreamRequest { user: one_of(random, &USERS), media_type, duration_seconds: duration(random, 0.3) }
            .into(),
    );
}

fn synchronise(random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    for provider in PROVIDERS {
        let provider_id = label(provider);
        for action in ACTIONS {
            events.push(
                ProviderApiRequest {
                    provider_id: provider_id.clone(),
                    endpoint: ApiCall::new(action).expect("the name of a call"),
                    status_code: status_code(random),
                    duration_seconds: duration(random, 1.5),
                }
                .into(),
            );
        }
        for media_type in [MediaType::Movies, MediaType::TvShows] {
            for kind in [TitlesKind::Provider, TitlesKind::Main] {
                let (provider_id, count) = (provider_id.clone(), count(random, 10..=200));
                events.push(TitlesProcessed { kind, provider_id, media_type, count }.into());
            }
            let (provider_id, count) = (provider_id.clone(), count(random, 5..=20));
            events.push(CategoriesSynced { provider_id, media_type, count }.into());
        }
        let status = if random.random_bool(0.95) { Status::Success } else { Status::Failure };
        if status == Status::Failure {
            let error_type = *ProviderErrorType::ALL.choose(random).unwrap_or(&ProviderErrorType::Other);
            events.push(ProviderApiError { provider_id: provider_id.clone(), error_type }.into());
        }
        events.push(ProviderSync { provider_id, status, duration_seconds: duration(random, 60.0) }.into());
    }
    for job in JOBS {
        events.push(
            JobExecution {
                job_type: label(job),
                status: Status::Success,
                duration_seconds: duration(random, 40.0),
            }
            .into(),
        );
    }
}

fn administer(random: &mut impl Rng, events: &mut Vec<Event<'static>>) {
    let operation = if random.random_bool(0.7) { WatchlistChange::Add } else { WatchlistChange::Remove };
    events.push(
        WatchlistOperation { operation, media_type: MediaType::Movies, username: one_of(random, &USERS) }
            .into(),
    );
    let operation = AdminChange::Update;
    events.push(ProviderOperation { operation, username: label("admin") }.into());
    events.push(UserOperation { operation, username: label("admin") }.into());
    events.push(ManagedError { endpoint: route(random), error_type: label("NotFoundError") }.into());
    events.push(
        AuthenticationFailure {
            endpoint: Endpoint::of_route("/api/auth/login"),
            reason: label("bad_password"),
        }
        .into(),
    );
}

fn label(text: &'static str) -> Label<'static> {
    Label::repaired(text)
}

fn one_of(random: &mut impl Rng, texts: &[&'static str]) -> Label<'static> {
    label(texts.choose(random).copied().unwrap_or_default())
}

fn route(random: &mut impl Rng) -> Endpoint<'static> {
    Endpoint::of_route(ENDPOINTS.choose(random).copied().unwrap_or_default())
}

fn count(random: &mut impl Rng, range: RangeInclusive<u64>) -> Count {
    random.random_range(range).into()
}

fn status_code(random: &mut impl Rng) -> StatusCode {
    let status = [200, 200, 200, 200, 200, 200, 200, 200, 304, 404, 502].choose(random).copied();
    status.and_then(StatusCode::new).expect("each has three digits")
}

/// Mostly around the usual number of seconds, now and then much more.
fn duration(random: &mut impl Rng, usual: f64) -> Seconds {
    let luck: f64 = random.random_range(0.0..1.0);
    Duration::from_secs_f64(usual * (0.5 + luck + if luck > 0.97 { 10.0 } else { 0.0 })).into()
}
