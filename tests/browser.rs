//! The pages as an admin uses them: a real browser, the real service, a real MongoDB.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use playarr_metrics::web::configurations;
use reqwest::StatusCode;
use serde_json::json;

use super::STAGE;
use crate::support::browser::{Browser, in_browser};
use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::stage::Stage;

const PAGE: &str = "/settings/metrics";
const TOKEN: &str = "#metrics-token [data-secret]";
const SHOW: &str = "#metrics-token [data-reveal]";
const ROTATE: &str = "#metrics-token [data-rotate]";
const DIALOG: &str = "#metrics-token dialog";
const CLOSED: &str = "return !document.querySelector('#metrics-token dialog').open";
const CONFIRM: &str = "#metrics-token [data-confirm]";
const CANCEL: &str = "#metrics-token dialog [value=cancel]";

async fn sign_in(browser: &Browser, username: &str, password: &str) {
    browser.fill("[name=username]", username).await;
    browser.fill("[name=password]", password).await;
    browser.click("#sign-in button").await;
}

/// Opens the page as the admin of the fixtures, and waits until it is told what happens.
async fn open_as_admin(browser: &Browser, url: &str) {
    browser.open(&format!("{url}{PAGE}")).await;
    sign_in(browser, "admin", "admin-password").await;
    browser.until_path(PAGE).await;
    browser.until_text("#connection", |text| text == "Live").await;
}

