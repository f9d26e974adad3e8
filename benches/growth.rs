//! What grows with the library, and what does not: the same refreshes on libraries from 10 thousand to 10 million
//! provider titles, with a hundredth as many users and titles that are shows. docs/scaling.md tells what follows.
//!
//! Run it with `cargo bench --bench growth`. It takes about an hour and 10 GB of disk; `-- 10000 100000` are other
//! sizes.

mod support;

use std::sync::Arc;
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::{Client, Database};
use playarr_jobs::refresh::{Report, Scope, Trigger};
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database;
use playarr_sandbox::Mongod;

use support::program::{Program, free_address};
use support::{large_library, median_seconds, service};

const SIZES: [usize; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const ROUNDS: usize = 3;
/// The time for memory to settle after a refresh.
const SETTLING: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    let mongod = Mongod::builder().cache_gb(2.0).start().await.expect("a MongoDB");
    let database = Client::with_uri_str(mongod.uri()).await.expect("a client").database("playarr");
    large_library::create_indexes(&database).await.expect("MongoDB makes indexes");
    println!(
        "| provider titles | users | data | whole refresh | nothing changed | one user changed | series | folded | \
         scrape, gzip | memory, at most | stored |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let mut loaded = 0;
    for size in sizes {
        large_library::grow(&database, loaded, size).await.expect("MongoDB takes the library");
        loaded = size;
        measure(mongod.uri(), &database, size).await;
    }
}

/// Prints a row of the table, and the slowest collectors under it.
async fn measure(uri: &str, database: &Database, size: usize) {
    // A remembered snapshot would be of the library before.
    for name in own_collections(database).await {
        database.collection::<Document>(&name).drop().await.expect("MongoDB drops it");
    }
    let config = Config::read(|name| (name == "MONGODB_URI").then(|| uri.to_owned())).expect("the settings are fine");
    let connection = database::connect(&config).await.expect("a client");
    let app = App::new(&config, &connection).expect("the parts of the service");
    let users = database.collection::<Document>("users");
    let (mut whole, mut nothing, mut one) = (Vec::new(), Vec::new(), Vec::new());
    let mut slowest = Vec::new();
    let (mut series, mut folded) = (0, 0);
    for round in 0..ROUNDS {
        let report = refresh(&app, Scope::All).await;
        whole.push(report.duration);
        nothing.push(refresh(&app, Scope::Changed).await.duration);
        let round = i64::try_from(round).unwrap_or_default();
        let update = doc! { "$set": { "round": round } };
        users.update_one(doc! { "username": "user-0" }, update).await.expect("MongoDB writes");
        one.push(refresh(&app, Scope::Changed).await.duration);
        series = report.collectors.iter().map(|one| one.series).sum();
        folded = report.collectors.iter().map(|one| one.folded).sum();
        slowest = report.collectors.iter().map(|one| (one.duration, one.name.clone())).collect();
    }
    drop(app);
    let (scrape, peak, stored) = serve(uri, database).await;
    let data = database.run_command(doc! { "dbStats": 1 }).await.expect("MongoDB answers");
    println!(
        "| {size} | {} | {:.2} GB | {:.3} s | {:.4} s | {:.3} s \
         | {series} | {folded} | {:.2} MB | {:.0} MB | {:.2} MB |",
        size / large_library::TITLES_OF_A_USER,
        number(&data, "dataSize") / 1e9,
        median_seconds(&whole),
        median_seconds(&nothing),
        median_seconds(&one),
        mb(scrape),
        mb(peak),
        stored / 1e6,
    );
    slowest.sort_unstable_by(|one, other| other.cmp(one));
    for (duration, name) in slowest.iter().take(4) {
        eprintln!("  {name}: {:.3} s", duration.as_secs_f64());
    }
}

/// The program with this library: the bytes of a compressed scrape, its memory at most, and what it has stored.
async fn serve(uri: &str, database: &Database) -> (usize, usize, f64) {
    let address = free_address();
    let program = Program::start_with(uri, database.name(), address, &[]);
    service::until_ready(address).await;
    let token = service::token(database).await;
    let scrape = reqwest::Client::new()
        .get(format!("http://{address}/metrics"))
        .bearer_auth(&token)
        .header("accept-encoding", "gzip");
    let bytes = scrape.send().await.expect("an answer").bytes().await.expect("a whole answer").len();
    tokio::time::sleep(SETTLING).await;
    let mut stored = 0.0;
    for name in own_collections(database).await {
        let stats = database.run_command(doc! { "collStats": name }).await.expect("MongoDB answers");
        stored += number(&stats, "size");
    }
    (bytes, program.peak(), stored)
}

/// The collections that the service has made.
async fn own_collections(database: &Database) -> Vec<String> {
    let mut names = database.list_collection_names().await.expect("MongoDB answers");
    names.retain(|name| name.starts_with("playarr_metrics"));
    names
}

async fn refresh(app: &Arc<App>, scope: Scope) -> Arc<Report> {
    let report = app.job.refresh_in(scope, Trigger::Manual).await.expect("a report");
    assert!(report.is_success(), "{report:?}");
    app.job.idle().await;
    report
}

/// A number of a reply, in whichever type MongoDB sends it.
fn number(reply: &Document, field: &str) -> f64 {
    let value = reply.get(field).expect("the reply has the field");
    let whole = || value.as_i32().map(f64::from);
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let long = || value.as_i64().map(|value| value as f64);
    value.as_f64().or_else(whole).or_else(long).expect("a number")
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
