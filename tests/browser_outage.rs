//! The pages while MongoDB is away: a real browser, the real service, a mongod that is killed and started again.

use playarr_sandbox::Mongod;
use serde_json::json;

use super::STAGE;
use crate::support::browser::{Browser, in_browser};
use crate::support::library::fixtures;
use crate::support::service::Service;

async fn open_as_admin(browser: &Browser, service: &Service, page: &str) {
    browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
    browser.open(&format!("{}{page}", service.pages)).await;
    browser.until_text("#connection", |text| text == "Live").await;
}

/// Whether this says that MongoDB at this port is away, since when and for how long.
fn tells_outage(text: &str, port: u16) -> bool {
    text.starts_with(&format!("MongoDB at 127.0.0.1:{port} "))
        && text.contains(" since ")
        && text.contains(':')
        && text.contains(" (")
        && !text.contains("Topology")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overview_says_since_when_mongod_is_away_and_goes_on_by_itself() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "/overview").await;
        browser.until_text("#tile-titles", |text| text == "109").await;
        browser.until_text("#jobs [data-age]", |text| text == "up to now").await;
        browser.run("window.notReloaded = true").await;
        mongod.kill().await.unwrap();
        browser.until_text("#connection", |text| tells_outage(text, mongod.port())).await;
        let banner = browser.text("#database-banner").await;
        assert!(tells_outage(&banner, mongod.port()) && banner.contains("Scrapes go on"), "{banner}");
        // The numbers stay, and each card says how old they are.
        browser.until_text("#jobs [data-age]", |text| text.ends_with(" ago")).await;
        browser.until_text("#titles [data-age]", |text| text.ends_with(" ago")).await;
        assert_eq!(browser.text("#tile-titles").await, "109");
        browser.picture("outage", 1440, "light").await;
        browser.picture("outage-phone", 390, "dark").await;
        let fits = browser.run("return document.documentElement.scrollWidth <= innerWidth").await;
        assert_eq!(fits, true, "the pill and the banner fit a phone");
        mongod.restart().await.unwrap();
        browser.until_text("#connection", |text| text == "Live").await;
        browser.until_text("#jobs [data-age]", |text| text == "up to now").await;
        assert_eq!(browser.text("#database-banner").await, "");
        assert_eq!(browser.run("return window.notReloaded").await, true);
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_opened_while_mongod_is_away_comes_when_it_is_back() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service, "/settings/metrics").await;
        mongod.kill().await.unwrap();
        browser.until_text("#connection", |text| tells_outage(text, mongod.port())).await;
        browser.client.refresh().await.unwrap();
        let notice = browser.until_text("main", |text| text.contains("Not available")).await;
        assert!(notice.contains("MongoDB has not answered since ") && notice.contains(" UTC ("), "{notice}");
        mongod.restart().await.unwrap();
        browser.until_text("#connection", |text| text == "Live").await;
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_without_a_websocket_says_so_too() {
    let mut mongod = Mongod::start().await.unwrap();
    let service = Service::with(fixtures()).server(mongod.uri()).on(STAGE).ready().await;
    in_browser(async |browser| {
        let no_websocket = json!({ "source": "window.WebSocket = class extends EventTarget { \
            static CONNECTING = 0; static OPEN = 1; readyState = 3; \
            constructor() { super(); setTimeout(() => this.dispatchEvent(new Event('close'))) } close() {} }" });
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", no_websocket).await;
        browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
        browser.open(&format!("{}/settings/metrics", service.pages)).await;
        browser.until_text("#connection", |text| text == "Asking every 5 s").await;
        mongod.kill().await.unwrap();
        let told = |text: &str| text.starts_with("MongoDB does not answer since ");
        browser.until_text("#connection", told).await;
        mongod.restart().await.unwrap();
        browser.until_text("#connection", |text| text == "Asking every 5 s").await;
        assert_eq!(browser.text("#database-banner").await, "");
    })
    .await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_without_playarrs_collections_is_said_on_each_page() {
    let mongod = Mongod::start().await.unwrap();
    let client = mongodb::Client::with_uri_str(mongod.uri()).await.unwrap();
    client.database("playarr_home").create_collection("titles").await.unwrap();
    let admin = fixtures().into_iter().filter(|(collection, _)| collection == "users").collect();
    let service = Service::with(admin).server(mongod.uri()).on(STAGE).ready().await;
    in_browser(async |browser| {
        for page in ["/overview", "/settings/metrics"] {
            open_as_admin(&browser, &service, page).await;
            let expected = "The database “playarr” has none of Playarr’s collections, so its numbers are zero. \
                            The database “playarr_home” of this server has them: set MONGODB_DB_NAME to it.";
            browser.until_text("#database-banner", |text| text == expected).await;
        }
    })
    .await;
    service.stop().await;
}
