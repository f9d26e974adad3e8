//! The overview as an admin sees it: a real browser, the real service, a real MongoDB.

use mongodb::bson::{Bson, Document, doc};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::STAGE;
use crate::support::browser::{Browser, in_browser};
use crate::support::home::{evening, home, stream};
use crate::support::library::{Library, fixtures};
use crate::support::service::Service;

const PAGE: &str = "/overview";
const CARDS: [&str; 13] = [
    "titles",
    "by-provider",
    "channels",
    "watchlists",
    "expiry",
    "connections",
    "streams",
    "durations",
    "cache",
    "hit-ratio",
    "users",
    "syncs",
    "jobs",
];

async fn open_as_admin(browser: &Browser, service: &Service) {
    browser.take_session(&service.pages, &service.session("admin", "admin-password").await).await;
    browser.open(&format!("{}{PAGE}", service.pages)).await;
    browser.until_text("#connection", |text| text == "Live").await;
    browser.until_text("#tile-titles", |text| text != "–").await;
}

async fn report(service: &Service, events: Vec<Value>) {
    let request = service.post("/api/metrics/events").bearer_auth(service.ingest_token().await);
    let response = request.json(&json!({ "events": events })).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
}

async fn assert_no_complaints(browser: &Browser) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// What a chart says to those who cannot see it.
async fn says(browser: &Browser, card: &str) -> String {
    let script = format!("return document.querySelector('#{card} [data-chart]')?.ariaLabel ?? ''");
    browser.run(&script).await.as_str().unwrap().to_owned()
}

