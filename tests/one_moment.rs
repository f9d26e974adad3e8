//! On a replica set a refresh reads at one moment, shows what was acknowledged before it, and never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::options::{Acknowledgment, WriteConcern};
use mongodb::{Client, Collection, Database};
use playarr_jobs::metric::{Family, Points};
use playarr_jobs::refresh::{Scope, Trigger};
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_sandbox::{Member, ReplicaSet};

use crate::support::library::{fixtures, load_indexed};
use crate::support::until;

const TITLES: i32 = 400;

/// How many refreshes a test makes: `PLAYARR_TEST_REFRESHES`, or few.
fn refreshes(few: u32) -> u32 {
    std::env::var("PLAYARR_TEST_REFRESHES").map_or(few, |number| number.parse().expect("a number of refreshes"))
}

fn majority() -> WriteConcern {
    WriteConcern::builder().w(Acknowledgment::Majority).build()
}

/// The parts of a service on a database with a provider title for each number, all of one provider.
async fn parts(uri: &str) -> (Arc<App>, Database) {
    let database = Client::with_uri_str(uri).await.unwrap().database("playarr");
    load_indexed(&database, &fixtures()).await.unwrap();
    let titles = database.collection::<Document>("provider_titles");
    titles.delete_many(doc! {}).await.unwrap();
    let title = |number| doc! { "provider_id": "a", "title_key": format!("movies-{number}"), "type": "movies" };
    titles.insert_many((0..TITLES).map(title)).await.unwrap();
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).unwrap();
    let connection = database::connect(&config).await.unwrap();
    (App::new(&config, &connection).unwrap(), database)
}

async fn refresh(app: &App) {
    let report = app.job.refresh_in(Scope::All, Trigger::Manual).await.unwrap();
    assert!(report.is_success(), "{report:?}");
    app.job.idle().await;
}

/// The sum over a gauge, of the series whose first label has this value, or of all.
fn sum(app: &App, name: &str, label: Option<&str>) -> f64 {
    let published = app.snapshots.load();
    let family: &Family = published.snapshot.collector(name).unwrap().family.as_ref().unwrap();
    let Points::Numbers(values) = &family.points else { panic!("{name} is a gauge") };
    let is_meant = |row: usize| label.is_none_or(|label| family.labels(row).next().unwrap().1 == label);
    values.iter().enumerate().filter(|(row, _)| is_meant(*row)).map(|(_, value)| value).sum()
}

fn is_consistent(app: &App) -> bool {
    app.snapshots.load().snapshot.read.is_consistent
}

/// Moves titles between two providers until it is told that this is over.
async fn move_in_a_loop(titles: Collection<Document>, over: Arc<AtomicBool>, number: i32) {
    let mut providers = ["b", "a"].into_iter().cycle();
    while !over.load(Ordering::Relaxed) {
        let provider = providers.next().unwrap();
        for key in (number..TITLES).step_by(2) {
            let moved = doc! { "$set": { "provider_id": provider } };
            titles.update_one(doc! { "title_key": format!("movies-{key}") }, moved).await.unwrap();
        }
    }
}

