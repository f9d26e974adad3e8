//! The page of custom metrics as an admin uses it: a real browser, the real service, a real MongoDB.

use std::collections::BTreeSet;
use std::time::Duration;

use super::STAGE;
use crate::support::browser::{Browser, in_browser};
use crate::support::library::fixtures;
use crate::support::service::Service;
use crate::support::until;

const PAGE: &str = "/settings/custom";

/// Sets a field of the form as if it were typed.
fn typed(field: &str, text: &str) -> String {
    format!(
        "const field = document.getElementById('form').elements['{field}']; field.value = {}; \
         field.dispatchEvent(new Event('input', {{ bubbles: true }}))",
        serde_json::Value::from(text)
    )
}

/// The rows of the table of series: role and value.
async fn shown(browser: &Browser) -> BTreeSet<(String, String)> {
    let rows = "return [...document.querySelectorAll('table.series tbody tr')].map((row) => \
                [row.querySelector('[data-label=role]').innerText, row.querySelector('.number').innerText])";
    serde_json::from_value(browser.run(rows).await).unwrap()
}

/// The same out of the file that the first link of the table leads to. The browser itself asks for it.
async fn downloaded(browser: &Browser, service: &Service) -> BTreeSet<(String, String)> {
    let href = browser.run("return document.querySelector('#exports a').href").await;
    let href = href.as_str().unwrap();
    assert!(href.starts_with(&service.pages) && href.contains("format=csv"), "{href}");
    let fetched = format!("return (async () => (await fetch({})).text())()", serde_json::Value::from(href));
    let text = browser.run(&fetched).await.as_str().unwrap().to_owned();
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap();
    let column = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (role, value) = (column("role"), column("value"));
    lines.map(|cells| (cells[role].clone(), cells[value].clone())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_defines_a_metric_reads_its_preview_and_finds_it_in_the_explorer() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
        browser.open(&format!("{}{PAGE}", service.pages)).await;
        browser.until_text("#list tbody", |text| text == "No custom metrics yet.").await;
        browser.click("#new").await;
        browser.until_text("#editor-title", |text| text == "New metric").await;

        let select = "const field = document.getElementById('form').elements.collection; field.value = 'users'";
        browser.run(select).await;

        // What must not run is said with its stage, while it is typed, and a label that no document has is warned of.
        browser.run(&typed("name", "playarr_custom_users")).await;
        browser.run(&typed("help", "Users by role.")).await;
        browser.run(&typed("unit", "users")).await;
        browser.run(&typed("labels", "role")).await;
        browser.run(&typed("pipeline", r#"[{ "$out": "elsewhere" }]"#)).await;
        browser.until_text("#preview-errors", |text| text.contains("stage 1 ($out)")).await;

        let pipeline = r#"[{ "$group": { "_id": "$role", "value": { "$sum": 1 } } }]"#;
        browser.run(&typed("pipeline", pipeline)).await;
        browser.until_text("#preview-warnings", |text| text.contains("The label role is unknown everywhere")).await;
        let pipeline = r#"[{ "$group": { "_id": "$role", "value": { "$sum": 1 } } },
            { "$project": { "_id": 0, "role": "$_id", "value": 1 } }]"#;
        browser.run(&typed("pipeline", pipeline)).await;
        browser.until_text("#preview-sample", |text| text.contains(r#"playarr_custom_users{role="admin"} "#)).await;
        browser.until_text("#preview-facts", |text| text.contains("Documents read")).await;
        browser.picture("custom-preview", 1440, "light").await;
        browser.picture("custom-preview-dark", 1440, "dark").await;
        browser.picture("custom-preview-phone", 390, "light").await;
        browser.look(1440, 900, "light").await;

        browser.click("#save").await;
        browser.until_text("#list .state", |text| text == "Working").await;
        browser.until_text("#list tbody tr", |text| text.contains("by admin")).await;
        browser.picture("custom-list", 1440, "light").await;
        browser.look(1440, 900, "light").await;
        until("a scrape shows it", Duration::from_secs(20), || async {
            service.text().await.contains("playarr_custom_users{")
        })
        .await;

        // The browser notes each preview that was refused.
        let mut complaints = browser.complaints().await;
        complaints.retain(|complaint| !(complaint.contains("/custom/preview") && complaint.contains("400")));
        assert!(complaints.is_empty(), "{complaints:#?}");

        // Found in the explorer by its help, filtered by a click, downloaded, and compared.
        browser.open(&format!("{}/explore", service.pages)).await;
        browser.until_text("#families-sum", |text| text.contains("families, ")).await;
        browser.press("/").await;
        browser.press("users by role").await;
        browser.until_text("#families-sum", |text| text.starts_with("1 family for")).await;
        browser.click("#families-list th a").await;
        browser.until_text("#about-facts", |text| text == "gauge · Custom metric · users").await;
        browser.until_text("#series-sum", |text| text == "4 series").await;
        assert_eq!(downloaded(&browser, &service).await, shown(&browser).await);
        browser.click("table.series tbody tr:first-child td[data-label=role] button").await;
        browser.until_text("#series-sum", |text| text == "1 series").await;
        let filtered = shown(&browser).await;
        assert_eq!((downloaded(&browser, &service).await, filtered.len()), (filtered, 1));
        browser.picture("custom-explored", 1440, "light").await;
        browser.look(1440, 900, "light").await;

        // Deleted, and taken back.
        browser.open(&format!("{}{PAGE}?edit=playarr_custom_users", service.pages)).await;
        browser.until_text("#editor-title", |text| text == "playarr_custom_users").await;
        browser.click("#delete").await;
        browser.click("#ask-confirm").await;
        browser.until_text("#list tbody", |text| text == "No custom metrics yet.").await;
        browser.run("document.querySelector('#done-banner button').click()").await;
        browser.until_text("#list .state", |text| text == "Working").await;
        service.stop().await;
    })
    .await;
}
