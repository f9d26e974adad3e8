//! Live metrics over restarts: nothing is lost in an orderly one, at most an interval in any other, and nothing is
//! counted twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mongodb::bson::{Bson, Document, doc};
use playarr_sandbox::{Mongod, TestDatabase};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::oracle::Gauges;
use crate::support::running::Running;
use crate::support::service::Service;
use crate::support::until;

const QUICK: &[(&str, &str)] = &[("CHECKPOINT_INTERVAL", "1s")];
const HIT: &str = r#"{"type":"cache_operation","operation":"hit"}"#;

async fn database() -> TestDatabase {
    playarr_sandbox::mongodb().await.unwrap().database()
}

fn hits(series: &Gauges) -> f64 {
    value(series, "playarr_cache_operations_total", &[("operation", "hit")]).unwrap()
}

fn restored(series: &Gauges) -> &'static str {
    let outcomes = ["restored", "absent", "damaged", "refused"].into_iter().filter(|outcome| {
        value(series, "playarr_metrics_checkpoint_restore", &[("outcome", outcome)]) == Some(1.0)
    });
    let outcomes: Vec<_> = outcomes.collect();
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes[0]
}

async fn post(running: &Running, batch_id: &str, events: usize) -> Value {
    let body = format!(r#"{{"batch_id":"{batch_id}","events":[{}]}}"#, vec![HIT; events].join(","));
    let request = running.events().header(CONTENT_TYPE, "application/json").body(body);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_orderly_restart_loses_nothing() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    assert_eq!(restored(&running.series().await), "absent");
    post(&running, "1", 7).await;
    let lines = [
        r#"{"type":"stream_request","user":"\u00e4 \"quoted\" \\ name","media_type":"live","duration_seconds":0.3}"#,
        r#"{"type":"provider_api_request","provider_id":"a","endpoint":"b","status_code":502,"duration_seconds":7.5}"#,
        r#"{"type":"websocket_connections","reporter":"web-api","count":4}"#,
    ];
    running.post_lines(lines.join("\n")).await;
    // A last one that no checkpoint on an interval has seen.
    post(&running, "2", 5).await;
    let mut before = running.series().await;
    assert!(running.end("TERM").await.success());

    let running = Running::start_on(&database, &[]).await;
    let mut after = running.series().await;
    assert_eq!(restored(&after), "restored");
    for series in [&mut before, &mut after] {
        // What the service does itself goes on.
        series.retain(|name, _| {
            let own = ["playarr_metrics_", "playarr_http_", "playarr_job_", "process_"];
            name.starts_with("playarr_") && !own.iter().any(|own| name.starts_with(own))
        });
    }
    assert_eq!(before, after);
    assert_eq!(hits(&after), 12.0);
    assert_eq!(value(&after, "playarr_websocket_connections", &[]), Some(4.0));
    // A batch that was counted before the restart is not counted again after it.
    assert_eq!(post(&running, "2", 5).await, json!({ "accepted": 5 }));
    assert_eq!(hits(&running.series().await), 12.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_own_requests_and_jobs_go_on_as_well() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    for _ in 0..20 {
        running.series().await;
    }
    assert!(running.end("TERM").await.success());
    let series = Running::start_on(&database, &[]).await.series().await;
    let scrapes = [("endpoint", "/metrics"), ("status_code", "200")];
    assert_eq!(value(&series, "playarr_http_requests_total", &scrapes), Some(20.0));
    let jobs = [("job_type", "UpdateMetricsJob"), ("status", "success")];
    assert_eq!(value(&series, "playarr_job_executions_total", &jobs), Some(2.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_loses_an_interval_at_most_and_counts_nothing_twice() {
    let database = database().await;
    let mut running = Running::start_on(&database, QUICK).await;
    let (mut next, mut sent) = (0_u64, 0_u64);
    for _ in 0..3 {
        // Batches go out one after the other until the process is gone; the last one has no answer.
        let started = next;
        let saves = saves(&running.series().await);
        let answered = Arc::new(AtomicU64::new(0));
        let client = {
            let (events, answered) = (running.events(), answered.clone());
            tokio::spawn(async move {
                for batch in started.. {
                    let body = format!(r#"{{"batch_id":"{batch}","events":[{}]}}"#, [HIT; 10].join(","));
                    let request =
                        events.try_clone().unwrap().header(CONTENT_TYPE, "application/json").body(body);
                    match request.send().await {
                        Ok(response) => assert!(response.status().is_success()),
                        Err(_) => return batch,
                    }
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                unreachable!()
            })
        };
        saved(&running, saves + 1.0).await;
        let counted = hits(&running.series().await);
        // The next save may have begun before that was counted, the one after it not.
        saved(&running, saves + 3.0).await;
        assert!(!running.end("KILL").await.success());
        let without_answer = client.await.unwrap();
        sent += answered.load(Ordering::Relaxed) * 10;

        running = Running::start_on(&database, QUICK).await;
        let after = running.series().await;
        assert_eq!(restored(&after), "restored");
        let kept = hits(&after);
        assert!(kept <= (sent + 10) as f64, "{kept} of {sent}: never more than was sent");
        assert!(kept >= counted && counted > 0.0, "{kept} of {counted} that were saved");
        // The client does not know of the last one and sends it again, and those before it too.
        for batch in started..=without_answer {
            post(&running, &batch.to_string(), 10).await;
        }
        let all = (without_answer + 1) * 10;
        assert_eq!(hits(&running.series().await), all as f64, "each batch once");
        (next, sent) = (without_answer + 1, all);
    }
    assert!(running.end("TERM").await.success());
}

async fn saved(running: &Running, times: f64) {
    until("saved", Duration::from_secs(20), || async { saves(&running.series().await) >= times }).await;
}

fn saves(series: &Gauges) -> f64 {
    value(series, "playarr_metrics_checkpoint_saves_total", &[("status", "success")]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_checkpoint_is_reported_and_counting_starts_from_zero() {
    for damage in [
        doc! { "$set": { "value.totals": "nonsense" } },
        doc! { "$set": { "value.totals": mongodb::bson::Binary { subtype: mongodb::bson::spec::BinarySubtype::Generic, bytes: vec![1, 2, 3] } } },
        doc! { "$unset": { "value.batches": 1 } },
        doc! { "$set": { "value.batches": mongodb::bson::Binary { subtype: mongodb::bson::spec::BinarySubtype::Generic, bytes: vec![0; 18] } } },
        doc! { "$set": { "value": "nonsense" } },
    ] {
        let database = database().await;
        let running = Running::start_on(&database, &[]).await;
        post(&running, "1", 7).await;
        let connected = running.database.clone();
        assert!(running.end("TERM").await.success());
        let settings = connected.collection::<Document>("settings");
        let id = doc! { "_id": "metrics_live_checkpoint" };
        let damaged = settings.update_one(id, damage.clone()).await.unwrap();
        assert_eq!(damaged.modified_count, 1);

        let running = Running::start_on(&database, &[]).await;
        let series = running.series().await;
        assert_eq!((restored(&series), hits(&series)), ("damaged", 0.0), "{damage}");
        let log = running.log.lock().unwrap().clone();
        assert!(log.contains("the checkpoint of the live metrics is damaged"), "{log}");
        // And from here on it is saved as always.
        post(&running, "1", 3).await;
        assert!(running.end("TERM").await.success());
        let running = Running::start_on(&database, &[]).await;
        let series = running.series().await;
        assert_eq!((restored(&series), hits(&series)), ("restored", 3.0), "{damage}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_counted_while_the_database_is_away_is_saved_when_it_is_back() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::empty().server(mongod.uri()).setting("CHECKPOINT_INTERVAL", "1s").ready().await;
    let (token, ingest_token) = (service.token().await, service.ingest_token().await);
    let post = || async {
        let request = service.post("/api/metrics/events").bearer_auth(&ingest_token);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(HIT);
        assert!(request.send().await.unwrap().status().is_success());
    };
    let series = || async {
        let text = service.scrape_with(&token).send().await.unwrap().text().await.unwrap();
        crate::support::exposition::parse(&text)
    };
    post().await;
    mongod.kill().await.unwrap();
    post().await;
    until("a save has failed", Duration::from_secs(60), || async {
        value(&series().await, "playarr_metrics_checkpoint_saves_total", &[("status", "failure")]) > Some(0.0)
    })
    .await;
    assert_eq!(hits(&series().await), 2.0);
    mongod.restart().await.unwrap();
    let before = saves(&series().await);
    until("saved again", Duration::from_secs(60), || async { saves(&series().await) > before }).await;
    service.stop().await;
    let service = Service::empty().server(mongod.uri()).ready().await;
    let series = service.series().await;
    assert_eq!((restored(&series), hits(&series)), ("restored", 2.0));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_side_by_side_keep_a_checkpoint_each() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    let second = Running::start_on(&database, QUICK).await;
    post(&first, "1", 1).await;
    post(&second, "2", 2).await;
    assert_eq!((hits(&first.series().await), hits(&second.series().await)), (1.0, 2.0));
    let saves = saves(&second.series().await);
    saved(&second, saves + 2.0).await;
    assert!(first.end("TERM").await.success());
    assert!(!second.end("KILL").await.success());
    let again = [Running::start_on(&database, &[]).await, Running::start_on(&database, &[]).await];
    let mut hits = [hits(&again[0].series().await), hits(&again[1].series().await)];
    hits.sort_by(f64::total_cmp);
    assert_eq!(hits, [1.0, 2.0], "what each had counted is there once");
    let settings = again[0].database.collection::<Document>("settings");
    let keys = doc! { "_id": { "$regex": "^metrics_live_checkpoint(_[0-9]+)?$" } };
    assert_eq!(settings.count_documents(keys).await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checkpoint_says_who_holds_it_and_when_it_was_written() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let settings = running.database.collection::<Document>("settings");
    let document = settings.find_one(doc! { "_id": "metrics_live_checkpoint" }).await.unwrap().unwrap();
    assert!(matches!(document.get("createdAt"), Some(Bson::DateTime(_))));
    assert!(matches!(document.get("lastUpdated"), Some(Bson::DateTime(_))));
    let holder = document.get_document("value").unwrap().get_document("holder").unwrap();
    let pid = holder.get_document("process").unwrap().get("pid").unwrap();
    assert_eq!(pid.to_string(), running.child.id().unwrap().to_string());
}
