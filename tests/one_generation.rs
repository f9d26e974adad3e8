//! While refreshes run in a loop and the data changes under them, every scrape shows one generation, complete.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt;
use mongodb::bson::{Document, doc};
use reqwest::header::ACCEPT;

use crate::support::exposition::{parse, value};
use crate::support::library::fixtures;
use crate::support::service::Service;

const SCRAPES: usize = 10_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_scrapes_during_refreshes_each_show_one_generation() {
    let service = Arc::new(Service::with(fixtures()).setting("MAX_CONCURRENT_SCRAPES", "1000").ready().await);
    let over = Arc::new(AtomicBool::new(false));
    let refreshing = tokio::spawn(refresh_in_a_loop(service.clone(), over.clone()));
    let changing = tokio::spawn(change_in_a_loop(service.clone(), over.clone()));

    let token = service.token().await;
    let scrapes = futures_util::stream::iter(0..SCRAPES).map(|number| {
        let accept = if number % 2 == 0 { "text/plain" } else { "application/openmetrics-text" };
        let request = service.scrape_with(&token).header(ACCEPT, accept);
        async move { request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap() }
    });
    let mut scrapes = scrapes.buffer_unordered(64);
    let mut generations: BTreeMap<u64, String> = BTreeMap::new();
    while let Some(text) = scrapes.next().await {
        let snapshot = snapshot_part(&text);
        let series = parse(snapshot);
        let taken_at = value(&series, "playarr_metrics_snapshot_timestamp_seconds", &[]).unwrap();
        // All scrapes of one generation show the same bytes, so no gauge of another one is among them.
        let known = generations.entry(taken_at.to_bits()).or_insert_with(|| snapshot.to_owned());
        assert_eq!(known, snapshot, "two versions of the generation of {taken_at}");
        // And it is complete: as many series as its collectors say.
        for (labels, shown) in &series["playarr_metrics_collector_series"] {
            #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
            let present = series[&labels["collector"]].len() as f64;
            assert!((present - shown).abs() < 0.5, "{labels:?}: {present} of {shown}");
        }
    }
    over.store(true, Ordering::Relaxed);
    let refreshes = refreshing.await.unwrap();
    changing.await.unwrap();
    assert!(generations.len() > 10, "only {} generations in {refreshes} refreshes were seen", generations.len());
}

/// What stands from the first gauge of the database to the last word about its collectors, before the live part.
fn snapshot_part(text: &str) -> &str {
    &text[..text.find("# HELP playarr_stream_requests").unwrap()]
}

async fn refresh_in_a_loop(service: Arc<Service>, over: Arc<AtomicBool>) -> u64 {
    let mut generation = 0;
    while !over.load(Ordering::Relaxed) {
        let report = service.refresh().await;
        assert_eq!(report["success"], true, "{report}");
        assert!(report["generation"].as_u64().unwrap() > generation, "generations only grow");
        generation = report["generation"].as_u64().unwrap();
    }
    generation
}

async fn change_in_a_loop(service: Arc<Service>, over: Arc<AtomicBool>) {
    let titles = service.database.collection::<Document>("titles");
    let channels = service.database.collection::<Document>("channels");
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let media = doc! { "season": 1, "sources": [{ "provider_id": "agtv" }] };
        let (key, title) = (format!("changing-{number}"), format!("{}", number % 50));
        let show = doc! { "title_key": key, "type": "tvshows", "title": title, "media": [media] };
        titles.insert_one(show).await.unwrap();
        if number % 10 == 0 {
            titles.delete_many(doc! { "title_key": { "$regex": "^changing-" } }).await.unwrap();
        }
        let (id, category) = (format!("c{number}"), format!("{}", number % 7));
        let channel = doc! { "provider_id": "agtv", "channel_id": id, "group_title": category };
        channels.insert_one(channel).await.unwrap();
    }
}
