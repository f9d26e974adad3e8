//! A refresh of the large library beside the plain pipelines on the same real mongod, side by side in one run, then a
//! refresh in which nothing or one user changed beside the full one, then how soon a change shows in a scrape. Prints
//! the ratios; the specification wants at most a third of the plain pipelines, at most 5% where nothing changed, and a
//! change within 3 s (p95).
//!
//! Run it with `cargo bench --bench refresh`. Needs about 3 GB of memory and disk, and a minute to load.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use playarr_jobs::refresh::{Report, Scope, Trigger};
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_sandbox::Mongod;

use support::{large_library, median_seconds, program};

const ROUNDS: usize = 7;
const CONCURRENCY: usize = 4;
const CHANGES: usize = 60;

#[tokio::main]
async fn main() {
    let mongod = Mongod::builder().cache_gb(2.0).start().await.expect("a MongoDB");
    let database = Client::with_uri_str(mongod.uri()).await.expect("a client").database("playarr");
    let loading = Instant::now();
    large_library::load(&database).await.expect("MongoDB takes the library");
    println!("loaded the large library in {:.0} s", loading.elapsed().as_secs_f64());

    let config = Config::read(|name| match name {
        "MONGODB_URI" => Some(mongod.uri().to_owned()),
        "REFRESH_CONCURRENCY" => Some(CONCURRENCY.to_string()),
        _ => None,
    })
    .expect("the settings are fine");
    let connection = database::connect(&config).await.expect("a client");
    let app = App::new(&config, &connection).expect("the parts of the service");

    ours(&app).await;
    plain(&database).await;
    let (mut refreshes, mut pipelines, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (ours, plain) = (ours(&app).await, plain(&database).await);
        println!("refresh {:.3} s, plain pipelines {:.3} s", ours.as_secs_f64(), plain.as_secs_f64());
        refreshes.push(ours);
        pipelines.push(plain);
        ratios.push(ours.as_secs_f64() / plain.as_secs_f64());
    }
    println!(
        "medians of {ROUNDS}: refresh {:.3} s, plain pipelines {:.3} s, ratio {:.3}",
        median_seconds(&refreshes),
        median_seconds(&pipelines),
        support::median(ratios)
    );

    partial(&app, &database).await;
    let small = mongod_database(mongod.uri(), "small").await;
    small.collection::<Document>("users").insert_one(doc! { "username": "first" }).await.expect("MongoDB writes");
    for (name, database) in [("small", &small), ("large", &database)] {
        let mut seconds = changes_to_scrapes(mongod.uri(), database).await;
        seconds.sort_by(f64::total_cmp);
        let at = |share: usize| seconds[(seconds.len() * share / 100).min(seconds.len() - 1)];
        println!("{name} library, {CHANGES} changes to scrapes: p50 {:.2} s, p95 {:.2} s", at(50), at(95));
    }
    warm_starts(mongod.uri(), &database).await;
}

/// How long a new process takes from its start to the first scrape that shows the library, by the snapshot that the one
/// before it left.
async fn warm_starts(uri: &str, database: &Database) {
    let token = support::service::token(database).await;
    let client = reqwest::Client::new();
    let (mut seconds, mut bytes) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let address = program::free_address();
        let started = Instant::now();
        let program = program::Program::start(uri, database.name(), address);
        bytes = loop {
            let scrape = client.get(format!("http://{address}/metrics")).bearer_auth(&token).send().await;
            if let Ok(answer) = scrape
                && let Ok(text) = answer.text().await
                && text.contains("\nplayarr_active_users ")
            {
                break text.len();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        seconds.push(started.elapsed());
        drop(program);
    }
    let seconds = median_seconds(&seconds);
    println!("median of {ROUNDS} warm starts: {bytes} bytes scraped {seconds:.2} s after the start of the process");
}

/// A refresh in which nothing changed, and one in which a user did, beside the full one.
async fn partial(app: &Arc<App>, database: &Database) {
    let users = database.collection::<Document>("users");
    let user = doc! { "username": "changing" };
    users.insert_one(user.clone()).await.expect("MongoDB writes");
    refresh(app, Scope::All).await;
    let (mut unchanged, mut changed) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        let before = examined(database).await;
        let full = refresh(app, Scope::All).await;
        let middle = examined(database).await;
        let nothing = refresh(app, Scope::Changed).await;
        let after = examined(database).await;
        let number = i64::try_from(number).unwrap_or_default();
        users.update_one(user.clone(), doc! { "$set": { "number": number } }).await.expect("MongoDB writes");
        let one = refresh(app, Scope::Changed).await;
        let ran: Vec<_> = one.collectors.iter().filter(|one| !one.is_kept).map(|one| one.name.as_str()).collect();
        println!(
            "full {:.3} s and {} documents and keys; nothing changed {:.4} s and {}; one user changed {:.4} s: {}",
            full.duration.as_secs_f64(),
            middle - before,
            nothing.duration.as_secs_f64(),
            after - middle,
            one.duration.as_secs_f64(),
            ran.join(", "),
        );
        unchanged.push(nothing.duration.as_secs_f64() / full.duration.as_secs_f64());
        changed.push(one.duration.as_secs_f64() / full.duration.as_secs_f64());
    }
    let (unchanged, changed) = (support::median(unchanged), support::median(changed));
    println!("medians of {ROUNDS}, of the full refresh: nothing changed {unchanged:.4}, one user changed {changed:.4}");
}