/// A row of the numbers behind a chart, as it reads.
async fn numbers(browser: &Browser, card: &str, name: &str) -> String {
    let script = format!(
        "const rows = [...document.querySelectorAll('#{card} tbody tr')]; \
         const row = rows.find((row) => row.cells[0].textContent === {name:?}); \
         return [...row?.cells ?? []].map((cell) => cell.textContent).join(' ')"
    );
    browser.run(&script).await.as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_led_to_the_charts_of_the_library() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        browser.open(&service.pages).await;
        browser.until_path("/login").await;
        browser.fill("[name=username]", "admin").await;
        browser.fill("[name=password]", "admin-password").await;
        browser.click("#sign-in button").await;
        browser.until_path(PAGE).await;
        browser.until_text("#connection", |text| text == "Live").await;
        browser.until_text("#tile-titles", |text| text == "109").await;
        assert_eq!(browser.text("nav [aria-current]").await, "Overview");
        assert_eq!(says(&browser, "titles").await, "109 titles: 28 Movies, 57 TV shows, 24 Other");
        assert_eq!(numbers(&browser, "by-provider", "AGTV (agtv)").await, "AGTV (agtv) 17 8 3 28");
        assert!(numbers(&browser, "by-provider", "Nordic Streams (inactive)").await.ends_with(" 39"));
        let bars = "return document.querySelectorAll('#by-provider .bar-row rect').length > 10";
        assert_eq!(browser.run(bars).await, true);
        assert_eq!(
            browser.run("return document.querySelector('#by-provider rect title').textContent").await,
            "Xtream One, Movies: 13"
        );

        // Bars are as long as their numbers say.
        let lengths = "const bars = [...document.querySelectorAll('#channels .bar rect')]; \
             return bars.map((bar) => Math.round(100 * bar.getBoundingClientRect().width \
                 / bar.parentElement.getBoundingClientRect().width)).slice(0, 3)";
        let lengths = browser.run(lengths).await;
        let numbers: Vec<_> = lengths.as_array().unwrap().iter().map(|length| length.as_i64().unwrap()).collect();
        assert!(numbers[0] >= 99 && numbers[2] < 50, "{lengths}");

        // The numbers behind a chart are a click away, also by keyboard.
        let hidden = "return document.querySelector('#channels table').checkVisibility()";
        assert_eq!(browser.run(hidden).await, false);
        browser.run("document.querySelector('#channels summary').focus()").await;
        browser.press("\u{e007}").await;
        browser.until_true(hidden).await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_refreshes_move_the_charts_without_reloading() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        browser.run("window.notReloaded = true").await;
        let invitation = browser.text("#invitation").await;
        assert!(invitation.contains("ingest token") && invitation.contains("clients/node"), "{invitation}");
        let is_seen = |id: &str| format!("return document.getElementById('{id}').checkVisibility()");
        assert_eq!(browser.run(&is_seen("streams")).await, false, "no chart of nothing");

        report(&service, vec![stream("alice", "movies", 0.2), json!({"type":"cache_operation","operation":"hit"})])
            .await;
        browser.until_text("#tile-streams", |text| text == "1").await;
        assert_eq!(browser.run(&is_seen("invitation")).await, false);
        assert_eq!(browser.run(&is_seen("streams")).await, true);
        assert_eq!(says(&browser, "streams").await, "1 stream in the last hour: 1 Movies, 0 TV shows, 0 Live");
        assert_eq!(browser.run("return document.querySelectorAll('#streams .column rect.c1').length").await, 1);
        assert_eq!(says(&browser, "hit-ratio").await, "100% of 1 cache operation were hits");
        report(&service, vec![stream("alice", "movies", 0.2), stream("bob", "live", 0.2)]).await;
        browser.until_text("#tile-streams", |text| text == "3").await;
        assert_eq!(numbers(&browser, "users", "alice").await, "alice 2");
        browser.click("[data-window=life]").await;
        browser.until_text("#streams .axis-x", |text| text.contains("each column 10 s")).await;
        assert_eq!(
            says(&browser, "streams").await,
            "3 streams since the process started: 2 Movies, 0 TV shows, 1 Live"
        );

        // A refresh shows at once, whoever started it.
        let channels = service.database.collection::<Document>("channels");
        let many =
            (0..300).map(|n| doc! { "provider_id": "agtv", "channel_id": format!("n{n}"), "group_title": "Brand new" });
        channels.insert_many(many).await.unwrap();
        service.refresh().await;
        browser.until_text("#channels .bars", |text| text.contains("Brand new")).await;
        assert_eq!(browser.run("return window.notReloaded").await, true);
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_asked_while_nobody_looks() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        let hide = |hidden: bool| {
            format!(
                "Object.defineProperty(document, 'hidden', {{ configurable: true, get: () => {hidden} }}); \
                 document.dispatchEvent(new Event('visibilitychange'))"
            )
        };
        let count = "window.asked = 0; const real = fetch; window.fetch = (...all) => { \
             asked += String(all[0]).includes('overview'); return real(...all) }";
        browser.run(count).await;
        browser.until_true("return asked > 0").await;
        browser.run(&hide(true)).await;
        let asked = browser.run("return asked").await;
        report(&service, vec![stream("alice", "movies", 0.2)]).await;
        service.refresh().await;
        tokio::time::sleep(std::time::Duration::from_secs(6)).await;
        assert_eq!(browser.run("return asked").await, asked);
        browser.run(&hide(false)).await;
        browser.until_text("#tile-streams", |text| text == "1").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_in_charts_are_text() {
    let hostile = "</title><script>document.title = 'taken'</script><img src=x onerror=alert(1)>\"'";
    let mut library = fixtures();
    library.insert(
        "iptv_providers".to_owned(),
        vec![doc! { "id": hostile, "provider_details": {
            "active": false, "expiration_date": 1, "active_connections": 1, "max_connections": 2,
        } }],
    );
    for n in 0..90 {
        library
            .get_mut("provider_titles")
            .unwrap()
            .push(doc! { "provider_id": hostile, "title_key": n, "type": "movies" });
        library
            .get_mut("channels")
            .unwrap()
            .push(doc! { "provider_id": hostile, "channel_id": n, "group_title": hostile });
    }
    let users = library.get_mut("users").unwrap();
    let movies = vec![Bson::Int32(1); 99];
    users.push(doc! { "username": hostile, "watchlist": { "movies": movies, "tvshows": [], "live": [] } });
    let service = Service::with(library).on(STAGE).ready().await;
    report(
        &service,
        vec![
            stream(hostile, "live", 1.0),
            json!({"type":"provider_sync","provider_id":hostile,"status":"failure","duration_seconds":1}),
            json!({"type":"job_execution","job_type":hostile,"status":"failure","duration_seconds":1}),
        ],
    )
    .await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        for card in ["by-provider", "channels", "watchlists", "expiry", "connections", "users", "syncs", "jobs"] {
            browser
                .until_true(&format!(
                    "return document.querySelector('#{card} .bar-name')?.textContent.includes('<script>')"
                ))
                .await;
            assert!(browser.text(&format!("#{card} .bar-name")).await.starts_with("</title><script>"), "{card}");
        }
        assert_eq!(browser.run("return document.querySelectorAll('main script, main img').length").await, 0);
        assert_eq!(
            browser.run("return document.title").await,
            concat!("Overview · Playarr Metrics ", env!("CARGO_PKG_VERSION"))
        );
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_library_says_what_to_do() {
    let mut library = Library::new();
    library.insert(
        "users".to_owned(),
        fixtures()["users"]
            .iter()
            .filter(|user| user.get_str("username").is_ok_and(|name| name == "admin"))
            .cloned()
            .collect(),
    );
    let service = Service::with(library).on(STAGE).ready().await;
    service
        .database
        .collection::<Document>("users")
        .update_many(doc! {}, doc! { "$unset": { "watchlist": 1 } })
        .await
        .unwrap();
    service.refresh().await;
    in_browser(async |browser| {
        browser.look(1440, 900, "light").await;
        open_as_admin(&browser, &service).await;
        for (card, hint) in [
            ("titles", "Playarr fills it when it has synchronised a provider"),
            ("by-provider", "Add one in Playarr"),
            ("channels", "No provider has live channels yet"),
            ("watchlists", "Users fill them in Playarr"),
            ("expiry", "No provider tells when it expires"),
            ("connections", "No provider tells about its connections"),
            ("invitation", "No live events yet"),
        ] {
            let said = browser.text(&format!("#{card}")).await;
            assert!(said.contains(hint), "{card}: {said}");
        }
        assert_eq!(
            browser.run("return document.querySelectorAll('.drawing:not([hidden]) svg').length > 0").await,
            true,
            "the own job"
        );
        browser.picture("overview-empty", 1440, "light").await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

/// Pictures to look at, in the directory that `PLAYARR_TEST_SCREENSHOTS` names; none without it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_charts_fit_any_screen() {
    for (name, library) in [("overview", home()), ("overview-messy", fixtures())] {
        let service = Service::with(library).on(STAGE).ready().await;
        report(&service, evening()).await;
        in_browser(async |browser| {
            browser.look(1440, 900, "light").await;
            browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HOUR })).await;
            open_as_admin(&browser, &service).await;
            for (screen, width, scheme) in SCREENS {
                browser.picture(&format!("{name}{screen}"), width, scheme).await;
                let fits = browser.run("return document.documentElement.scrollWidth <= innerWidth").await;
                assert_eq!(fits, true, "{name}{screen}");
                for card in CARDS {
                    let drawn = format!(
                        "const chart = document.querySelector('#{card} .drawing svg:not(.swatch)'); \
                         return chart.getBoundingClientRect().width > 40"
                    );
                    assert_eq!(browser.run(&drawn).await, true, "{name}{screen}: {card}");
                }
            }
            browser.run("document.querySelectorAll('.numbers').forEach((numbers) => { numbers.open = true })").await;
            let fits = browser.run("return document.documentElement.scrollWidth <= innerWidth").await;
            assert_eq!(fits, true, "{name} with its numbers");
            assert_no_complaints(&browser).await;
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn charts_stand_without_colour_and_on_paper() {
    let service = Service::with(home()).on(STAGE).ready().await;
    report(&service, evening()).await;
    in_browser(async |browser| {
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": HOUR })).await;
        open_as_admin(&browser, &service).await;
        browser.until_true("return document.querySelectorAll('#streams .column').length > 0").await;
        browser.picture("overview", 1440, "light").await;
        // Parts beside each other differ in more than their colour: at most one kind of part is plain.
        let plain = "return [...document.querySelectorAll('.drawing')].map((chart) => new Set([...chart \
             .querySelectorAll('.bar rect, .arc:not(.track), .column rect:not(.touch)')].filter((part) => \
             !part.matches('.track, .touch, .solid')).filter((part) => !(part.matches('.arc') ? \
             getComputedStyle(part).stroke : getComputedStyle(part).fill).startsWith('url(')) \
             .map((part) => part.getAttribute('class').replace(/ ?(arc|light) ?/g, ''))).size)";
        let plain = browser.run(plain).await;
        assert!(plain.as_array().unwrap().iter().all(|kinds| kinds.as_u64() <= Some(1)), "{plain}");
        for (name, media, features) in [
            ("overview-forced", "screen", json!([{ "name": "forced-colors", "value": "active" }])),
            ("overview-print", "print", json!([{ "name": "prefers-color-scheme", "value": "dark" }])),
        ] {
            let media = json!({ "media": media, "features": features });
            browser.devtools("Emulation.setEmulatedMedia", media).await;
            browser.save(name).await;
            let fits = "return document.documentElement.scrollWidth <= innerWidth \
                 && document.getElementById('main').clientWidth > 1000";
            assert_eq!(browser.run(fits).await, true, "{name}");
        }
        let on_paper = "return [getComputedStyle(document.getElementById('sidebar')).display, \
             getComputedStyle(document.body).backgroundColor, document.querySelector('#jobs svg').checkVisibility()]";
        assert_eq!(browser.run(on_paper).await, json!(["none", "rgb(245, 246, 248)", true]));
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyboard_and_touch_read_what_pointing_shows() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        browser.until_true("return document.querySelectorAll('#by-provider .bar rect').length > 0").await;
        browser.run("document.querySelector('#by-provider [data-chart]').focus()").await;
        browser.press("\u{e014}").await;
        browser.until_text("#by-provider [data-readout]", |text| text == "Xtream One").await;
        browser.press("\u{e014}").await;
        browser.until_text("#by-provider [data-readout]", |text| text == "Xtream One, Movies: 13").await;
        browser.press("\u{e00c}").await;
        browser.until_text("#by-provider [data-readout]", str::is_empty).await;
        // Times are exact on request, and stay so.
        browser.click("[data-exact-times]").await;
        browser.until_text("#titles [data-age]", |text| text.contains(':')).await;
        browser.client.refresh().await.unwrap();
        browser.until_text("#titles [data-age]", |text| text.contains(':')).await;
        assert_eq!(browser.run("return document.querySelector('[data-exact-times]').ariaPressed").await, "true");
        browser.click("#by-provider .bar rect.c2").await;
        browser.until_text("#by-provider [data-readout]", |text| text.starts_with("Xtream One, TV shows: ")).await;
        assert_no_complaints(&browser).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_shown_is_in_the_address() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    report(&service, vec![stream("alice", "movies", 0.2)]).await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        browser.click("[data-window=life]").await;
        browser.click("#expiry [data-all]").await;
        browser.click("#channels summary").await;
        browser.until_text("#expiry [data-all]", |text| text == "Show fewer").await;
        let rows = "return document.querySelectorAll('#expiry .bar-row').length";
        assert_eq!(browser.run(rows).await, 36, "expired and all others");
        let first = browser.text("#expiry .bar-row").await;
        assert!(first.contains("ago"), "the one that expired first comes first: {first}");
        let address = browser.client.current_url().await.unwrap();
        assert_eq!(address.query(), Some("window=life&accounts=all&numbers=channels"));
        // The same address shows the same, also after signing in again.
        browser.client.delete_all_cookies().await.unwrap();
        browser.open(&format!("{address}#providers")).await;
        browser.until_path("/login").await;
        browser.fill("[name=username]", "admin").await;
        browser.fill("[name=password]", "admin-password").await;
        browser.click("#sign-in button").await;
        browser.until_path(PAGE).await;
        let back = browser.client.current_url().await.unwrap();
        assert_eq!((back.query(), back.fragment()), (address.query(), Some("providers")));
        browser.until_text("#expiry [data-all]", |text| text == "Show fewer").await;
        assert_eq!(browser.run(rows).await, 36);
        assert_eq!(
            browser.run("return document.querySelector('[aria-pressed=true]').textContent").await,
            "Since start"
        );
        assert_eq!(browser.run("return document.querySelector('#channels table').checkVisibility()").await, true);
        // Nor is it lost when the session ends while the page is open.
        browser.client.delete_all_cookies().await.unwrap();
        browser.until_path("/login").await;
        let next = browser.run("return document.getElementById('sign-in').dataset.next").await;
        assert_eq!(next, format!("{}/overview?window=life&accounts=all&numbers=channels#providers", STAGE.base()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_controls_have_the_same_name() {
    let service = Service::with(fixtures()).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        for page in [PAGE, "/settings/metrics"] {
            browser.open(&format!("{}{page}", service.pages)).await;
            browser.until_text("#connection", |text| text == "Live").await;
            // Those of closed dialogs and of closed parts as well.
            let names = "return [...document.querySelectorAll('main :is(button, summary):not(dialog [value])')] \
                 .map((control) => (control.getAttribute('aria-labelledby') ?? '').split(' ').filter(Boolean) \
                     .map((id) => document.getElementById(id).textContent.trim()).join(' ') \
                     || control.getAttribute('aria-label') || control.textContent.trim()).filter(Boolean)";
            let names = browser.run(names).await;
            let names: Vec<_> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            let twins: Vec<_> =
                names.iter().filter(|name| names.iter().filter(|other| other == name).count() > 1).collect();
            // A dialog confirms what its opener is named.
            assert!(twins.iter().all(|name| name.starts_with("Regenerate")), "{page}: {twins:?}");
            assert!(names.len() > 12, "{page}: {names:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_hides_or_reorders_text_is_shown_as_an_escape() {
    let mut library = Library::new();
    library.insert("users".to_owned(), fixtures()["users"].clone());
    let name = "evil\u{202e}drowssap\u{200b}";
    library.insert("channels".to_owned(), vec![doc! { "provider_id": "a", "channel_id": 1, "group_title": name }]);
    let service = Service::with(library).on(STAGE).ready().await;
    in_browser(async |browser| {
        open_as_admin(&browser, &service).await;
        let expected = "evil\\u{202e}drowssap\\u{200b}";
        browser.until_text("#channels .bar-name", |text| text == expected).await;
        assert!(says(&browser, "channels").await.contains(expected));
        assert!(numbers(&browser, "channels", expected).await.starts_with(expected));
        // The scripts escape what the service escapes in the pages that it renders: `text.rs` has the same numbers.
        let escaped = "return import(new URL('assets/text.js', document.baseURI)).then(({ visible }) => { \
             const codes = [...Array(0x110000).keys()].filter((code) => code < 0xd800 || code > 0xdfff); \
             const escaped = codes.filter((code) => visible(String.fromCodePoint(code)).startsWith('\\\\u{')); \
             return [escaped.length, escaped.reduce((sum, code) => sum + code, 0)]; })";
        assert_eq!(browser.run(escaped).await, json!([224, 117_938_589]));
        let anywhere = "return /[\\u202e\\u200b]/.test(document.documentElement.outerHTML)";
        assert_eq!(browser.run(anywhere).await, false);
    })
    .await;
}

/// The screens of the pictures: the end of their names, their width in pixels, their theme.
const SCREENS: [(&str, u32, &str); 5] = [
    ("", 1440, "light"),
    ("-dark", 1440, "dark"),
    ("-tablet", 900, "light"),
    ("-phone", 360, "light"),
    ("-phone-dark", 360, "dark"),
];

/// Puts an hour into the answers, which nobody wants to wait for.
const HOUR: &str = "const real = fetch; window.fetch = async (...all) => { \
     const answer = await real(...all); \
     if (!String(all[0]).includes('/overview')) return answer; \
     const overview = await answer.json(); \
     const noise = (n) => Math.abs(Math.sin(n) * 43758.5453) % 1 - 0.4; \
     const wave = (most, length, from) => Array.from({ length: 121 }, (_, i) => Math.max(0, Math.round( \
         most * Math.sin((i + from) / length) + 1.6 * most * noise(i * 12.9898 + from)))); \
     overview.history = { begins: new Date(Date.now() - 3_605_000).toISOString(), step_seconds: 30, \
         streams: { movies: wave(1.4, 22, 5), tvshows: wave(1.2, 31, -9), live: wave(2, 40, -30) }, \
         cache: { hits: wave(8, 34, -8), misses: wave(1.4, 24, 0) } }; \
     return new Response(JSON.stringify(overview), { headers: answer.headers }); }";