/// The titles of both providers, counted one after the other without a common time.
async fn counted_separately(titles: &Collection<Document>) -> u64 {
    let (a, b) = (doc! { "provider_id": "a" }, doc! { "provider_id": "b" });
    titles.count_documents(a).await.unwrap() + titles.count_documents(b).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sums_are_exact_while_titles_move_between_providers() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let (app, database) = parts(&set.uri()).await;
    let over = Arc::new(AtomicBool::new(false));
    let titles = database.collection::<Document>("provider_titles");
    let moving = [0, 1].map(|number| tokio::spawn(move_in_a_loop(titles.clone(), over.clone(), number)));
    let (rounds, mut separate_off) = (refreshes(60), 0);
    for number in 0..rounds {
        separate_off += u32::from(counted_separately(&titles).await != u64::from(TITLES.unsigned_abs()));
        refresh(&app).await;
        assert!(is_consistent(&app), "refresh {number} reads at one moment");
        let (shown, expected) = (sum(&app, "playarr_provider_titles_count", None), f64::from(TITLES));
        assert!((shown - expected).abs() < 0.5, "refresh {number} counts {shown}");
    }
    over.store(true, Ordering::Relaxed);
    for one in moving {
        one.await.unwrap();
    }
    println!("{rounds} refreshes were exact; {separate_off} of {rounds} separate reads were not");
    assert!(separate_off > 0, "the titles move fast enough to tell");
    let text = app.snapshots.load().prepared.text.clone();
    assert!(std::str::from_utf8(&text).unwrap().contains("playarr_metrics_refresh_consistent 1\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secondary_that_applies_nothing_makes_no_refresh_old() {
    let set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let (app, database) = parts(&set.uri()).await;
    // Once the driver knows all three.
    until("both secondaries are read", Duration::from_secs(30), || async {
        refresh(&app).await;
        app.snapshots.load().snapshot.read.lags.len() == 2
    })
    .await;
    set.run(2, doc! { "fsync": 1, "lock": true }).await.unwrap();
    let users = database.collection::<Document>("users");
    let series = || app.snapshots.load().snapshot.collector("playarr_watchlist_channels_count").unwrap().series();
    let (before, first) = (sum(&app, "playarr_active_users", None), series());
    for number in 1..=refreshes(30) {
        let user = doc! { "username": format!("new-{number}"), "api_key": format!("key-{number}") };
        users.insert_one(user).write_concern(majority()).await.unwrap();
        refresh(&app).await;
        let (shown, expected) = (sum(&app, "playarr_active_users", None), before + f64::from(number));
        assert!((shown - expected).abs() < 0.5, "refresh {number} shows {shown} of {expected} users");
        assert!(is_consistent(&app), "refresh {number}");
        // One user is one series more, in a gauge that another collector counts.
        assert_eq!(series(), first + number as usize, "refresh {number} mixes no times");
    }
    set.run(2, doc! { "fsyncUnlock": 1 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lone_secondary_that_lacks_what_was_shown_is_not_read() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Secondary]).await.unwrap();
    let (app, database) = parts(&set.uri()).await;
    // Once all three have the library.
    until("both secondaries are read", Duration::from_secs(30), || async {
        refresh(&app).await;
        app.snapshots.load().snapshot.read.lags.len() == 2
    })
    .await;
    set.run(2, doc! { "fsync": 1, "lock": true }).await.unwrap();
    let (users, before) = (database.collection::<Document>("users"), sum(&app, "playarr_active_users", None));
    let user = doc! { "username": "new", "api_key": "key-new" };
    users.insert_one(user).write_concern(majority()).await.unwrap();
    refresh(&app).await;
    assert!((sum(&app, "playarr_active_users", None) - before - 1.0).abs() < 0.5);

    for member in [0, 1] {
        set.members[member].kill().await.unwrap();
    }
    let report = app.job.refresh_in(Scope::All, Trigger::Manual).await.unwrap();
    assert!(report.is_total_failure(), "{report:?}");
    assert!((sum(&app, "playarr_active_users", None) - before - 1.0).abs() < 0.5, "what was shown stays");
    set.run(2, doc! { "fsyncUnlock": 1 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_majority_the_primary_is_read_and_says_that_it_is_not_one_moment() {
    let mut set = ReplicaSet::start(&[Member::Primary, Member::Secondary, Member::Arbiter]).await.unwrap();
    let (app, database) = parts(&set.uri()).await;
    refresh(&app).await;
    set.members[1].kill().await.unwrap();
    let own = WriteConcern::builder().w(Acknowledgment::Nodes(1)).build();
    let users = database.collection::<Document>("users");
    let before = sum(&app, "playarr_active_users", None);
    users.insert_one(doc! { "username": "x", "api_key": "key-x" }).write_concern(own).await.unwrap();
    refresh(&app).await;
    assert!((sum(&app, "playarr_active_users", None) - before - 1.0).abs() < 0.5);
    assert!(!is_consistent(&app));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_standalone_server_each_query_reads_when_it_comes() {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| own.uri().to_owned())).unwrap();
    let app = App::new(&config, &database::connect(&config).await.unwrap()).unwrap();
    refresh(&app).await;
    assert!(!is_consistent(&app));
}
