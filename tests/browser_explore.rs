//! The explorer as an admin uses it: a real browser, the real service, a real MongoDB.

use std::collections::BTreeSet;

use serde_json::Value;

use super::STAGE;
use crate::support::browser::{Browser, in_browser};
use crate::support::library::fixtures;
use crate::support::service::Service;

const PAGE: &str = "/explore";

/// The most bytes of a first load, by the promise of the page.
const MAX_BYTES: u64 = 150_000;

async fn open_as_admin(browser: &Browser, service: &Service, state: &str) {
    browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
    browser.open(&format!("{}{PAGE}{state}", service.pages)).await;
}

async fn assert_no_complaints(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// A parameter of the page's address.
async fn parameter(browser: &Browser, name: &str) -> String {
    let script = format!("return new URLSearchParams(location.search).get('{name}') ?? ''");
    browser.run(&script).await.as_str().unwrap().to_owned()
}

async fn pictures(browser: &Browser, name: &str) {
    for (look, width, scheme) in [("light", 1440, "light"), ("dark", 1440, "dark"), ("phone", 390, "light")] {
        browser.picture(&format!("explore-{name}-{look}"), width, scheme).await;
    }
    browser.look(1440, 900, "light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_finds_a_family_by_a_label_value_and_filters_it_by_clicking() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "").await;
        browser.until_text("#families-sum", |text| text.contains("families, ")).await;
        browser.until_text("#as-of", |text| text.starts_with("Generation 1, taken ")).await;
        pictures(&browser, "families").await;

        // The slash leads to the search, which looks in label values as well.
        browser.press("/").await;
        browser.press("chernobyl").await;
        browser.until_text("#families-sum", |text| text == "1 family for “chernobyl”").await;
        assert_eq!(parameter(&browser, "q").await, "chernobyl");
        browser.click("#families-list .chip").await;
        browser.until_text("#about-title", |text| text == "playarr_episodes_count").await;
        browser.until_text("#series-sum", |text| text.ends_with(" series")).await;
        assert_eq!(parameter(&browser, "match").await, r#"playarr_episodes_count{title_name="Chernobyl"}"#);
        let titles = "return [...document.querySelectorAll('table.series td[data-label=title_name]')] \
                      .every((cell) => cell.innerText === 'Chernobyl')";
        assert_eq!(browser.run(titles).await, true);

        // Clicked again, the filter is gone; a click on another value sets it.
        browser.click("table.series td[data-label=title_name] button").await;
        browser.until_true("return document.getElementById('selector').value === 'playarr_episodes_count'").await;
        browser.until_text("#series-sum", |text| text.contains("on this page") || text.ends_with(" series")).await;
        pictures(&browser, "family").await;
        browser.client.back().await.unwrap();
        browser.until_true("return document.getElementById('selector').value.includes('Chernobyl')").await;
        assert_no_complaints(&browser).await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn series_are_sorted_paged_and_selected_by_the_server() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "?match=%7Buser!%3D%22%22%7D&sort=-value").await;
        let sum = browser.until_text("#series-sum", |text| text.contains("on this page")).await;
        assert!(sum.ends_with(", 50 on this page"), "{sum}");
        let values = "return [...document.querySelectorAll('table.series td.number')] \
                      .map((cell) => Number(cell.innerText.replaceAll(',', '')))";
        let first: Vec<f64> = serde_json::from_value(browser.run(values).await).unwrap();
        assert!(first.iter().rev().is_sorted() && first.len() == 50, "{first:?}");
        let sorted = browser.run("return document.querySelector('th.number').getAttribute('aria-sort')").await;
        assert_eq!(sorted, "descending");
        browser.click("#next-page").await;
        browser.until_true("return !document.getElementById('first-page').disabled").await;
        let second: Vec<f64> = serde_json::from_value(browser.run(values).await).unwrap();
        assert!(second[0] <= first[49]);

        // A shared address shows the same; once the generation is gone it begins anew.
        service.refresh().await;
        browser.client.refresh().await.unwrap();
        browser.until_text("#series-sum", |text| text.contains("on this page")).await;
        browser.until_true("return document.getElementById('first-page').disabled").await;

        browser.fill("#selector", "playarr_active_users{").await;
        browser.press("\u{e007}").await;
        let failure = browser.until_text("#selector-failure", |text| !text.is_empty()).await;
        assert!(failure.contains("at character 22"), "{failure}");
        pictures(&browser, "failure").await;
        browser.fill("#selector", "playarr_active_users").await;
        browser.press("\u{e007}").await;
        browser.until_text("#series-sum", |text| text == "1 series").await;
        assert_eq!(browser.text("#selector-failure").await, "");
        assert!(
            browser.complaints().await.iter().all(|complaint| complaint.contains("40") || complaint.contains("410"))
        );
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_export_is_what_the_table_shows() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "?family=playarr_provider_enabled").await;
        browser.until_text("#series-sum", |text| text.ends_with(" series")).await;
        let shown = "return [...document.querySelectorAll('table.series tbody tr')] \
                     .map((row) => row.querySelector('[data-label=provider_id]').innerText)";
        let shown: BTreeSet<String> = serde_json::from_value(browser.run(shown).await).unwrap();
        let href = browser.run("return document.querySelector('#exports a').href").await;
        let path = href.as_str().unwrap().strip_prefix(&service.pages).unwrap();
        let exported = service.get(path).header("x-api-key", "admin001").send().await.unwrap();
        assert!(exported.headers()["content-disposition"].to_str().unwrap().ends_with("-1.csv\""));
        let exported = exported.text().await.unwrap();
        for provider in shown.iter().filter(|provider| provider.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        {
            assert!(exported.contains(&format!(",{provider}\r\n")), "{provider}: {exported}");
        }
        assert_eq!(exported.matches("\r\n").count(), shown.len() + 1);
        assert_no_complaints(&browser).await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_copied_and_lead_to_prometheus_and_grafana() {
    let service = Service::with(fixtures())
        .setting("PROMETHEUS_URL", "https://prometheus.example/")
        .setting("GRAFANA_URL", "https://grafana.example/sub")
        .on(STAGE)
        .ready()
        .await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "?family=playarr_stream_request_duration_seconds").await;
        browser.until_text("#about-facts", |text| text == "histogram · Live events · seconds").await;
        browser.click("#queries summary").await;
        browser.click("#queries-list li:nth-child(2) button").await;
        browser.until_text("#announcer", |text| text == "Copied").await;
        let expr = "histogram_quantile(0.95, max by (media_type, le) \
                    (rate(playarr_stream_request_duration_seconds_bucket[5m])))";
        assert_eq!(browser.clipboard().await, expr);
        let links = "return [...document.querySelectorAll('#queries-list li:first-child a')].map((link) => link.href)";
        let links: Vec<String> = serde_json::from_value(browser.run(links).await).unwrap();
        assert!(links[0].starts_with("https://prometheus.example/graph?g0.expr=histogram_quantile%280.5"), "{links:?}");
        assert!(links[1].starts_with("https://grafana.example/sub/explore?left=%7B%22queries%22"), "{links:?}");
        pictures(&browser, "queries").await;
        assert_no_complaints(&browser).await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cardinality_shows_what_is_large_and_what_was_folded() {
    let service = Service::with(fixtures()).setting("SERIES_BUDGET", "20").on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "?view=cardinality").await;
        let folded = browser.until_text("#folded ul", |text| !text.is_empty()).await;
        assert!(folded.contains("playarr_episodes_count: ") && folded.contains("EPISODES_DETAIL=season"), "{folded}");
        pictures(&browser, "cardinality").await;
        browser.click(".grid-of-tables .card:first-child tbody a").await;
        browser.until_text("#series-sum", |text| !text.is_empty()).await;
        browser.client.back().await.unwrap();
        browser.until_true("return !document.getElementById('cardinality').hidden").await;
        assert_no_complaints(&browser).await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cards_of_the_overview_lead_to_their_series() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "").await;
        browser.open(&format!("{}/overview", service.pages)).await;
        browser.click("#watchlists .to-series a").await;
        browser.until_path(PAGE).await;
        browser.until_text("#series-sum", |text| text.contains(" series")).await;
        browser.until_true("return document.querySelector('table.series td.metric') !== null").await;
        let metrics = "return [...new Set([...document.querySelectorAll('table.series td.metric')] \
                       .map((cell) => cell.innerText))]";
        let metrics: Vec<String> = serde_json::from_value(browser.run(metrics).await).unwrap();
        assert!(metrics.iter().all(|metric| metric.starts_with("playarr_watchlist_")) && !metrics.is_empty());
        assert_no_complaints(&browser).await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_load_is_small() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        for state in ["", "?family=playarr_episodes_count", "?view=cardinality"] {
            open_as_admin(&browser, &service, state).await;
            browser.until_text("#as-of", |text| text.starts_with("Generation 1")).await;
            let sizes = "return [...performance.getEntriesByType('navigation'), \
                         ...performance.getEntriesByType('resource')].map((entry) => entry.encodedBodySize)";
            let sizes: Vec<Value> = serde_json::from_value(browser.run(sizes).await).unwrap();
            let bytes: u64 = sizes.iter().filter_map(Value::as_u64).sum();
            assert!(bytes < MAX_BYTES, "{state}: {bytes} bytes");
        }
    })
    .await;
    service.stop().await;
}
