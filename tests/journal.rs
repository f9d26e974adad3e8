//! Live metrics are kept in a journal: what was acknowledged is never lost or doubled, what was shown is never lower
//! later, and all instances show the same.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Document, doc};
use playarr_sandbox::{Mongod, TestDatabase};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::exposition::{parse, value};
use crate::support::library::fixtures;
use crate::support::oracle::Gauges;
use crate::support::running::Running;
use crate::support::service::{Service, is_ready};
use crate::support::until;

const HIT: &str = r#"{"type":"cache_operation","operation":"hit"}"#;
const SOON: Duration = Duration::from_secs(30);

async fn database() -> TestDatabase {
    playarr_sandbox::mongodb().await.unwrap().database()
}

fn hits(series: &Gauges) -> f64 {
    value(series, "playarr_cache_operations_total", &[("operation", "hit")]).unwrap()
}

fn batch(id: &str, events: usize) -> String {
    format!(r#"{{"batch_id":"{id}","events":[{}]}}"#, vec![HIT; events].join(","))
}

async fn post(running: &Running, id: &str, events: usize) -> Value {
    let request = running.events().header(CONTENT_TYPE, "application/json").body(batch(id, events));
    request.send().await.unwrap().json().await.unwrap()
}

/// Waits until an instance shows so many hits.
async fn until_hits(running: &Running, expected: f64) {
    let mut found = 0.0;
    let started = std::time::Instant::now();
    while found != expected {
        assert!(started.elapsed() < SOON, "{found} hits instead of {expected}");
        found = hits(&running.series().await);
    }
}

/// The live series of other processes: what the service counts of itself goes on.
fn reported(mut series: Gauges) -> Gauges {
    let own = ["playarr_metrics_", "playarr_http_", "playarr_job_"];
    series.retain(|name, _| name.starts_with("playarr_") && !own.iter().any(|own| name.starts_with(own)));
    series
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_shows_at_once_and_survives_a_kill() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    assert_eq!(post(&running, "1", 7).await, json!({ "accepted": 7 }));
    let lines = [
        r#"{"type":"stream_request","user":"\u00e4 \"quoted\" \\ name","media_type":"live","duration_seconds":0.3}"#,
        r#"{"type":"provider_api_request","provider_id":"a","endpoint":"b","status_code":502,"duration_seconds":7.5}"#,
        r#"{"type":"websocket_connections","reporter":"web-api","count":4}"#,
    ];
    assert_eq!(running.post_lines(lines.join("\n")).await, json!({ "accepted": 3 }));
    let before = reported(running.series().await);
    assert_eq!(hits(&before), 7.0);
    assert_eq!(value(&before, "playarr_websocket_connections", &[]), Some(4.0));
    assert!(!running.end("KILL").await.success());

    let running = Running::start_on(&database, &[]).await;
    assert_eq!(reported(running.series().await), before);
    assert_eq!(post(&running, "1", 7).await, json!({ "accepted": 7 }), "sent again");
    assert_eq!(hits(&running.series().await), 7.0, "counted once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_written_after_nobody_waits_for_it_counts_once_and_in_no_other_ones_place() {
    let mongod = Mongod::builder().arguments(&["--setParameter", "enableTestCommands=1"]).start().await.unwrap();
    let running = Running::start_at(mongod.uri(), "playarr", &[]).await;
    assert_eq!(post(&running, "1", 1).await, json!({ "accepted": 1 }));
    let journal = running.database.collection::<Document>("playarr_metrics_journal");
    let has_late = || async { journal.count_documents(doc! { "events": 2 }).await.unwrap() > 0 };

    // Longer than the service waits for an answer.
    let data = doc! {
        "failCommands": ["insert"], "namespace": "playarr.playarr_metrics_journal",
        "blockConnection": true, "blockTimeMS": 7_000,
    };
    let point = doc! { "configureFailPoint": "failCommand", "mode": { "times": 1 }, "data": data };
    running.database.client().database("admin").run_command(point).await.unwrap();
    assert_eq!(post(&running, "2", 2).await.get("accepted"), None, "nobody knows");
    until("it is written", Duration::from_secs(60), has_late).await;

    let next = || async { post(&running, "3", 30).await == json!({ "accepted": 30 }) };
    until("the next one is taken", Duration::from_secs(60), next).await;
    assert_eq!(post(&running, "2", 2).await, json!({ "accepted": 2 }), "sent again");
    until_hits(&running, 33.0).await;
    assert!(running.end("TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_that_nothing_has_moved_for_long_leave_unless_they_are_to_stay() {
    let database = database().await;
    let of =
        |user: &'static str| move |series: &Gauges| value(series, "playarr_stream_requests_total", &[("user", user)]);
    let running = Running::start_on(&database, &[]).await;
    let event =
        |user: &str| format!(r#"{{"type":"stream_request","user":"{user}","media_type":"live","duration_seconds":1}}"#);
    assert_eq!(running.post_lines(event("today")).await, json!({ "accepted": 1 }));
    let now = running.database.run_command(doc! { "hello": 1 }).await.unwrap();
    let forty_days_ago = now.get_datetime("localTime").unwrap().timestamp_millis() / 1_000 - 40 * 24 * 60 * 60;
    let series = doc! {
        "labels": ["before"], "counts": [2_i64], "seconds": 0_i64, "nanoseconds": 0_i64, "moved": forty_days_ago,
    };
    let family = doc! { "name": "playarr_stream_requests_total", "bounds": [], "folded": 0_i64, "series": [series] };
    let entry = doc! {
        "_id": { "w": 7_i64, "n": 1_i64 }, "form": 1, "at": forty_days_ago, "families": [family], "batches": [],
        "events": [], "reports": [],
    };
    running.database.collection::<Document>("playarr_metrics_journal").insert_one(entry).await.unwrap();
    until("both show", SOON, || async { of("before")(&running.series().await) == Some(2.0) }).await;
    running.end("TERM").await;

    // What is to leave does so at the start, and each hour.
    let running = Running::start_on(&database, &[("LIVE_SERIES_EXPIRY", "0")]).await;
    assert_eq!(running.post_lines(event("today")).await, json!({ "accepted": 1 }));
    assert_eq!(of("before")(&running.series().await), Some(2.0));
    running.end("TERM").await;

    let running = Running::start_on(&database, &[]).await;
    until("one has left", SOON, || async { of("before")(&running.series().await).is_none() }).await;
    assert_eq!(of("today")(&running.series().await), Some(2.0));
    running.end("TERM").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_services_own_requests_and_jobs_go_on_after_a_restart() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    for _ in 0..20 {
        running.series().await;
    }
    let scrapes = |series: &Gauges| {
        let labels = [("endpoint", "/metrics"), ("status_code", "200")];
        value(series, "playarr_http_requests_total", &labels).unwrap_or_default()
    };
    let jobs = |series: &Gauges| {
        let labels = [("job_type", "UpdateMetricsJob"), ("status", "success")];
        value(series, "playarr_job_executions_total", &labels).unwrap_or_default()
    };
    until("they show", SOON, || async { scrapes(&running.series().await) >= 20.0 }).await;
    assert!(running.end("TERM").await.success());
    let running = Running::start_on(&database, &[]).await;
    let series = running.series().await;
    assert!(scrapes(&series) >= 20.0, "{}", scrapes(&series));
    until("both runs show", SOON, || async { jobs(&running.series().await) == 2.0 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_instances_show_the_same_and_a_batch_counts_once_whoever_gets_it() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    let second = Running::start_on(&database, &[]).await;
    assert_eq!(post(&first, "1", 1).await, json!({ "accepted": 1 }));
    assert_eq!(post(&second, "1", 1).await, json!({ "accepted": 1 }), "sent to the other one at once");
    assert_eq!(post(&second, "2", 2).await, json!({ "accepted": 2 }));
    assert!(hits(&second.series().await) >= 2.0, "its own shows at once");
    until_hits(&first, 3.0).await;
    until_hits(&second, 3.0).await;
    let together = [post(&first, "3", 5), post(&second, "3", 5), post(&first, "3", 5), post(&second, "3", 5)];
    for answer in futures_util::future::join_all(together).await {
        assert_eq!(answer, json!({ "accepted": 5 }));
    }
    until_hits(&first, 8.0).await;
    until_hits(&second, 8.0).await;
    assert!(!first.end("KILL").await.success());
    assert_eq!(post(&second, "3", 5).await, json!({ "accepted": 5 }));
    assert_eq!(hits(&second.series().await), 8.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_events_are_refused_scrapes_go_on_and_nothing_is_lost_or_doubled() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::empty().server(mongod.uri()).ready().await;
    let (token, ingest_token) = (service.token().await, service.ingest_token().await);
    let post = |id: &'static str| {
        let request = service.post("/api/metrics/events").bearer_auth(&ingest_token);
        request.header(CONTENT_TYPE, "application/json").body(batch(id, 1)).send()
    };
    let series = || async {
        let text = service.scrape_with(&token).send().await.unwrap().text().await.unwrap();
        parse(&text)
    };
    assert_eq!(post("1").await.unwrap().status(), StatusCode::OK);
    mongod.kill().await.unwrap();
    for _ in 0..3 {
        let answer = post("2").await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.headers().contains_key(RETRY_AFTER));
    }
    assert_eq!(hits(&series().await), 1.0);
    until("the wait shows", Duration::from_secs(30), || async {
        value(&series().await, "playarr_metrics_live_uncommitted_seconds", &[]) > Some(0.0)
    })
    .await;
    mongod.restart().await.unwrap();
    until("the batch is taken", Duration::from_secs(60), || async {
        post("2").await.unwrap().status() == StatusCode::OK
    })
    .await;
    assert_eq!(hits(&series().await), 2.0, "counted once, however often it was sent");
    until("nothing waits", SOON, || async {
        value(&series().await, "playarr_metrics_live_uncommitted_seconds", &[]) == Some(0.0)
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_the_database_is_away_loses_nothing_that_was_shown() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::empty().server(mongod.uri()).ready().await;
    let ingest_token = service.ingest_token().await;
    let request = service.post("/api/metrics/events").bearer_auth(&ingest_token);
    let request = request.header(CONTENT_TYPE, "application/json").body(batch("1", 9));
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    mongod.kill().await.unwrap();
    service.stop().await;
    mongod.restart().await.unwrap();
    let service = Service::empty().server(mongod.uri()).ready().await;
    assert_eq!(hits(&service.series().await), 9.0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn collections_that_are_dropped_are_written_again_and_nothing_shown_is_lower() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let other = Running::start_on(&database, &[]).await;
    post(&running, "1", 7).await;
    until_hits(&other, 7.0).await;
    for collection in ["playarr_metrics_journal", "playarr_metrics", "settings"] {
        running.database.collection::<Document>(collection).drop().await.unwrap();
    }
    let base = running.database.collection::<Document>("playarr_metrics");
    until("the base is written again", SOON, || async {
        base.find_one(doc! { "_id": "live_base" }).await.unwrap().is_some()
    })
    .await;
    assert_eq!(hits(&running.series().await), 7.0);
    assert_eq!(post(&running, "1", 7).await, json!({ "accepted": 7 }));
    assert_eq!(hits(&running.series().await), 7.0, "the batch is still known");
    post(&running, "2", 1).await;
    until_hits(&other, 8.0).await;
    let third = Running::start_on(&database, &[]).await;
    until_hits(&third, 8.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_write_back_of_playarrs_settings_changes_nothing() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let settings = running.database.collection::<Document>("settings");
    let stale: Vec<Document> =
        futures_util::TryStreamExt::try_collect(settings.find(doc! {}).await.unwrap()).await.unwrap();
    post(&running, "1", 7).await;
    for document in stale {
        let id = doc! { "_id": document.get("_id").unwrap() };
        settings.replace_one(id, document).upsert(true).await.unwrap();
    }
    assert_eq!(post(&running, "1", 7).await, json!({ "accepted": 7 }));
    post(&running, "2", 1).await;
    assert_eq!(hits(&running.series().await), 8.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_reported_add_up_over_the_instances() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    let second = Running::start_on(&database, &[]).await;
    let report = |reporter: &str, count: u64| {
        format!(r#"{{"type":"websocket_connections","reporter":"{reporter}","count":{count}}}"#)
    };
    first.post_lines(report("web-api", 3)).await;
    second.post_lines(report("worker", 4)).await;
    first.post_lines(report("web-api", 2)).await;
    for running in [&first, &second] {
        until("both show the sum", SOON, || async {
            value(&running.series().await, "playarr_websocket_connections", &[]) == Some(6.0)
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_read_before_anything_live_shows() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    post(&running, "1", 7).await;
    let (connected, url) = (running.database.clone(), running.url.clone());
    // A journal that cannot be read for a while: the base has a form of a later version.
    let base = connected.collection::<Document>("playarr_metrics");
    let id = doc! { "_id": "live_base" };
    assert!(running.end("TERM").await.success());
    base.update_one(id.clone(), doc! { "$set": { "form": 2 } }).await.unwrap();
    drop(url);
    let running = Running::start_on(&database, &[]).await;
    let answer = post(&running, "2", 1).await;
    assert!(answer["error"].as_str().unwrap().contains("form 2"), "{answer}");
    let log = running.log.lock().unwrap().clone();
    assert!(log.contains("live metrics are not kept") && log.contains("form 2"), "{log}");
    assert_eq!(hits(&running.series().await), 0.0, "it counts what it does itself, in memory");
    let kept = base.find_one(id).await.unwrap().unwrap();
    assert_eq!(kept.get_i32("form").unwrap(), 2, "the form that it does not know is left alone");
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    assert!(is_ready(&client, &running.url).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_dropped_while_instances_go_on_writing_is_noticed_and_written_again() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    let second = Running::start_on(&database, &[]).await;
    for number in 0..5 {
        post(&first, &format!("first-{number}"), 1).await;
        post(&second, &format!("second-{number}"), 1).await;
    }
    until_hits(&first, 10.0).await;
    until_hits(&second, 10.0).await;
    let journal = first.database.collection::<Document>("playarr_metrics_journal");
    // One that no other has read when it is lost.
    post(&second, "unread", 1).await;
    journal.drop().await.unwrap();
    // The last document of each writer is there again, and those before it are not.
    post(&first, "after", 1).await;
    post(&second, "after, too", 1).await;
    until("an instance notices", SOON, || async {
        [&first, &second].iter().any(|running| running.log.lock().unwrap().contains("were written again"))
    })
    .await;
    until("the index is there again", SOON, || async {
        journal.list_index_names().await.is_ok_and(|names| names.contains(&"batches_1".to_owned()))
    })
    .await;
    until_hits(&first, 13.0).await;
    until_hits(&second, 13.0).await;
    assert!(!first.end("KILL").await.success());
    assert!(!second.end("KILL").await.success());
    let third = Running::start_on(&database, &[]).await;
    assert_eq!(hits(&third.series().await), 13.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_backup_restored_while_instances_run_takes_nothing_away() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    let second = Running::start_on(&database, &[]).await;
    post(&first, "1", 1).await;
    post(&second, "2", 2).await;
    let collections =
        ["playarr_metrics_journal", "playarr_metrics"].map(|name| first.database.collection::<Document>(name));
    let mut backup = Vec::new();
    for collection in &collections {
        let found = collection.find(doc! {}).await.unwrap();
        backup.push(futures_util::TryStreamExt::try_collect::<Vec<_>>(found).await.unwrap());
    }
    for number in 0..5 {
        post(&first, &format!("first-{number}"), 10).await;
        post(&second, &format!("second-{number}"), 10).await;
    }
    until_hits(&first, 103.0).await;
    until_hits(&second, 103.0).await;
    for (collection, documents) in collections.iter().zip(&backup) {
        collection.delete_many(doc! {}).await.unwrap();
        // What was written since is not in the backup, and may be written again meanwhile.
        let _ = collection.insert_many(documents).ordered(false).await;
    }
    post(&first, "3", 100).await;
    post(&second, "first-0", 10).await;
    until_hits(&first, 203.0).await;
    until_hits(&second, 203.0).await;
    until("it is written again", SOON, || async {
        [&first, &second].iter().any(|running| running.log.lock().unwrap().contains("were written again"))
    })
    .await;
    assert!(!first.end("KILL").await.success());
    assert!(!second.end("KILL").await.success());
    let third = Running::start_on(&database, &[]).await;
    assert_eq!(hits(&third.series().await), 203.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_over_batches_is_made_again_though_a_batch_was_counted_twice_without_it() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let journal = running.database.collection::<Document>("playarr_metrics_journal");
    let has_index = || async { journal.list_index_names().await.unwrap().contains(&"batches_1".to_owned()) };
    assert!(has_index().await);
    journal.drop_index("batches_1").await.unwrap();
    for writer in [7_i64, 8, 9] {
        let id = doc! { "w": writer, "n": 1_i64 };
        let batch = doc! {
            "_id": id, "form": 1, "at": 0_i64, "families": [], "batches": [5_i64], "events": [1],
        };
        journal.insert_one(batch).await.unwrap();
    }
    // An index that is being made is listed too, until it fails for the duplicates.
    let one_has_it = || async { journal.count_documents(doc! { "batches": 5_i64 }).await.unwrap() == 1 };
    until("it is there again", Duration::from_secs(60), || async { one_has_it().await && has_index().await }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_document_of_the_journal_is_said_once_and_holds_nothing_up() {
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let journal = running.database.collection::<Document>("playarr_metrics_journal");
    for (number, families) in [(1, "damaged"), (2, "damaged, too")] {
        let id = doc! { "w": 7_i64, "n": number as i64 };
        journal.insert_one(doc! { "_id": id, "form": 1, "at": 0_i64, "families": families }).await.unwrap();
    }
    let damaged = || {
        let lines = running.log_lines();
        lines.iter().filter(|line| line["message"].as_str().unwrap().contains("is not counted")).count()
    };
    until("both are said", SOON, || async { damaged() >= 2 }).await;
    post(&running, "1", 7).await;
    assert_eq!(hits(&running.series().await), 7.0);
    let looks = Duration::from_secs(2);
    tokio::time::sleep(looks).await;
    assert_eq!(damaged(), 2);
    let other = Running::start_on(&database, &[]).await;
    assert_eq!(hits(&other.series().await), 7.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_starts_while_the_base_is_gone_shows_what_the_others_show() {
    let database = database().await;
    let first = Running::start_on(&database, &[]).await;
    post(&first, "1", 7).await;
    let journal = first.database.collection::<Document>("playarr_metrics_journal");
    let base = first.database.collection::<Document>("playarr_metrics");
    journal.drop().await.unwrap();
    until("it is noticed", SOON, || async { first.log.lock().unwrap().contains("were written again") }).await;
    post(&first, "2", 1).await;
    // From here on the journal begins in the middle.
    base.delete_one(doc! { "_id": "live_base" }).await.unwrap();
    let second = Running::start_on(&database, &[]).await;
    until_hits(&second, 8.0).await;
    post(&second, "3", 1).await;
    until_hits(&first, 9.0).await;
    until_hits(&second, 9.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_that_nobody_moves_for_a_month_leave_and_make_room_for_others() {
    const MONTH: i64 = 31 * 24 * 60 * 60;
    let database = database().await;
    let running = Running::start_on(&database, &[]).await;
    let watched =
        |user: &str| format!(r#"{{"type":"stream_request","user":"{user}","media_type":"live","duration_seconds":1}}"#);
    let flood: Vec<_> = (0..2_000).map(|number| watched(&format!("name-{number}"))).collect();
    assert_eq!(running.post_lines(flood.join("\n")).await, json!({ "accepted": 2_000 }));
    running.post_lines(watched("late")).await;
    let requests = |series: &Gauges, user: &str| value(series, "playarr_stream_requests_total", &[("user", user)]);
    let series = running.series().await;
    assert_eq!((requests(&series, "name-0"), requests(&series, "late")), (Some(1.0), None));
    assert_eq!(requests(&series, "_other"), Some(1_001.0));
    let journal = running.database.collection::<Document>("playarr_metrics_journal");
    assert!(running.end("TERM").await.success());

    let age = doc! { "$inc": { "at": -MONTH } };
    journal.update_many(doc! {}, age).await.unwrap();
    let running = Running::start_on(&database, &[]).await;
    until("they leave", SOON, || async {
        let series = running.series().await;
        series.get("playarr_stream_requests_total").is_none_or(BTreeMap::is_empty)
    })
    .await;
    running.post_lines(watched("late")).await;
    let series = running.series().await;
    assert_eq!(requests(&series, "late"), Some(1.0), "it has a series of its own");
    let by_type = value(&series, "playarr_stream_request_duration_seconds_count", &[("media_type", "live")]);
    assert_eq!(by_type, Some(2_002.0), "series without open labels stay");
}

/// What version 0.1.0 kept in a document of the settings.
fn old_checkpoint(id: &str, hits: u64, batches: &[(&str, u16, u32)]) -> Document {
    let totals = json!({
        "version": 1,
        "series": [
            { "family": "playarr_cache_operations_total", "labels": ["hit"], "counts": [hits], "nanoseconds": 0 },
            { "family": "playarr_stream_requests_total", "labels": ["alice"], "counts": [2], "nanoseconds": 0 },
            {
                "family": "playarr_stream_request_duration_seconds", "labels": ["live"],
                "bounds": [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0], "counts": [1, 0, 0, 1, 0, 0, 0, 0],
                "nanoseconds": 1_550_000_000_u64,
            },
        ],
        "folded": { "playarr_stream_requests_total": 3 },
        "reporters": [],
    });
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(totals.to_string().as_bytes()).unwrap();
    let mut marks = Vec::new();
    for (id, events, age) in batches {
        marks.extend(&Sha256::digest(id)[..8]);
        marks.extend(events.to_be_bytes());
        marks.extend(age.to_be_bytes());
    }
    let mut checksum = flate2::Crc::new();
    checksum.update(&marks);
    marks.splice(0..0, checksum.sum().to_be_bytes());
    let binary = |bytes| Binary { subtype: BinarySubtype::Generic, bytes };
    doc! { "_id": id, "value": {
        "holder": { "instance": "0123456789abcdef", "address": "127.0.0.1:3001", "process": {} },
        "released": true,
        "totals": binary(packed.finish().unwrap()),
        "batches": binary(marks),
    } }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_version_0_1_kept_in_the_settings_is_taken_over_once() {
    let database = database().await;
    let client = mongodb::Client::with_uri_str(database.uri()).await.unwrap();
    let settings = client.database(database.name()).collection::<Document>("settings");
    let old = [
        old_checkpoint("metrics_live_checkpoint", 100, &[("young", 5, 30), ("old", 5, 700)]),
        old_checkpoint("metrics_live_checkpoint_2", 10, &[("of the other", 4, 0)]),
    ];
    let unknown = doc! { "_id": "metrics_live_checkpoint_3", "value": { "totals": "of another form" } };
    settings.insert_many(old.iter().chain([&unknown])).await.unwrap();

    let running = Running::start_on(&database, &[]).await;
    let series = running.series().await;
    assert_eq!(hits(&series), 110.0, "those of both instances");
    assert_eq!(value(&series, "playarr_stream_requests_total", &[("user", "alice")]), Some(4.0));
    let duration = "playarr_stream_request_duration_seconds";
    assert_eq!(value(&series, &format!("{duration}_sum"), &[("media_type", "live")]), Some(3.1));
    let quick = [("media_type", "live"), ("le", "0.1")];
    assert_eq!(value(&series, &format!("{duration}_bucket"), &quick), Some(2.0));
    assert_eq!(post(&running, "young", 5).await, json!({ "accepted": 5 }));
    assert_eq!(post(&running, "of the other", 4).await, json!({ "accepted": 4 }));
    assert_eq!(hits(&running.series().await), 110.0, "batches that were counted are known");
    post(&running, "old", 5).await;
    assert_eq!(hits(&running.series().await), 115.0);
    let left = || async {
        let found = settings.find(doc! { "_id": { "$regex": "checkpoint" } }).await.unwrap();
        futures_util::TryStreamExt::try_collect::<Vec<Document>>(found).await.unwrap()
    };
    assert_eq!(left().await, [unknown], "they are gone, but for what is not known");
    let log = running.log.lock().unwrap().clone();
    assert!(log.contains("metrics_live_checkpoint_3") && log.contains("not taken over"), "{log}");

    // Playarr writes back what it had read.
    settings.insert_many(&old).await.unwrap();
    assert!(!running.end("KILL").await.success());
    let running = Running::start_on(&database, &[]).await;
    assert_eq!(hits(&running.series().await), 115.0, "ignored");
    assert_eq!(post(&running, "young", 5).await, json!({ "accepted": 5 }));
    assert_eq!(hits(&running.series().await), 115.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_batches_keeps_nobody_from_following() {
    let database = database().await;
    let flooded = Running::start_on(&database, &[]).await;
    let other = Running::start_on(&database, &[]).await;
    let is_over = AtomicBool::new(false);
    let flood = futures_util::future::join_all((0..64).map(|_| async {
        while !is_over.load(Ordering::Relaxed) {
            let body = format!(r#"{{"events":[{}]}}"#, vec![HIT; 20].join(","));
            let request = flooded.events().header(CONTENT_TYPE, "application/json").body(body);
            assert!(request.send().await.unwrap().status().is_success());
        }
    }));
    let follow = async {
        for number in 1..=5 {
            other.post_lines(r#"{"type":"cache_operation","operation":"miss"}"#.to_owned()).await;
            until("it follows", Duration::from_secs(5), || async {
                value(&flooded.series().await, "playarr_cache_operations_total", &[("operation", "miss")])
                    == Some(f64::from(number))
            })
            .await;
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(flood, follow);
    assert!(flooded.end("TERM").await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_forgets_series_in_every_instance_and_others_stay() {
    let service = Service::with(fixtures()).ready().await;
    let (uri, name) = service.settings();
    let other = Service::empty().server(&uri).setting("MONGODB_DB_NAME", &name).ready().await;
    let token = service.ingest_token().await;
    let report = async |users: &[&str]| {
        let event = |user: &&str| {
            let (media_type, duration_seconds) = ("live", 1);
            json!({ "type": "stream_request", "user": user, "media_type": media_type,
                "duration_seconds": duration_seconds })
        };
        let events: Vec<_> = users.iter().map(event).collect();
        let request = service.post("/api/metrics/events").bearer_auth(&token);
        let answer = request.json(&json!({ "events": events })).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
    };
    let forget = async |body: Value| {
        let request = service.post("/api/metrics/live/forget").header("x-api-key", "admin001");
        let answer = request.json(&body).send().await.unwrap();
        (answer.status(), answer.json::<Value>().await.unwrap())
    };
    let users = |series: &Gauges| {
        let users = series.get("playarr_stream_requests_total");
        users.into_iter().flatten().map(|(labels, _)| labels["user"].clone()).collect::<Vec<_>>()
    };
    report(&["alice", "alan", "bob"]).await;
    until("the other one shows them", SOON, || async { users(&other.series().await).len() == 3 }).await;

    let selector = r#"playarr_stream_requests_total{user=~"al.*"}"#;
    let (status, answer) = forget(json!({ "match": [selector], "dry_run": true })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "series": 2, "dry_run": true })));
    assert_eq!(users(&service.series().await).len(), 3, "nothing has gone yet");
    let (status, answer) = forget(json!({ "match": [selector] })).await;
    assert_eq!((status, answer), (StatusCode::OK, json!({ "series": 2, "dry_run": false })));
    assert_eq!(users(&service.series().await), ["bob"]);
    until("the other one follows", SOON, || async { users(&other.series().await) == ["bob"] }).await;
    report(&["alice"]).await;
    let labels = [("user", "alice")];
    service.until_value("playarr_stream_requests_total", &labels, 1.0).await;
    other.until_value("playarr_stream_requests_total", &labels, 1.0).await;

    for (body, complaint) in [
        (json!({ "match": [] }), "1 to 100 are accepted"),
        (json!({ "match": ["rate(a[5m])"] }), "at character 5"),
        (json!({ "match": ["{user="] }), "cannot be read"),
        (json!({ "matches": ["a"] }), "unknown field"),
    ] {
        let (status, answer) = forget(body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"].as_str().unwrap().contains(complaint), "{answer}");
    }
    let anybody = service.post("/api/metrics/live/forget").json(&json!({ "match": ["a"] }));
    assert_eq!(anybody.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    other.stop().await;
    service.stop().await;
}
