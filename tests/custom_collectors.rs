//! Collectors beside those of the built-in gauges: replaced while the service runs, and never in their way.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mongodb::Database;
use mongodb::bson::{Document, doc};
use playarr_jobs::gauges::{self, Definition, EpisodesDetail};
use playarr_jobs::refresh::{Collector, Trigger, watch_changes};
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database::{self, Connection};
use playarr_sandbox::TestDatabase;

use crate::support::library::{fixtures, load};
use crate::support::until;

/// A built-in definition under another name.
fn like(built_in: &str, name: &'static str) -> Definition {
    let mut definitions = gauges::all(EpisodesDetail::Title).into_iter();
    let mut definition = definitions.find(|definition| definition.name == built_in).unwrap();
    definition.name = name.into();
    definition
}

fn names(names: &[&'static str]) -> BTreeSet<playarr_jobs::metric::Text> {
    names.iter().map(|&name| name.into()).collect()
}

async fn app() -> (Arc<App>, Database, TestDatabase) {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let database = own.connect().await.unwrap();
    load(&database, &fixtures()).await.unwrap();
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| own.uri().to_owned())).unwrap();
    let connection = Connection { database: database.clone(), ..database::connect(&config).await.unwrap() };
    (App::new(&config, &connection).unwrap(), database, own)
}

fn series(app: &App, name: &str) -> Option<usize> {
    app.snapshots.load().snapshot.collector(name).map(Collector::series)
}