/// The row of a collector, as it reads.
async fn row(browser: &Browser, collector: &str) -> String {
    let script = format!(
        "const rows = [...document.querySelectorAll('#collectors tbody tr')]; \
         return rows.find((row) => row.querySelector('.name')?.textContent === '{collector}')?.innerText ?? ''"
    );
    browser.run(&script).await.as_str().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

async fn assert_no_complaints(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_said_and_the_right_one_leads_to_the_page() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        assert_eq!(browser.path().await, "/login");
        sign_in(&browser, "admin", "wrong").await;
        browser.until_text("#failure", |text| text == "Wrong username or password.").await;
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|line| line.contains("401")), "only the refusal itself: {complaints:?}");
        sign_in(&browser, "admin", "admin-password").await;
        browser.until_path(PAGE).await;
        browser.until_text("#connection", |text| text == "Live").await;
        assert_eq!(browser.text(".who strong").await, "admin");
        // Who is signed in does not have to do it again.
        browser.open(&format!("{}/login", service.pages)).await;
        assert_eq!(browser.path().await, "/overview");
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_on_another_site_leads_who_is_signed_in_to_the_page() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let url = &service.pages;
    in_browser(async |browser| {
        open_as_admin(&browser, url).await;
        // From there the browser sends no session along, at first.
        browser.open(&format!("{}/login", url.replace("127.0.0.1", "playarr.test"))).await;
        browser.run(&format!("location.href = '{url}{PAGE}'")).await;
        browser.until_text("#connection", |text| text == "Live").await;
        assert!(browser.client.current_url().await.unwrap().as_str().starts_with(url));
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fails_too_often_is_told_how_long_to_wait() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        browser.open(&format!("{}/login", service.pages)).await;
        // The service's answer at its limit, without the minutes it takes to get there.
        browser
            .run(
                "window.fetch = async () => new Response('{\"error\":\"Too many\"}', \
                 { status: 429, headers: { 'Retry-After': '2' } })",
            )
            .await;
        sign_in(&browser, "admin", "wrong").await;
        browser.until_text("#failure", |text| text.contains("Too many failed attempts")).await;
        browser.until_text("#sign-in button", |text| text.starts_with("Try again in")).await;
        browser.until_text("#sign-in button", |text| text == "Sign in").await;
        assert_eq!(browser.text("#failure").await, "");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_is_masked_shown_copied_and_masked_again() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let token = service.token().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        let grant = json!({ "permissions": ["clipboardReadWrite"], "origin": service.pages });
        browser.devtools("Browser.grantPermissions", grant).await;
        assert!(browser.text(TOKEN).await.starts_with("•••"));
        let in_page = format!("return document.documentElement.outerHTML.includes('{token}')");
        assert_eq!(browser.run(&in_page).await, false);

        browser.click("#metrics-token [data-copy-token]").await;
        browser.until_text("#metrics-token [data-copy-token]", |text| text == "Copied").await;
        assert_eq!(browser.clipboard().await, token);
        assert_eq!(browser.run(&in_page).await, false, "copying does not show it");

        browser.click(SHOW).await;
        browser.until_text(TOKEN, |text| text == token).await;
        assert_eq!(browser.text(SHOW).await, "Hide");
        assert!(browser.text("#metrics-token [data-changed]").await.starts_with("Last changed"));
        assert!(browser.text("#ingest-token [data-secret]").await.starts_with("•••"), "the other stays hidden");
        browser.click(SHOW).await;
        browser.until_text(TOKEN, |text| text.starts_with("•••")).await;
        assert_eq!(browser.run(&in_page).await, false, "hidden is gone");

        browser.click("#ingest-token [data-reveal]").await;
        browser.until_text("#ingest-token [data-secret]", |text| text.len() == 64 && text != token).await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copying_works_on_plain_http_too() {
    let service = Service::with(fixtures()).on(Stage::Direct).ready().await;
    let token = service.token().await;
    let url = service.pages.replace("127.0.0.1", "playarr.test");
    in_browser(async |browser| {
        open_as_admin(&browser, &url).await;
        assert_eq!(
            browser.run("return [isSecureContext, typeof navigator.clipboard]").await,
            json!([false, "undefined"])
        );
        browser.click("#metrics-token [data-copy-token]").await;
        browser.until_text("#metrics-token [data-copy-token]", |text| text == "Copied").await;
        assert_eq!(browser.clipboard().await, token);

        // Where the browser refuses that as well, the token is there to be copied by hand.
        browser.run("document.execCommand = () => false").await;
        browser.click("#metrics-token [data-copy-token]").await;
        browser.until_text("#metrics-token [data-failure]", |text| text.contains("Ctrl+C")).await;
        assert_eq!(browser.run("return getSelection().toString()").await, token.as_str());
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_replaced_only_after_the_dialog_that_says_what_breaks() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let old = service.token().await;
    let scrape = service.scrape_with(&old).header("user-agent", "Prometheus/2.42.0").send().await.unwrap();
    assert_eq!(scrape.status(), StatusCode::OK);
    drop(scrape.bytes().await);
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        browser.until_text("#verdict", |text| text.contains("Prometheus/2.42.0")).await;
        browser.click(ROTATE).await;
        let said = browser.until_text(DIALOG, |text| text.contains("Regenerate the metrics token?")).await;
        assert!(said.contains("gets 401 until it has the new one"), "{said}");
        assert!(said.contains("lately: Prometheus/2.42.0 at 127.0.0.1"), "{said}");
        assert_eq!(browser.run("return document.activeElement.value").await, "cancel", "Enter does no harm");
        browser.click(CANCEL).await;
        browser.until_true(CLOSED).await;
        assert_eq!(service.token().await, old);
        browser.click(ROTATE).await;
        browser.press("\u{e00c}").await;
        browser.until_true(CLOSED).await;
        assert_eq!(service.token().await, old, "Escape cancels");
        assert_eq!(browser.run("return document.activeElement.matches('[data-rotate]')").await, true);

        browser.click(ROTATE).await;
        browser.click(CONFIRM).await;
        let new = browser.until_text(TOKEN, |text| text.len() == 64).await;
        assert_ne!(new, old);
        assert_eq!(service.token().await, new);
        assert_eq!(service.scrape_with(&old).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(service.scrape_with(&new).send().await.unwrap().status(), StatusCode::OK);
        assert!(browser.text("#metrics-token [data-rotated]").await.contains("The new token is in force"));
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_copied_as_prometheus_takes_it() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let token = service.token().await;
    let url = service.pages.replace("127.0.0.1", "playarr.test");
    in_browser(async |browser| {
        open_as_admin(&browser, &url).await;
        for configuration in configurations(&STAGE.target(&url)) {
            let id = configuration.id;
            browser.run(&format!("document.getElementById('{id}-1').closest('details').open = true")).await;
            for (index, block) in configuration.blocks.iter().enumerate() {
                let place = format!("{id}-{}", index + 1);
                assert!(!browser.text(&format!("#{place}")).await.contains(&token), "{place} is masked");
                let button = format!("[data-copy-block='{place}']");
                browser.click(&button).await;
                browser.until_text(&button, |text| text == "Copied").await;
                let copied = browser.clipboard().await;
                assert_eq!(copied, block.with(&token), "{place}");
                if copied.starts_with("scrape_configs:") {
                    promtool_accepts(&copied).await;
                }
            }
        }
        browser.click("details[open] [data-reveal]").await;
        browser.until_text("#bearer-token-1", |text| text.contains(&format!("bearer_token: {token}\n"))).await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

async fn promtool_accepts(configuration: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), configuration).unwrap();
    let mut promtool = tokio::process::Command::new("promtool");
    let checked = promtool.args(["check", "config", "--syntax-only"]).arg(file.path()).output().await.unwrap();
    assert!(checked.status.success(), "{configuration}\n{}", String::from_utf8_lossy(&checked.stderr));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_is_watched_and_its_numbers_appear_without_reloading() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        let before = row(&browser, "playarr_channels_count").await;
        let watch = "window.notReloaded = true; window.seen = []; \
             const text = document.getElementById('progress-text'); \
             new MutationObserver(() => seen.push(text.textContent)).observe(text, { childList: true })";
        browser.run(watch).await;
        let channels = service.database.collection::<Document>("channels");
        channels
            .insert_one(doc! { "provider_id": "agtv", "channel_id": "new", "group_title": "<b>Brand \"new\"</b>\n" })
            .await
            .unwrap();
        browser.click("#refresh").await;
        let done = browser.until_text("#progress-text", |text| text.starts_with("Refreshed in")).await;
        assert!(done.contains("14 collectors"), "{done}");
        let seen = browser.run("return seen.filter((text) => / of 14 collectors: playarr_/.test(text)).length").await;
        assert_eq!(seen, 14, "each collector is seen");
        let after = row(&browser, "playarr_channels_count").await;
        assert!(after.contains("+1 "), "{before} became {after}");
        assert_eq!(browser.text("#refresh").await, "Refresh now");
        browser.until_text("#last-run", |text| text == "manual, no. 2").await;

        // One that another admin starts is seen as well.
        service.refresh().await;
        browser.until_text("#last-run", |text| text == "manual, no. 3").await;
        assert_eq!(browser.run("return window.notReloaded").await, true);
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_says_which_configuration_is_open() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        browser.click("[data-configuration=credentials] summary").await;
        browser.until_true("return location.search === '?configuration=credentials'").await;
        browser.client.refresh().await.unwrap();
        browser.until_text("#connection", |text| text == "Live").await;
        let open = "return [...document.querySelectorAll('.configuration[open]')].map((one) => \
                    one.dataset.configuration).join()";
        assert_eq!(browser.run(open).await, "credentials");
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_websocket_the_page_asks_again_and_again() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        let broken = "window.WebSocket = class extends EventTarget { \
             static CONNECTING = 0; static OPEN = 1; readyState = 3; \
             constructor() { super(); setTimeout(() => this.dispatchEvent(new Event('close'))) } close() {} }";
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": broken })).await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        sign_in(&browser, "admin", "admin-password").await;
        browser.until_text("#connection", |text| text == "Asking every 5 s").await;
        browser.click("#refresh").await;
        browser.until_text("#progress-text", |text| text.starts_with("Refreshed in")).await;
        browser.until_text("#last-run", |text| text == "manual, no. 2").await;
        let is_seen = "return document.getElementById('progress-text').checkVisibility()";
        for _ in 0..20 {
            assert_eq!(browser.run(is_seen).await, true, "the outcome stays to be read");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_died_without_a_word_is_given_up() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        // The first one of a page hears its first message and nothing after it.
        let deaf = "window.sockets = 0; window.WebSocket = class extends WebSocket { \
             #number = ++window.sockets; #heard = 0; \
             addEventListener(name, listener) { super.addEventListener(name, (event) => { \
                 if (name !== 'message' || this.#number > 1 || this.#heard++ === 0) listener(event) }) } }";
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": deaf })).await;
        open_as_admin(&browser, &service.pages).await;
        service.refresh().await;
        assert_eq!(browser.run("return sockets").await, 1);
        browser.run("document.dispatchEvent(new Event('visibilitychange'))").await;
        browser.until_text("#last-run", |text| text == "manual, no. 2").await;
        browser.until_true("return sockets === 2").await;
        browser.until_text("#connection", |text| text == "Live").await;
        service.refresh().await;
        browser.until_text("#last-run", |text| text == "manual, no. 3").await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_long_ago_is_not_held_against_anybody() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        // Scrapes by their age in seconds, failures below zero.
        let judged = async |ages: &[i32]| {
            let script = format!(
                "const diagnosis = new URL('assets/diagnosis.js', document.baseURI); \
                 return import(diagnosis).then(({{ scrapersOf, verdict }}) => {{ \
                     const now = Date.now(), since = (at) => (now - Date.parse(at)) / 1000; \
                     const recent = {ages:?}.map((age) => ({{ client: '10.0.0.5', user_agent: 'Prometheus', \
                         at: new Date(now - Math.abs(age) * 1000).toISOString(), \
                         failure: age < 0 ? 'other_token' : null }})); \
                     const scrapers = scrapersOf(recent, since); \
                     const totals = {{ answered: recent.filter(({{ failure }}) => !failure).length }}; \
                     return [scrapers[0].isRefused, scrapers[0].hasLapsed, \
                         verdict(scrapers, totals, since, String).kind]; }})"
            );
            browser.run(&script).await
        };
        assert_eq!(judged(&[-60]).await, json!([true, false, "bad"]));
        assert_eq!(judged(&[-3500]).await, json!([true, false, "bad"]));
        assert_eq!(judged(&[-3700]).await, json!([false, true, "warn"]));
        assert_eq!(judged(&[-3700, -7300, -10900]).await, json!([true, false, "bad"]), "it tries once an hour");
        assert_eq!(judged(&[30, -60]).await, json!([false, false, "good"]));
        assert_eq!(judged(&[-3700, 3800]).await, json!([false, true, "warn"]));
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_scrape_appears_with_its_reason_and_its_fix() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        assert!(browser.text("#verdict").await.starts_with("Nothing has scraped"));
        let agent = "Prometheus/<script>alert(1)</script>\"'";
        let scrape = |token: &str| service.scrape_with(token).header("user-agent", agent).send();
        scrape("not-the-token").await.unwrap();
        let finding = browser.until_text("#findings", |text| !text.is_empty()).await;
        assert!(finding.starts_with("Wrong token, from 127.0.0.1, "), "{finding}");
        assert!(finding.contains(agent), "{finding}");
        assert!(finding.lines().last().is_some_and(|fix| fix.contains("token")), "with the fix: {finding}");
        assert!(browser.text("#verdict").await.starts_with("Every scrape is refused"));

        let answer = scrape(&service.token().await).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        drop(answer.bytes().await);
        browser.until_text("#verdict", |text| text.ends_with("All is well.")).await;
        assert!(browser.text("#findings").await.contains("Solved"));
        let scraper = browser.until_text("#scrapers tbody", |text| !text.is_empty()).await;
        assert!(scraper.contains("127.0.0.1") && scraper.contains(agent) && scraper.contains("Text"), "{scraper}");
        browser.until_text("#scrape-totals", |text| text.contains("1 answered, 1 refused")).await;
        assert_eq!(browser.run("return document.querySelectorAll('main script').length").await, 0);
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_cause_of_a_refused_scrape_is_counted_and_explained_by_itself() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        // One answered scrape, of a client that is refused afterwards.
        service.text().await;
        browser.until_text("#scrape-totals", |text| text.ends_with("1 answered, 0 refused.")).await;
        service.get("/metrics").send().await.unwrap();
        service.get("/metrics").header("authorization", "Basic YTpi").send().await.unwrap();
        service.scrape_with(&service.ingest_token().await).send().await.unwrap();
        service.scrape_with("old").send().await.unwrap();
        // The numbers come with the scrapes, without asking again.
        let refused = "1 answered, 4 refused (1 no token, 1 no bearer token, 1 the ingest token, 1 wrong token).";
        browser.until_text("#scrape-totals", |text| text.ends_with(refused)).await;
        let findings = "return [...document.querySelectorAll('.finding')].map((finding) => \
                        [finding.classList.contains('bad'), finding.textContent.split(',')[0]])";
        // Of so many at once the last ones are pushed, and the page asks for the others.
        browser.until_true("return document.querySelectorAll('.finding').length === 4").await;
        let expected = json!([
            [true, "Wrong token"],
            [false, "The ingest token"],
            [false, "No bearer token"],
            [false, "No token"],
        ]);
        assert_eq!(browser.run(findings).await, expected);
        let verdict = browser.text("#verdict").await;
        assert!(verdict.starts_with("Scrapes are refused now; earlier ones were answered."), "{verdict}");
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_from_the_database_are_text() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let name = "</strong><script>document.title = 'taken'</script>\"'\nadmin";
    let users = service.database.collection::<Document>("users");
    users.update_one(doc! { "username": "admin" }, doc! { "$set": { "username": name } }).await.unwrap();
    let session = service.session(name, "admin-password").await;
    in_browser(async |browser| {
        browser.open(&format!("{}/login", service.pages)).await;
        browser.take_session(&service.pages, &session).await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        browser.until_text("#connection", |text| text == "Live").await;
        let shown = browser.run("return document.querySelector('.who strong').textContent").await;
        assert_eq!(shown, name);
        let title = concat!("Metrics · Playarr Metrics ", env!("CARGO_PKG_VERSION"));
        assert_eq!(browser.run("return document.title").await, title);

        // Whatever the service may say one day, each text of a status is hostile here.
        let hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>\"'\n";
        let collector = json!({
            "name": hostile, "series": 1, "folded_series": 0, "duration_seconds": 0.1, "error": hostile,
            "last_success": hostile,
        });
        let scrape = |failure: Option<&str>| {
            json!({
                "at": "2026-01-01T00:00:00Z", "client": hostile, "format": hostile, "encoding": hostile, "bytes": 1,
                "duration_seconds": 0.1, "failure": failure, "fix": hostile, "user_agent": hostile,
            })
        };
        let status = json!({
            "now": "2026-01-01T00:00:01Z",
            "snapshot": { "generation": 1000, "taken_at": "2026-01-01T00:00:00Z", "age_seconds": 1 },
            "refreshing": false, "interval_seconds": 300, "next_run": hostile,
            "last_run": {
                "generation": 1000, "trigger": hostile, "success": false, "started": hostile, "duration_seconds": 1,
            },
            "collectors": [collector],
            "scrapes": { "answered": {}, "failures": {}, "recent": [scrape(Some(hostile)), scrape(None)] },
        });
        let show = "const status = arguments[0]; return Promise.all(['snapshot', 'doctor'].map((name) => \
             import(new URL(`assets/${name}.js`, document.baseURI)).then((card) => card.show(status)))) \
             .then(() => true)";
        assert_eq!(browser.client.execute(show, vec![status]).await.unwrap(), true);
        let places = ["#collectors .name", "#collectors .row-error", "#last-run", "#findings", "#scrapers", "#verdict"];
        for place in places {
            let script = format!("return document.querySelector('{place}').textContent.includes('<script>alert(1)')");
            assert_eq!(browser.run(&script).await, true, "{place}");
        }
        assert_eq!(browser.run("return document.querySelectorAll('main script, main img').length").await, 0);
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_no_admin_sees_none_of_it() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        sign_in(&browser, "alice", "alice-password").await;
        browser.until_path(PAGE).await;
        let said = browser.text("body").await;
        assert!(said.contains("For admins only") && said.contains("You are signed in as alice"), "{said}");
        assert_eq!(
            browser.run("return document.querySelectorAll('nav, table, [data-token], #snapshot').length").await,
            0
        );
        for path in ["api/settings/metrics", "api/metrics/status"] {
            let status = browser.run(&format!("return fetch('{path}').then((answer) => answer.status)")).await;
            assert_eq!(status, 403, "{path}");
        }
        browser.click("[data-sign-out]").await;
        browser.until_path("/login").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_ends_it_also_in_another_window() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        let here = browser.client.window().await.unwrap();
        let other = browser.client.new_window(true).await.unwrap().handle;
        browser.client.switch_to_window(other).await.unwrap();
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        browser.click("[data-sign-out]").await;
        browser.until_path("/login").await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        assert_eq!(browser.path().await, "/login");
        // The page asks how things are when it is seen again, and learns it then.
        browser.client.switch_to_window(here).await.unwrap();
        browser.run("document.dispatchEvent(new Event('visibilitychange'))").await;
        browser.until_path("/login").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_works_on_a_phone_and_with_the_keyboard() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        let fits = "return document.documentElement.scrollWidth <= innerWidth";
        browser.look(360, 740, "light").await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        assert_eq!(browser.run(fits).await, true, "signing in fits");
        open_as_admin(&browser, &service.pages).await;
        browser.until_text("#collectors", |text| text.contains("playarr_active_users")).await;
        service.scrape_with("x").header("user-agent", "a".repeat(200)).send().await.unwrap();
        browser.until_text("#findings", |text| !text.is_empty()).await;
        browser.click(SHOW).await;
        browser.until_text(TOKEN, |text| text.len() == 64).await;
        assert_eq!(browser.run(fits).await, true, "the page fits");

        let menu = "return document.getElementById('sidebar').getBoundingClientRect().right > 0";
        assert_eq!(browser.run(menu).await, false, "the side bar is a drawer");
        browser.click("[data-menu]").await;
        browser.until_true(menu).await;
        browser.press("\u{e00c}").await;
        browser.until_true("return document.getElementById('sidebar').getBoundingClientRect().right <= 0").await;

        browser.look(1280, 800, "light").await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        browser.until_text("#connection", |text| text == "Live").await;
        browser.run("document.activeElement.blur()").await;
        browser.press("\u{e004}").await;
        assert_eq!(browser.run("return document.activeElement.className").await, "skip", "the first stop");
        let outline = "return getComputedStyle(document.activeElement).outlineStyle";
        browser.press("\u{e004}").await;
        assert_eq!(browser.run(outline).await, "solid", "the focus is seen");
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chosen_theme_is_remembered() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        let dark = "return getComputedStyle(document.body).backgroundColor === 'rgb(14, 16, 20)'";
        browser.look(1280, 800, "dark").await;
        open_as_admin(&browser, &service.pages).await;
        assert_eq!(browser.run(dark).await, true, "as the system has it");
        browser.click("[data-theme-toggle]").await;
        assert_eq!(browser.run(dark).await, false);
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        assert_eq!(browser.run(dark).await, false, "remembered");
        browser.click("[data-theme-toggle]").await;
        assert_eq!(browser.run(dark).await, true);
        assert_eq!(browser.run("return localStorage.getItem('theme')").await, json!(null), "the system's again");
        assert_no_complaints(&browser).await;
    })
    .await;
}

/// Pictures to look at, in the directory that `PLAYARR_TEST_SCREENSHOTS` names; none without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_of_the_pages() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let openmetrics = "application/openmetrics-text;version=1.0.0";
    let scrape = service.scrape_with(&service.token().await).header("user-agent", "Prometheus/2.42.0");
    let scrape = scrape.header("accept", openmetrics).header("accept-encoding", "gzip");
    drop(scrape.header("x-forwarded-for", "10.0.0.5").send().await.unwrap().bytes().await);
    let refused = service.scrape_with("an-old-token").header("user-agent", "Prometheus/3.4.1");
    refused.header("x-forwarded-for", "10.0.0.9").send().await.unwrap();
    in_browser(async |browser| {
        browser.open(&format!("{}/login", service.pages)).await;
        browser.save("login").await;
        open_as_admin(&browser, &service.pages.replace("127.0.0.1", "playarr.test")).await;
        for (name, width, scheme) in
            [("light", 1440, "light"), ("dark", 1440, "dark"), ("phone", 390, "light"), ("phone-dark", 390, "dark")]
        {
            browser.look(width, 900, scheme).await;
            browser.until_text("#findings", |text| text.contains("10.0.0.9")).await;
            browser.picture(name, width, scheme).await;
        }
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_series_are_found_and_then_forgotten() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    let token = service.ingest_token().await;
    let event = |user| json!({ "type": "stream_request", "user": user, "media_type": "live", "duration_seconds": 1 });
    let batch = json!({ "events": [event("alice"), event("bob")] });
    let sent = service.post("/api/metrics/events").bearer_auth(&token).json(&batch).send().await.unwrap();
    assert_eq!(sent.status(), StatusCode::OK);
    in_browser(async |browser| {
        open_as_admin(&browser, &service.pages).await;
        browser.fill("#forget [name=selector]", "playarr_stream_requests_total{user=").await;
        browser.click("#forget [data-find]").await;
        browser.until_text("#forget-failure", |text| text.contains("cannot be read")).await;
        let clear = "document.querySelector('#forget [name=selector]').value = ''; return true";
        browser.run(clear).await;
        browser.fill("#forget [name=selector]", "{user=\"bob\"}").await;
        browser.click("#forget [data-find]").await;
        browser.until_text("#forget-found", |text| text == "1 series would go.").await;
        browser.click("#forget [data-forget]").await;
        browser.until_text("#forget-found", |text| text == "1 series removed in all instances.").await;
        browser.picture("forget", 1_400, "light").await;
    })
    .await;
    let series = service.series().await;
    let users: Vec<_> = series["playarr_stream_requests_total"].keys().map(|labels| &*labels["user"]).collect();
    assert_eq!(users, ["alice"]);
}
