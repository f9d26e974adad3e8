//! Memory: what serving 100,000 series costs the program over serving none, beside the bytes of the rendered text.
//! The specification wants less than three times.
//!
//! Run it with `cargo bench --bench memory`.

mod support;

use std::time::Duration;

use support::program::{Program, free_address};
use support::{large_library, service};

const SERIES: usize = 100_000;
const REFRESHES: usize = 5;
const SCRAPES: usize = 20;

#[tokio::main]
async fn main() {
    let mongod = playarr_sandbox::mongodb().await.expect("a MongoDB");
    let mut resident = Vec::new();
    let mut text = 0;
    for series in [0, SERIES] {
        let database = mongod.database();
        let connected = database.connect().await.expect("a client");
        large_library::load_series(&connected, series).await.expect("MongoDB takes the library");
        let address = free_address();
        let program = Program::start(database.uri(), database.name(), address);
        service::until_ready(address).await;
        let token = service::token(&connected).await;
        let client = reqwest::Client::new();
        for _ in 0..REFRESHES {
            let refresh = client.post(format!("http://{address}/api/metrics/refresh")).header("x-api-key", "admin001");
            refresh.send().await.and_then(reqwest::Response::error_for_status).expect("an admin may refresh");
            for number in 0..SCRAPES {
                let encoding = if number % 2 == 0 { "gzip" } else { "identity" };
                let scrape = client
                    .get(format!("http://{address}/metrics"))
                    .bearer_auth(&token)
                    .header("accept-encoding", encoding);
                let body = scrape.send().await.expect("an answer").bytes().await.expect("a whole answer");
                text = text.max(body.len());
            }
        }
        // What allocators give back they give back after a moment.
        tokio::time::sleep(Duration::from_secs(2)).await;
        resident.push(program.resident());
        println!(
            "{series:>7} series: {:>6.1} MB resident, at most {:.1} MB",
            mb(program.resident()),
            mb(program.peak())
        );
    }
    let over = resident[1].saturating_sub(resident[0]);
    #[expect(clippy::cast_precision_loss, reason = "a few million")]
    let ratio = over as f64 / text as f64;
    println!("{:.1} MB over the empty process for {:.1} MB of text: {ratio:.2} times", mb(over), mb(text));
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
