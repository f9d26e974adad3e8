//! 50 custom metrics, of which one always fails and one times out, beside none: how long the built-in gauges take to
//! arrive. Prints the ratio, with the custom metrics at rest when the refresh begins, and while the slow one is still
//! being counted. The aim is 1.
//!
//! Run it with `cargo bench --bench custom`.

mod support;

use std::sync::Arc;
use std::time::Duration;

use playarr_jobs::custom::{CustomMetric, Pipeline, compile};
use playarr_jobs::gauges::Definition;
use playarr_jobs::refresh::Trigger;
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database;
use support::{large_library, median, median_seconds};

/// So that a refresh takes some tenths of a second.
const SERIES: usize = 50_000;
const ROUNDS: usize = 9;
const METRICS: usize = 50;

#[tokio::main]
async fn main() {
    let mongod = playarr_sandbox::mongodb().await.expect("a MongoDB");
    let database = mongod.database();
    let connected = database.connect().await.expect("a client");
    large_library::load_series(&connected, SERIES).await.expect("MongoDB takes the library");
    let config = Config::read(|name| match name {
        "MONGODB_URI" => Some(database.uri().to_owned()),
        "MONGODB_DB_NAME" => Some(database.name().to_owned()),
        "COLLECTOR_TIMEOUT" => Some("5s".to_owned()),
        _ => None,
    })
    .expect("the settings are fine");
    let app = async || {
        let connection = database::connect(&config).await.expect("a client");
        App::new(&config, &connection).expect("the parts of the service")
    };
    let (without, with) = (app().await, app().await);
    // Those whose name comes first would delay all others.
    let definitions = [definition("a_failing", FAILING), definition("b_slow", SLOW)];
    let usual = (2..METRICS).map(|number| definition(&format!("n{number:02}"), USUAL));
    with.job.replace_custom(definitions.into_iter().chain(usual).collect()).await.expect("they are counted");
    refresh(&without).await;
    report(&with);

    let (mut alone, mut at_rest, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.job.idle().await;
        let (one, other) = (refresh(&without).await, refresh(&with).await);
        // The slow one is being counted since the refresh before.
        let busy = refresh(&with).await;
        println!(
            "without {:.3} s, with {:.3} s, beside the slow one {:.3} s",
            one.as_secs_f64(),
            other.as_secs_f64(),
            busy.as_secs_f64()
        );
        alone.push(one);
        at_rest.push(other);
        beside.push(busy);
    }
    let ratio = |some: &[Duration]| {
        median(some.iter().zip(&alone).map(|(one, other)| one.as_secs_f64() / other.as_secs_f64()).collect())
    };
    println!(
        "medians of {ROUNDS}: without {:.3} s, with {:.3} s (ratio {:.2}), beside the slow one {:.3} s (ratio {:.2})",
        median_seconds(&alone),
        median_seconds(&at_rest),
        ratio(&at_rest),
        median_seconds(&beside),
        ratio(&beside),
    );
}

const USUAL: &str = r#"[{"$group": {"_id": "$type", "value": {"$sum": 1}}}, {"$set": {"of": "$_id"}}]"#;

const FAILING: &str = r#"[{"$project": {"value": {"$toInt": "$title"}}}]"#;

const SLOW: &str = r#"[{"$project": {"r": {"$range": [0, 1000]}}}, {"$unwind": "$r"},
    {"$group": {"_id": {"$rand": {}}, "value": {"$sum": 1}}}]"#;

fn definition(name: &str, pipeline: &str) -> Definition {
    let metric = CustomMetric {
        name: format!("playarr_custom_{name}"),
        help: "A benchmark.".to_owned(),
        unit: "things".to_owned(),
        collection: "titles".to_owned(),
        labels: vec!["of".to_owned()],
        value: "value".to_owned(),
        budget: None,
        pipeline: Pipeline::Text(pipeline.to_owned()),
    };
    compile(&metric).expect("a valid metric").definition
}

/// From the request to the publication of the built-in gauges.
async fn refresh(app: &Arc<App>) -> Duration {
    let report = app.job.refresh(Trigger::Manual).await.expect("a report");
    assert!(report.is_success(), "{report:?}");
    report.duration
}

/// Says how the custom metrics ended, so that nobody takes a mistake for a good figure.
fn report(app: &Arc<App>) {
    let published = app.snapshots.load();
    let custom = published.snapshot.collectors.iter().filter(|one| one.name.starts_with("playarr_custom_"));
    let (failed, fine): (Vec<_>, Vec<_>) = custom.partition(|one| one.error.is_some());
    println!("{} custom metrics are counted", fine.len());
    for one in failed {
        println!(
            "{} fails after {:.1} s: {}",
            one.name,
            one.duration.as_secs_f64(),
            one.error.as_deref().unwrap_or("")
        );
    }
}