async fn until_series(app: &App, name: &str, expected: Option<usize>) {
    until(name, Duration::from_secs(20), || async { series(app, name) == expected }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_is_added_is_counted_at_once_and_with_each_refresh() {
    let (app, database, _own) = app().await;
    app.job.refresh(Trigger::Startup).await.unwrap();
    app.job.replace_custom(vec![like("playarr_channels_count", "playarr_custom_a").within(2)]);
    until_series(&app, "playarr_custom_a", Some(2)).await;
    let text = app.snapshots.load().prepared.text.clone();
    assert!(std::str::from_utf8(&text).unwrap().contains("# TYPE playarr_custom_a gauge"));
    // The built-in gauges are there as before, in their order, and the custom one comes last.
    let collectors: Vec<_> = app.snapshots.load().snapshot.collectors.iter().map(|one| one.name.to_string()).collect();
    assert_eq!((collectors.len(), collectors.last().unwrap().as_str()), (15, "playarr_custom_a"));

    app.job.replace_custom(vec![like("playarr_channels_count", "playarr_custom_a")]);
    until("the budget is the usual one", Duration::from_secs(20), || async {
        series(&app, "playarr_custom_a") == series(&app, "playarr_channels_count")
    })
    .await;
    let before = series(&app, "playarr_custom_a").unwrap();
    let channel = doc! { "provider_id": "agtv", "channel_id": "new", "group_title": "A category of its own" };
    database.collection::<Document>("channels").insert_one(channel).await.unwrap();
    app.job.refresh(Trigger::Manual).await.unwrap();
    until_series(&app, "playarr_custom_a", Some(before + 1)).await;

    app.job.replace_custom(vec![]);
    until_series(&app, "playarr_custom_a", None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_paused_keeps_its_values_and_runs_when_it_is_asked_for() {
    let (app, database, _own) = app().await;
    app.job.refresh(Trigger::Startup).await.unwrap();
    app.job.replace_custom(vec![like("playarr_watchlist_channels_count", "playarr_custom_users")]);
    until("it is counted", Duration::from_secs(20), || async { series(&app, "playarr_custom_users").is_some() }).await;
    app.job.idle().await;
    let before = series(&app, "playarr_custom_users");
    app.job.pause_custom(names(&["playarr_custom_users"]));
    database.collection::<Document>("users").insert_one(doc! { "username": "new" }).await.unwrap();
    app.job.refresh(Trigger::Manual).await.unwrap();
    app.job.idle().await;
    assert_eq!(series(&app, "playarr_custom_users"), before);
    let report = app.job.refresh_custom(names(&["playarr_custom_users"])).await.unwrap();
    assert_eq!(report.collectors.len(), 1);
    assert_eq!(series(&app, "playarr_custom_users"), before.map(|before| before + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_paused_does_not_run_for_a_change() {
    let (app, database, _own) = app().await;
    let (job, (noticed, is_noticed)) = (app.job.clone(), tokio::sync::watch::channel(false));
    let notice = move |are_noticed| _ = noticed.send(are_noticed);
    let watching = tokio::spawn(async move { watch_changes(job, notice).await });
    // It begins after a refresh.
    until("changes are noticed", Duration::from_secs(20), || async {
        app.job.refresh(Trigger::Startup).await.unwrap();
        *is_noticed.borrow()
    })
    .await;
    let running = like("playarr_watchlist_channels_count", "playarr_custom_running");
    let paused = like("playarr_watchlist_channels_count", "playarr_custom_paused");
    app.job.replace_custom(vec![running, paused]);
    until("both are counted", Duration::from_secs(20), || async { series(&app, "playarr_custom_paused").is_some() })
        .await;
    app.job.idle().await;
    let before = series(&app, "playarr_custom_running");
    assert_eq!(series(&app, "playarr_custom_paused"), before);
    app.job.pause_custom(names(&["playarr_custom_paused"]));

    database.collection::<Document>("users").insert_one(doc! { "username": "new" }).await.unwrap();
    until_series(&app, "playarr_custom_running", before.map(|before| before + 1)).await;
    app.job.idle().await;
    assert_eq!(series(&app, "playarr_custom_paused"), before, "it would have run with the other one");
    watching.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_replaced_definition_has_counted_is_not_shown_for_the_new_one() {
    let (app, database, _own) = app().await;
    app.job.refresh(Trigger::Startup).await.unwrap();
    // Counting channels takes seconds from here on.
    database.collection::<Document>("channels").drop().await.unwrap();
    let slow = doc! { "$project": { "provider_id": { "$function": {
        "body": "function() { sleep(100); return 'slow'; }", "args": [], "lang": "js",
    } } } };
    database.create_collection("channels").view_on("users").pipeline([slow]).await.unwrap();
    app.job.replace_custom(vec![like("playarr_channels_count", "playarr_custom_a")]);
    until("it is being counted", Duration::from_secs(20), || async { is_read(&database, "playarr_custom_a").await })
        .await;
    app.job.replace_custom(vec![like("playarr_active_users", "playarr_custom_a")]);
    app.job.idle().await;
    let published = app.snapshots.load();
    let family = published.snapshot.collector("playarr_custom_a").unwrap().family.clone().unwrap();
    assert_eq!((family.columns.len(), family.len()), (0, 1), "{family:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_fails_keeps_its_values_but_not_those_of_the_definition_it_has_replaced() {
    let (app, database, _own) = app().await;
    app.job.refresh(Trigger::Startup).await.unwrap();
    app.job.replace_custom(vec![like("playarr_channels_count", "playarr_custom_a")]);
    until("it is counted", Duration::from_secs(20), || async { series(&app, "playarr_custom_a").is_some() }).await;
    app.job.idle().await;
    let before = series(&app, "playarr_custom_a");

    // Counting channels fails from here on.
    database.collection::<Document>("channels").drop().await.unwrap();
    let broken = doc! { "$project": { "provider_id": { "$divide": ["$username", 1] } } };
    database.create_collection("channels").view_on("users").pipeline([broken]).await.unwrap();
    let has_failed = || app.snapshots.load().snapshot.collector("playarr_custom_a").unwrap().error.is_some();
    app.job.refresh(Trigger::Manual).await.unwrap();
    until("the same definition fails", Duration::from_secs(20), || async { has_failed() }).await;
    assert_eq!(series(&app, "playarr_custom_a"), before);

    app.job.replace_custom(vec![like("playarr_channels_count", "playarr_custom_a").within(2)]);
    until_series(&app, "playarr_custom_a", Some(0)).await;
    assert!(has_failed(), "it says so");
}

/// Whether MongoDB runs a query of this collector.
async fn is_read(database: &Database, collector: &str) -> bool {
    let queries = [
        doc! { "$currentOp": { "allUsers": true } },
        doc! { "$match": { "command.comment": format!("playarr-metrics {collector}") } },
    ];
    let admin = database.client().database("admin");
    admin.aggregate(queries).await.unwrap().advance().await.unwrap()
}
