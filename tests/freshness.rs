//! Changes in the database show within seconds, and only what changed is counted again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use playarr_jobs::refresh::{Report, Scope, Trigger};
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database::{self, Connection};
use playarr_sandbox::{Member, ReplicaSet, TestDatabase};
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::{fixtures, load};
use crate::support::service::Service;
use crate::support::until;

/// How long a change may take to show here, where many tests run at once. The benchmark measures how long it takes.
const SOON: Duration = Duration::from_secs(30);

async fn service() -> Service {
    Service::with(fixtures()).setting("CHANGE_DETECTION", "on").ready().await
}

async fn until_shown(service: &Service, what: &str, name: &str, labels: &[(&str, &str)], expected: f64) {
    until(what, SOON, || async { value(&service.series().await, name, labels) == Some(expected) }).await;
}

async fn users(service: &Service) -> f64 {
    value(&service.series().await, "playarr_active_users", &[]).unwrap()
}

async fn status(service: &Service) -> Value {
    service.get("/api/metrics/status").header("x-api-key", "admin001").send().await.unwrap().json().await.unwrap()
}

/// Every way to write, and what it leaves behind: how many more active users there are.
async fn write_in_every_way(service: &Service, database: &Database) {
    let documents = database.collection::<Document>("users");
    let user = |name: &str| doc! { "username": name, "api_key": format!("key-{name}") };
    let before = users(service).await;
    let shows = async |what, more: f64| {
        until_shown(service, what, "playarr_active_users", &[], before + more).await;
    };
    documents.insert_one(user("one")).await.unwrap();
    shows("an insert", 1.0).await;
    documents.insert_many(["two", "three", "four"].map(user)).await.unwrap();
    shows("many inserts at once", 4.0).await;
    let inactive = doc! { "$set": { "status": "inactive" } };
    documents.update_one(doc! { "username": "one" }, inactive.clone()).await.unwrap();
    shows("an update", 3.0).await;
    documents.update_many(doc! { "username": { "$in": ["two", "three"] } }, inactive).await.unwrap();
    shows("an update of many", 1.0).await;
    documents.replace_one(doc! { "username": "two" }, user("two")).await.unwrap();
    shows("a replacement", 2.0).await;
    documents.find_one_and_delete(doc! { "username": "two" }).await.unwrap();
    shows("a document found and deleted", 1.0).await;
    documents.delete_many(doc! { "username": { "$in": ["one", "three", "four"] } }).await.unwrap();
    shows("deletes", 0.0).await;
    documents.drop().await.unwrap();
    until_shown(service, "a dropped collection", "playarr_active_users", &[], 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_shows_soon_however_it_was_written() {
    let service = service().await;
    let history = service.database.collection::<Document>("job_history");
    write_in_every_way(&service, &service.database).await;
    let series = service.series().await;
    let refreshes = |trigger| {
        let labels = [("trigger", trigger), ("status", "success")];
        value(&series, "playarr_metrics_refresh_total", &labels).unwrap()
    };
    assert!(refreshes("change") >= 8.0, "{}", refreshes("change"));
    assert!((refreshes("startup") + refreshes("schedule") + refreshes("manual") - 1.0).abs() < f64::EPSILON);
    assert_eq!(value(&series, "playarr_metrics_change_detection", &[]), Some(1.0));
    // The history of jobs has the run of the start, and none of a change.
    let line = history.find_one(doc! { "job_name": "UpdateMetricsJob" }).await.unwrap().unwrap();
    assert_eq!(line.get_i32("execution_count").unwrap(), 1, "{line}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_gauges_of_what_changed_are_counted_again() {
    let service = service().await;
    let last_successes = |status: &Value| -> Vec<(String, String)> {
        let collectors = status["collectors"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        collectors.iter().map(|one| (text(&one["name"]), text(&one["last_success"]))).collect()
    };
    until("changes are noticed", SOON, || async { status(&service).await["change_detection"]["state"] == "on" }).await;
    let before = status(&service).await;
    let channel = doc! { "provider_id": "agtv", "channel_id": "new", "group_title": "A category of its own" };
    service.database.collection::<Document>("channels").insert_one(channel).await.unwrap();
    let labels = [("provider_id", "agtv"), ("category", "A category of its own")];
    until_shown(&service, "the channel", "playarr_channels_count", &labels, 1.0).await;
    let after = status(&service).await;
    let (old, new) = (last_successes(&before), last_successes(&after));
    let changed: Vec<_> = old.iter().zip(&new).filter(|(old, new)| old != new).map(|(old, _)| &*old.0).collect();
    assert_eq!(changed, ["playarr_channels_count"]);
    assert_eq!((&after["last_run"]["trigger"], &after["last_run"]["success"]), (&json!("change"), &json!(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_storm_of_writes_refreshes_stay_few_and_the_last_state_shows() {
    let service = service().await;
    let titles = service.database.collection::<Document>("provider_titles");
    let sum = async || value(&service.series().await, "playarr_metrics_refresh_duration_seconds_sum", &[]).unwrap();
    let (started, spent) = (Instant::now(), sum().await);
    let mut number = 0;
    while started.elapsed() < Duration::from_secs(8) {
        let key = format!("movies-storm-{number}");
        let title = doc! { "$set": { "type": "movies", "ignored": false } };
        titles.update_one(doc! { "provider_id": "storm", "title_key": key }, title).upsert(true).await.unwrap();
        number += 1;
    }
    let labels = [("provider_id", "storm"), ("media_type", "movies")];
    until_shown(&service, "the last state", "playarr_provider_titles_count", &labels, f64::from(number)).await;
    // The last run may have begun just before the look at the clock.
    let (spent, whole) = (sum().await - spent, started.elapsed().as_secs_f64());
    assert!(spent < 0.1 * whole + 1.0, "{spent:.2} s of {whole:.2} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_replica_set_transactions_show_as_well_even_those_that_are_committed_late() {
    let set = ReplicaSet::start(&[Member::Primary]).await.unwrap();
    let client = Client::with_uri_str(set.uri()).await.unwrap();
    let database = client.database("playarr");
    load(&database, &fixtures()).await.unwrap();
    let service = Service::empty().server(&set.uri()).setting("CHANGE_DETECTION", "on").ready().await;
    let before = users(&service).await;

    let mut session = client.start_session().await.unwrap();
    session.start_transaction().await.unwrap();
    let documents = database.collection::<Document>("users");
    documents.insert_one(doc! { "username": "x", "api_key": "key-x" }).session(&mut session).await.unwrap();
    let looked = || async {
        let labels = [("trigger", "change"), ("status", "success")];
        value(&service.series().await, "playarr_metrics_refresh_total", &labels).unwrap() > 0.0
    };
    until("a refresh for the statement, which is not committed", SOON, looked).await;
    assert_eq!(users(&service).await, before);
    session.commit_transaction().await.unwrap();
    until_shown(&service, "the transaction", "playarr_active_users", &[], before + 1.0).await;
    documents.delete_one(doc! { "username": "x" }).await.unwrap();
    until_shown(&service, "a delete", "playarr_active_users", &[], before).await;
    write_in_every_way(&service, &database).await;
    service.stop().await;
}

/// The parts of the service without anything that runs by itself.
async fn parts(change_detection: &str) -> (Arc<App>, Database, TestDatabase) {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let database = own.connect().await.unwrap();
    load(&database, &fixtures()).await.unwrap();
    let config = Config::read(|name| match name {
        "MONGODB_URI" => Some(own.uri().to_owned()),
        "CHANGE_DETECTION" => Some(change_detection.to_owned()),
        _ => None,
    });
    let config = config.unwrap();
    let connection = Connection { database: database.clone(), ..database::connect(&config).await.unwrap() };
    (App::new(&config, &connection).unwrap(), database, own)
}

async fn refresh(app: &App, scope: Scope) -> Arc<Report> {
    let report = app.job.refresh_in(scope, Trigger::Manual).await.unwrap();
    assert!(report.is_success(), "{report:?}");
    app.job.idle().await;
    report
}

fn counted(report: &Report) -> BTreeSet<String> {
    report.collectors.iter().filter(|one| !one.is_kept).map(|one| one.name.clone()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_asked_for_counts_only_what_may_have_changed() {
    let (app, database, _own) = parts("on").await;
    let first = refresh(&app, Scope::Changed).await;
    assert_eq!((counted(&first).len(), first.collectors.len()), (14, 14));
    database.run_command(doc! { "profile": 2 }).await.unwrap();
    let second = refresh(&app, Scope::Changed).await;
    database.run_command(doc! { "profile": 0 }).await.unwrap();
    assert!(counted(&second).is_empty(), "{second:?}");
    assert_eq!((second.collectors.len(), second.generation), (14, first.generation + 1));
    // Nothing was read for it.
    let profile = database.collection::<Document>("system.profile");
    let reads = profile.find(doc! { "command.aggregate": { "$exists": true } }).await.unwrap();
    for read in reads.try_collect::<Vec<_>>().await.unwrap() {
        assert!(read.to_string().contains("$collStats"), "{read}");
    }

    let user = doc! { "username": "new", "api_key": "key-new" };
    database.collection::<Document>("users").insert_one(user).await.unwrap();
    let of_users = ["playarr_active_users", "playarr_watchlist_channels_count", "playarr_watchlist_titles_count"];
    let users_only = refresh(&app, Scope::Changed).await;
    assert_eq!(counted(&users_only), of_users.map(str::to_owned).into());
    let all = refresh(&app, Scope::All).await;
    assert_eq!(counted(&all).len(), 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_change_detection_every_refresh_counts_everything() {
    let (app, _database, _own) = parts("off").await;
    for _ in 0..2 {
        let report = refresh(&app, Scope::Changed).await;
        assert_eq!(counted(&report).len(), 14);
    }
}
