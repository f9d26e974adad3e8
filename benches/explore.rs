//! The explorer with 470,000 series: the time of a selector that chooses 20 of them (the aim is under 20 ms), of the
//! first content of the page (0.5 s), and the memory of a whole table that is streamed (16 MB over idle).
//!
//! Run it with `cargo bench --bench explore`.

mod support;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::program::{Program, free_address};
use support::{large_library, median_seconds, service};

const SERIES: usize = 470_000;
const REQUESTS: usize = 50;

#[tokio::main]
async fn main() {
    let mongod = playarr_sandbox::mongodb().await.expect("a MongoDB");
    let database = mongod.database();
    let connected = database.connect().await.expect("a client");
    large_library::load_series(&connected, SERIES).await.expect("MongoDB takes the library");
    let address = free_address();
    let program = Program::start(database.uri(), database.name(), address);
    service::until_ready(address).await;
    let token = service::token(&connected).await;
    let client = reqwest::Client::new();
    let ask = |path: String| client.get(format!("http://{address}{path}")).bearer_auth(&token).send();

    // Two shows of ten seasons each.
    let by_regex = selector("playarr_episodes_count{title_name=~\".* (77|78)\"}");
    let found = ask(format!("/api/metrics/series?{by_regex}")).await.expect("an answer");
    let found: Value = found.json().await.expect("a page of series");
    assert_eq!(found["total"], 20);
    let titles = [0, 10].map(|row| found["series"][row]["labels"]["title_name"].as_str().unwrap_or_default());
    let by_value = titles.map(|title| selector(&format!("playarr_episodes_count{{title_name=\"{title}\"}}"))).join("&");
    let selectors = [("two values", &by_value), ("a regular expression", &by_regex)];
    for (name, selector) in selectors {
        for path in ["/api/metrics/series", "/metrics"] {
            let mut took = Vec::new();
            let mut length = 0;
            for _ in 0..REQUESTS {
                let started = Instant::now();
                let answer = ask(format!("{path}?{selector}")).await.expect("an answer");
                length = answer.bytes().await.expect("a whole answer").len();
                took.push(started.elapsed());
            }
            println!("{path}, {name}: {:.1} ms ({length} bytes)", 1e3 * median_seconds(&took));
        }
    }
    for path in ["/api/metrics/families", "/api/metrics/families?search=2020", "/api/metrics/cardinality"] {
        let mut took = Vec::new();
        for _ in 0..10 {
            let started = Instant::now();
            ask(path.to_owned()).await.expect("an answer").bytes().await.expect("a whole answer");
            took.push(started.elapsed());
        }
        println!("{path}: {:.1} ms", 1e3 * median_seconds(&took));
    }

    for state in ["", "?family=playarr_episodes_count", "?view=cardinality"] {
        let (started, bytes) = (Instant::now(), first_load(address, state).await);
        println!("/explore{state}: {:.1} kB in {:.2} s", 1e3 * mb(bytes), started.elapsed().as_secs_f64());
    }

    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = program.resident();
    program.reset_peak();
    let started = Instant::now();
    let mut table = ask("/api/metrics/export?format=csv".to_owned()).await.expect("an answer");
    let mut bytes = 0;
    while let Some(part) = table.chunk().await.expect("a part") {
        bytes += part.len();
    }
    let (took, over) = (started.elapsed(), program.peak().saturating_sub(idle));
    println!("the whole table: {:.1} MB in {:.2} s, {:.1} MB over idle", mb(bytes), took.as_secs_f64(), mb(over));
}

/// Loads a state of the page as a browser does that has nothing of it: page, styles, scripts, what those import, and
/// the answer that the first content is made of, one after the other. Returns the bytes as they are sent.
async fn first_load(address: SocketAddr, state: &str) -> usize {
    let no_redirects = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let no_redirects = no_redirects.build().expect("a client");
    let load = async |path: &str| {
        let url = format!("http://{address}{path}");
        // A page that is redirected to the login would be small and fast.
        let asked = no_redirects.get(url).header("x-api-key", "admin001").header("accept-encoding", "gzip");
        let answer = asked.send().await.and_then(reqwest::Response::error_for_status).expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.bytes().await.expect("a whole answer")
    };
    let page = load(&format!("/explore{state}")).await;
    let mut bytes = page.len();
    let (mut texts, mut loaded) = (vec![unpacked(&page)], BTreeSet::new());
    while let Some(text) = texts.pop() {
        for name in text.split('"').filter(|part| part.ends_with(".js") || part.ends_with(".css")) {
            let path = format!("/assets/{}", name.rsplit('/').next().unwrap_or_default());
            if loaded.insert(path.clone()) {
                let asset = load(&path).await;
                bytes += asset.len();
                texts.push(unpacked(&asset));
            }
        }
    }
    let api = match state {
        "" => "families".to_owned(),
        "?view=cardinality" => "cardinality".to_owned(),
        _ => format!("series?{}&limit=50", selector("playarr_episodes_count")),
    };
    bytes + load(&format!("/api/metrics/{api}")).await.len()
}

/// A text that may be packed.
fn unpacked(bytes: &[u8]) -> String {
    let mut text = String::new();
    match std::io::Read::read_to_string(&mut flate2::bufread::GzDecoder::new(bytes), &mut text) {
        Ok(_) => text,
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// The parameter of a selector.
fn selector(selector: &str) -> String {
    let encoded = percent_encoding::utf8_percent_encode(selector, percent_encoding::NON_ALPHANUMERIC);
    format!("match[]={encoded}")
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