async fn refresh(app: &Arc<App>, scope: Scope) -> Arc<Report> {
    let report = app.job.refresh_in(scope, Trigger::Manual).await.expect("a report");
    assert!(report.is_success(), "{report:?}");
    app.job.idle().await;
    report
}

/// Documents and index keys that the server has examined since it started.
async fn examined(database: &Database) -> i64 {
    let status = database.run_command(doc! { "serverStatus": 1 }).await.expect("MongoDB answers");
    let metrics = status.get_document("metrics").and_then(|metrics| metrics.get_document("queryExecutor"));
    let metrics = metrics.expect("MongoDB counts what it examines");
    ["scanned", "scannedObjects"].iter().filter_map(|name| metrics.get_i64(name).ok()).sum()
}

async fn mongod_database(uri: &str, name: &str) -> Database {
    Client::with_uri_str(uri).await.expect("a client").database(name)
}

/// How long each of some changes took from MongoDB's acknowledgement to the first scrape that shows it.
async fn changes_to_scrapes(uri: &str, database: &Database) -> Vec<f64> {
    let (address, token) = support::service::serve(uri, database, &[]).await;
    let client = reqwest::Client::new();
    let users = database.collection::<Document>("users");
    let scrape = async || {
        let scrape = client.get(format!("http://{address}/metrics")).bearer_auth(&token).send().await;
        let text = scrape.expect("a scrape").text().await.expect("a text");
        let line = text.lines().find_map(|line| line.strip_prefix("playarr_active_users "));
        line.and_then(|value| value.parse::<f64>().ok()).expect("the gauge")
    };
    let mut shown = scrape().await;
    let mut seconds = Vec::new();
    for number in 0..CHANGES {
        let user = doc! { "username": format!("change-{number}"), "api_key": format!("c-{number}") };
        users.insert_one(user).await.expect("MongoDB writes");
        let acknowledged = Instant::now();
        while scrape().await <= shown {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seconds.push(acknowledged.elapsed().as_secs_f64());
        shown += 1.0;
        // At any moment of the interval in which the service looks.
        tokio::time::sleep(Duration::from_millis(137 * u64::try_from(number % 15).unwrap_or_default())).await;
    }
    seconds
}

/// A whole refresh: counted, folded, rendered, compressed and published.
async fn ours(app: &Arc<App>) -> Duration {
    let report = app.job.refresh(Trigger::Manual).await.expect("a report");
    assert!(report.is_success(), "{report:?}");
    report.duration
}

/// The same counts as one would write them down, side by side as ours are, read to the last row and thrown away.
async fn plain(database: &Database) -> Duration {
    let started = Instant::now();
    let rows: usize =
        futures_util::stream::iter(plain_pipelines().into_iter().map(|(collection, pipeline)| async move {
            let rows = database.collection::<Document>(collection).aggregate(pipeline).allow_disk_use(true).await?;
            Ok::<_, mongodb::error::Error>(rows.try_collect::<Vec<_>>().await?.len())
        }))
        .buffer_unordered(CONCURRENCY)
        .try_fold(0, |sum, rows| async move { Ok(sum + rows) })
        .await
        .expect("MongoDB answers");
    assert!(rows > 300_000, "{rows} rows");
    started.elapsed()
}

fn plain_pipelines() -> Vec<(&'static str, Vec<Document>)> {
    let known = |path: &str| Bson::from(doc! { "$ifNull": [path, "unknown"] });
    let count_by = |key: Bson| doc! { "$group": { "_id": key, "count": { "$sum": 1 } } };
    let by_provider = count_by(doc! { "provider_id": known("$provider_id"), "type": known("$type") }.into());
    let by_season = doc! {
        "source": known("$media.sources.provider_id"),
        "title": known("$title"),
        "season": known("$media.season"),
    };
    let by_category = doc! { "provider_id": known("$provider_id"), "category": known("$group_title") };
    let size = |path: &str| Bson::from(doc! { "$size": { "$ifNull": [path, []] } });
    let details = |field: &str| doc! { "$project": { "id": 1, "value": format!("$provider_details.{field}") } };
    vec![
        (
            "titles",
            vec![
                doc! { "$match": { "type": "tvshows" } },
                doc! { "$unwind": "$media" },
                doc! { "$unwind": "$media.sources" },
                count_by(by_season.into()),
            ],
        ),
        ("provider_titles", vec![by_provider.clone()]),
        ("provider_titles", vec![doc! { "$match": { "ignored": true } }, by_provider]),
        ("titles", vec![count_by(known("$type"))]),
        ("channels", vec![count_by(by_category.into())]),
        (
            "users",
            vec![doc! { "$project": {
                "username": 1,
                "movies": size("$watchlist.movies"),
                "tvshows": size("$watchlist.tvshows"),
            } }],
        ),
        ("users", vec![doc! { "$project": { "username": 1, "live": size("$watchlist.live") } }]),
        (
            "users",
            vec![
                doc! { "$match": { "api_key": { "$gt": "" }, "status": { "$ne": "inactive" } } },
                doc! { "$count": "count" },
            ],
        ),
        ("iptv_providers", vec![details("active_connections")]),
        ("iptv_providers", vec![details("max_connections")]),
        ("iptv_providers", vec![details("active")]),
        ("iptv_providers", vec![details("expiration_date")]),
    ]
}
