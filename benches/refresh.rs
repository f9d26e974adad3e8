//! A refresh of the large library beside the plain pipelines on the same real mongod, side by side in one run.
//! Prints the ratio; the specification wants at most a third.
//!
//! Run it with `cargo bench --bench refresh`. Needs about 3 GB of memory and disk, and a minute to load.

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt};
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Client, Database};
use playarr_jobs::refresh::Trigger;
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_sandbox::Mongod;

use support::{large_library, median_seconds};

const ROUNDS: usize = 7;
const CONCURRENCY: usize = 4;

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
