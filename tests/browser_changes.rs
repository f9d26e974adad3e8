//! The page of changes as an admin sees it: two planted days in a real browser.

use super::STAGE;
use crate::support::browser::in_browser;
use crate::support::service::Service;
use crate::support::two_days::{two_days_of, yesterday};

const TEXTS: &str =
    "return [...document.querySelectorAll('#sentences .text')].map((text) => text.textContent).join('|')";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_reads_what_changed_since_yesterday_and_opens_it() {
    let service = two_days_of(Service::with(yesterday()).on(STAGE)).await;
    in_browser(|browser| async move {
        browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
        browser.open(&format!("{}/overview", service.pages)).await;
        browser.until_text("#change-channels", |text| text == "−41 since yesterday").await;
        browser.run("document.querySelector('#change-channels a').click()").await;
        browser.until_text("#compared", |text| text.starts_with("From ") && text.ends_with("to now.")).await;
        let texts = browser.run(TEXTS).await;
        assert_eq!(
            texts.as_str().unwrap(),
            "Sat is no longer a provider|Nordic TV lost 41 channels (-41 %): Sports -45, =Kids +4|\
             The library gained 1 title (+100 %): movies +1"
        );
        let sparks = browser.run("return document.querySelectorAll('#sentences .spark').length").await;
        assert!(sparks.as_u64().unwrap() >= 2, "the sums of counts have a small chart: {sparks}");

        browser.run("document.querySelectorAll('#sentences summary')[1].click()").await;
        browser.until_text("#sentences tbody tr", |text| text.contains("Sports") && text.contains("changed")).await;
        let from = browser.run("return new URLSearchParams(location.search).get('from') !== null").await;
        assert_eq!(from, true, "the address can be shared");

        browser.open(&format!("{}/explore?family=playarr_channels_count", service.pages)).await;
        browser.until_text("#about-history", |text| text.contains("All series added up")).await;
        let says = "return document.querySelector('#about-history .spark').getAttribute('aria-label')";
        assert_eq!(browser.run(says).await, "From 100 to 59; lowest 59, highest 100");
        browser.picture("explore-history", 1440, "light").await;
        let complaints = browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:#?}");
        service.stop().await;
    })
    .await;
}
