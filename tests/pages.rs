//! The pages as the server sends them: to whom, with which headers, and with what in them. What moves on them is
//! tested in a browser.

use std::collections::BTreeSet;
use std::path::Path;

use mongodb::bson::{Document, doc};
use playarr_metrics::catalog::DOCS;
use reqwest::header::{COOKIE, HOST, HeaderMap, LOCATION};
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use crate::support::library::fixtures;
use crate::support::service::Service;

const PAGE: &str = "/settings/metrics";
const HOME: &str = "/overview";

/// A request whose redirects are not followed.
fn get(service: &Service, path: &str) -> RequestBuilder {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.get(format!("{}{path}", service.url))
}

async fn as_admin(service: &Service, path: &str) -> Response {
    let session = service.session("admin", "admin-password").await;
    get(service, path).header(COOKIE, session).send().await.unwrap()
}

fn leads_to(response: &Response) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers()[LOCATION].to_str().unwrap()
}

fn assert_guarded(headers: &HeaderMap) {
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(policy.ends_with("base-uri 'self'; frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["referrer-policy"], "same-origin");
    assert_eq!(headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_the_page_and_everybody_else_is_told_why_not() {
    let service = Service::with(fixtures()).ready().await;
    let page = as_admin(&service, PAGE).await;
    assert_eq!(page.status(), StatusCode::OK);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_guarded(page.headers());
    assert!(page.text().await.unwrap().contains("Prometheus configuration"));

    let unknown = get(&service, PAGE).send().await.unwrap();
    assert_eq!(leads_to(&unknown), "/login?next=/settings/metrics");
    assert_guarded(unknown.headers());

    let session = service.session("alice", "alice-password").await;
    let forbidden = get(&service, PAGE).header(COOKIE, session).send().await.unwrap();
    assert_eq!(forbidden.status(), StatusCode::FORBIDDEN);
    assert_guarded(forbidden.headers());
    let html = forbidden.text().await.unwrap();
    assert!(html.contains("You are signed in as alice") && !html.contains("href=\"settings"), "{html}");

    assert_eq!(leads_to(&get(&service, "/").send().await.unwrap()), HOME);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_path_is_a_page_that_names_it_and_a_trailing_slash_does_not_matter() {
    let service = Service::with(fixtures()).ready().await;
    let unknown = service.get("/settings/%3Cb%3E").header("accept", "text/html").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    let html = unknown.text().await.unwrap();
    assert!(html.contains("There is no page at /settings/%3Cb%3E.") && html.contains("href=\"overview\""), "{html}");
    let page = as_admin(&service, "/settings/metrics").await.text().await.unwrap();
    let with_slash = as_admin(&service, "/settings/metrics/").await;
    assert_eq!(with_slash.status(), StatusCode::OK);
    assert_eq!(with_slash.text().await.unwrap(), page);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_who_is_demoted_or_deactivated_loses_the_page_at_once() {
    let service = Service::with(fixtures()).ready().await;
    let session = service.session("admin", "admin-password").await;
    let users = service.database.collection::<Document>("users");
    for (change, expected) in [
        (doc! { "role": "user" }, StatusCode::FORBIDDEN),
        (doc! { "role": "admin" }, StatusCode::OK),
        (doc! { "status": "inactive" }, StatusCode::SEE_OTHER),
    ] {
        users.update_one(doc! { "username": "admin" }, doc! { "$set": &change }).await.unwrap();
        let page = get(&service, PAGE).header(COOKIE, &session).send().await.unwrap();
        assert_eq!(page.status(), expected, "{change}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_hold_nothing_inline_and_no_token_until_it_is_asked_for() {
    let service = Service::with(fixtures()).ready().await;
    let tokens = [service.token().await, service.ingest_token().await];
    for page in [PAGE, HOME] {
        let page = as_admin(&service, page).await;
        assert_eq!(page.status(), StatusCode::OK);
        assert_guarded(page.headers());
        let html = page.text().await.unwrap();
        assert!(tokens.iter().all(|token| !html.contains(token)));
        assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick"), "nothing inline");
        let links = format!("<a href=\"{DOCS}/");
        assert!(!html.replace(&links, "").contains("https://"), "nothing from elsewhere");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_for_the_host_that_the_page_was_opened_at() {
    let service = Service::with(fixtures()).ready().await;
    let session = service.session("admin", "admin-password").await;
    let page = async |host: &str, protocol: &str| {
        let request = get(&service, PAGE).header(COOKIE, &session).header(HOST, host);
        request.header("x-forwarded-proto", protocol).send().await.unwrap().text().await.unwrap()
    };
    let plain = page("metrics.example:3000", "http").await;
    assert!(plain.contains("targets: [&#34;metrics.example:3000&#34;]"), "{plain}");
    assert!(!plain.contains("scheme: https"), "{plain}");
    let behind_tls = page("metrics.example", "https").await;
    assert!(behind_tls.contains("targets: [&#34;metrics.example:443&#34;]"), "{behind_tls}");
    assert!(behind_tls.contains("scheme: https"), "{behind_tls}");
    let renamed = get(&service, PAGE).header(COOKIE, &session).header(HOST, "backend:3000");
    let renamed = renamed.header("x-forwarded-host", "metrics.example:8443");
    let by_nobody = renamed.try_clone().unwrap().send().await.unwrap().text().await.unwrap();
    assert!(by_nobody.contains("targets: [&#34;backend:3000&#34;]"), "{by_nobody}");
    let by_proxy = renamed.header("x-forwarded-for", "203.0.113.1").send().await.unwrap().text().await.unwrap();
    assert!(by_proxy.contains("targets: [&#34;metrics.example:8443&#34;]"), "{by_proxy}");
    let no_host = page("<script>alert(1)</script>", "http").await;
    assert!(no_host.contains("The Host header is not") && !no_host.contains("alert(1)"), "{no_host}");
    let hostile = get(&service, PAGE).header(COOKIE, &session).header("x-forwarded-for", "203.0.113.1");
    let hostile = hostile.header("x-forwarded-host", "<script>alert(1)</script>").send().await.unwrap();
    let hostile = hostile.text().await.unwrap();
    assert!(!hostile.contains("alert(1)") && hostile.contains("playarr-metrics.example:3000"), "{hostile}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_username_is_text_whatever_is_in_it() {
    let service = Service::with(fixtures()).ready().await;
    let users = service.database.collection::<Document>("users");
    let name = "<script>alert(\"1\")</script>'\n&amp;";
    users.update_one(doc! { "username": "admin" }, doc! { "$set": { "username": name } }).await.unwrap();
    for (role, expected) in [("admin", StatusCode::OK), ("user", StatusCode::FORBIDDEN)] {
        users.update_one(doc! { "username": name }, doc! { "$set": { "role": role } }).await.unwrap();
        let session = service.session(name, "admin-password").await;
        let page = get(&service, PAGE).header(COOKIE, session).send().await.unwrap();
        assert_eq!(page.status(), expected);
        let html = page.text().await.unwrap();
        assert!(html.contains("&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62;&#39;\n&#38;amp;"), "{html}");
        assert!(!html.contains("<script>"), "{html}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_in_leads_on_to_pages_of_this_service_only() {
    let service = Service::with(fixtures()).ready().await;
    for (next, expected) in [
        ("", HOME),
        ("?next=/settings/metrics", PAGE),
        ("?next=%2Fanother%3Fa%3Db", "/another?a=b"),
        ("?next=//evil.example", HOME),
        ("?next=%2F%5Cevil.example", HOME),
        ("?next=%2F%09%2Fevil.example", HOME),
        ("?next=https://evil.example", HOME),
        ("?next=javascript:alert(1)", HOME),
        ("?next=/login", HOME),
    ] {
        let path = format!("/login{next}");
        let form = get(&service, &path).send().await.unwrap();
        assert_eq!(form.status(), StatusCode::OK, "{path}");
        assert_guarded(form.headers());
        let html = form.text().await.unwrap();
        assert!(html.contains(&format!("data-next=\"{expected}\"")), "{path}: {html}");
        // A signed-in admin is sent on; a user who is no admin may sign in as somebody else.
        assert_eq!(leads_to(&as_admin(&service, &path).await), expected, "{path}");
    }
    let session = service.session("alice", "alice-password").await;
    let form = get(&service, "/login").header(COOKIE, session).send().await.unwrap();
    assert_eq!(form.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assets_are_asked_for_each_time_and_sent_once() {
    let service = Service::with(fixtures()).ready().await;
    for (name, content_type) in [
        ("base.css", "text/css; charset=utf-8"),
        ("metrics.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ] {
        let path = format!("/assets/{name}");
        let first = get(&service, &path).send().await.unwrap();
        assert_eq!(first.status(), StatusCode::OK, "{name}");
        assert_eq!(first.headers()["content-type"], content_type);
        assert_eq!(first.headers()["x-content-type-options"], "nosniff");
        assert_eq!(first.headers()["cache-control"], "no-cache");
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        assert!(!first.bytes().await.unwrap().is_empty());
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}")] {
            let again = get(&service, &path).header("if-none-match", known).send().await.unwrap();
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{name}");
            assert!(again.bytes().await.unwrap().is_empty());
        }
        let changed = get(&service, &path).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(changed.status(), StatusCode::OK);
    }
    for absent in ["/assets/nothing.js", "/assets/../Cargo.toml", "/assets/%2e%2e/mod.rs", "/assets/"] {
        assert_eq!(get(&service, absent).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_of_the_interface_that_pages_and_scripts_name_has_a_route() {
    let service = Service::with(fixtures()).ready().await;
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut paths = BTreeSet::new();
    for folder in ["assets", "pages", "templates"] {
        for file in std::fs::read_dir(top.join(folder)).unwrap() {
            let file = file.unwrap().path();
            if file.is_file() {
                let text = std::fs::read_to_string(file).unwrap();
                // Addresses are relative to the base of the document.
                let named = ['"', '`', '\''].map(|quote| format!("{quote}api/"));
                let named = named.iter().flat_map(|start| text.split(start.as_str()).skip(1));
                paths.extend(named.map(|rest| {
                    let end = rest.find(|c: char| !(c.is_ascii_lowercase() || "/_-.".contains(c)));
                    format!("/api/{}", rest[..end.unwrap_or(rest.len())].trim_end_matches('.'))
                }));
            }
        }
    }
    assert!(paths.contains("/api/metrics/overview") && paths.contains("/api/settings/metrics/regenerate"), "{paths:?}");
    // What several scripts begin a path with.
    paths.remove("/api/metrics");
    for path in paths {
        assert_ne!(service.status(&path).await, StatusCode::NOT_FOUND, "{path}");
    }
}
