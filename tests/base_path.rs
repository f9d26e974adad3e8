//! Everything below one path, for a host name that is shared with others.

use std::path::Path;
#[cfg(feature = "system-tests")]
use std::process::Command;

use playarr_metrics::catalog::DOCS;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, COOKIE, LOCATION, SET_COOKIE};
use serde_json::json;

use crate::support::library::fixtures;
use crate::support::program::{complaint, run};
use crate::support::service::Service;

const BASE: &str = "/playarr-metrics";

/// A service below the path, whose URL has the path.
async fn service() -> Service {
    Service::with(fixtures()).setting("BASE_PATH", BASE).ready().await
}

/// The address of the same host without the path.
fn root(service: &Service) -> &str {
    service.url.strip_suffix(BASE).unwrap()
}

/// What a page links to and loads: the values of these attributes.
fn references(html: &str) -> Vec<&str> {
    let of = |attribute: &'static str| html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
    [" href=\"", " src=\"", " action=\""].into_iter().flat_map(of).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_is_below_the_path_and_nothing_is_outside() {
    let service = service().await;
    let described: serde_json::Value = service.get("/api/openapi.json").send().await.unwrap().json().await.unwrap();
    let outside = |path: &str| service.client.get(format!("{}{path}", root(&service)));
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() > 30);
    for path in paths.keys() {
        let status = outside(path).send().await.unwrap().status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        let status = service.status(path).await;
        assert!(status != StatusCode::NOT_FOUND || path.contains('{'), "{path}: {status}");
    }
    for path in ["", "/", "/-/healthy/", "/playarr-metricsx/-/healthy", "/x/playarr-metrics/-/healthy"] {
        assert_eq!(outside(path).send().await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/-/healthy", "/-/healthy/", "/-/healthy?a=b"] {
        assert_eq!(service.status(path).await, StatusCode::OK, "{path}");
    }
    let server = service.url.clone() + "/api/" + described["servers"][0]["url"].as_str().unwrap();
    assert_eq!(reqwest::Url::parse(&server).unwrap().as_str(), format!("{}/", service.url), "where clients find it");
    assert!(service.text().await.contains("\nplayarr_main_titles_count{"));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_and_cookies_stay_below_it() {
    let service = service().await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let leads_to = async |path: &str, cookie: &str| {
        let answer = client.get(format!("{}{path}", service.url)).header(COOKIE, cookie).send().await.unwrap();
        answer.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned()).unwrap_or_default()
    };
    assert_eq!(leads_to("", "").await, "/playarr-metrics/overview");
    assert_eq!(leads_to("/", "").await, "/playarr-metrics/overview");
    let login = "/playarr-metrics/login?next=/playarr-metrics/changes?from=a";
    assert_eq!(leads_to("/changes?from=a", "").await, login);

    let login = service.login("admin", "admin-password").await;
    let cookie = login.headers()[SET_COOKIE].to_str().unwrap().to_owned();
    assert!(cookie.contains("; Path=/playarr-metrics;"), "{cookie}");
    let session = cookie.split(';').next().unwrap();
    assert_eq!(leads_to("/login?next=/playarr-metrics/explore", session).await, "/playarr-metrics/explore");
    for elsewhere in ["/overview", "//evil.example", "/playarr-metrics/login"] {
        assert_eq!(leads_to(&format!("/login?next={elsewhere}"), session).await, "/playarr-metrics/overview");
    }
    let logout = service.post("/api/auth/logout").send().await.unwrap();
    let ended: Vec<_> = logout.headers().get_all(SET_COOKIE).iter().map(|cookie| cookie.to_str().unwrap()).collect();
    assert_eq!(ended.len(), 2, "that of Playarr itself as well: {ended:?}");
    assert!(ended[0].contains("; Path=/playarr-metrics;") && ended[1].contains("; Path=/;"), "{ended:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_pages_link_to_and_load_is_below_it_and_there() {
    let service = service().await;
    let session = service.session("admin", "admin-password").await;
    let pages =
        ["/overview", "/explore", "/changes", "/settings/metrics", "/settings/custom", "/login", "/no/such/page"];
    for page in pages {
        let cookie = if page == "/login" { "" } else { &*session };
        let answer = service.get(page).header(COOKIE, cookie).header(ACCEPT, "text/html").send().await.unwrap();
        let html = answer.text().await.unwrap();
        assert!(html.contains("<base href=\"/playarr-metrics/\">"), "{page}: {html}");
        let base = reqwest::Url::parse(&format!("{}/", service.url)).unwrap();
        let references = references(&html);
        assert!(references.len() > 5, "{page}: {references:?}");
        let is_documentation = |reference: &&str| reference.starts_with(DOCS);
        assert!(page != "/settings/metrics" || references.iter().any(is_documentation), "it links to it");
        for reference in references.into_iter().filter(|reference| !is_documentation(reference)) {
            let url = base.join(&reference.replace("&amp;", "&")).unwrap();
            assert!(url.as_str().starts_with(base.as_str()), "{page}: {reference}");
            let status = service.client.get(url).header(COOKIE, &*session).send().await.unwrap().status();
            assert_eq!(status, StatusCode::OK, "{page}: {reference}");
        }
    }
    let page = service.get("/settings/metrics").header(COOKIE, session).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("    metrics_path: /playarr-metrics/metrics\n"), "the generated configuration");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_find_the_service_below_it() {
    let service = service().await;
    let address = root(&service).strip_prefix("http://").unwrap();
    let output = run(&[("LISTEN_ADDRESS", address), ("BASE_PATH", BASE)], &["healthcheck", "--ready"]).await;
    assert!(output.status.success(), "{}", complaint(&output));
    let output = run(&[("LISTEN_ADDRESS", address)], &["healthcheck"]).await;
    assert!(!output.status.success(), "nothing is outside");

    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, service.token().await).unwrap();
    let arguments = ["export", "--url", &service.url, "--token-file", token.to_str().unwrap(), "--format", "text"];
    let output = run(&[], &arguments).await;
    assert!(output.status.success(), "{}", complaint(&output));
    assert!(String::from_utf8(output.stdout).unwrap().contains("\nplayarr_main_titles_count{"));
    let events = json!({ "events": [{ "type": "cache_operation", "operation": "hit" }] });
    let request = service.post("/api/metrics/events").bearer_auth(service.ingest_token().await).json(&events);
    assert_eq!(request.send().await.unwrap().status(), StatusCode::OK);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_cannot_be_one_is_refused_at_start() {
    for path in ["playarr", "/a b", "/a//b", "/../a", "https://host/a"] {
        let output = run(&[("BASE_PATH", path), ("LISTEN_ADDRESS", "127.0.0.1:0")], &["serve"]).await;
        let complaint = complaint(&output);
        assert_eq!(output.status.code(), Some(1), "{complaint}");
        assert!(complaint.contains(&format!("BASE_PATH={path}: / or a path such as /playarr-metrics")), "{complaint}");
    }
}

/// What a page or script names from the root of the host is not below the path.
#[test]
fn no_template_and_no_script_names_a_path_from_the_root() {
    let starts_path = |line: &str| {
        ["\"/", "'/", "`/", "(/", "=/"].into_iter().any(|start| {
            line.split(start)
                .skip(1)
                .any(|rest| rest.starts_with(|first: char| first.is_ascii_lowercase() || first == '-'))
        })
    };
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web");
    let mut looked_at = 0;
    for folder in ["templates", "assets"] {
        for entry in std::fs::read_dir(web.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension == "svg") {
                continue;
            }
            looked_at += 1;
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                assert!(!starts_path(line), "{}: {line}", path.display());
            }
        }
    }
    assert!(looked_at > 50);
}

/// The snippet of the documentation, as nginx reads it.
#[cfg(feature = "system-tests")]
#[test]
fn nginx_accepts_the_configuration_of_the_documentation() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reverse-proxy.md")).unwrap();
    let snippets: Vec<_> = page.split("```nginx\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(!snippets.is_empty());
    let directory = tempfile::tempdir().unwrap();
    for (number, snippet) in snippets.iter().enumerate() {
        let file = directory.path().join(format!("{number}.conf"));
        let pid = directory.path().join("pid");
        let server = format!("listen 127.0.0.1:8443;\n{}", snippet.trim());
        let text = format!("pid {};\nevents {{}}\nhttp {{ server {{ {server} }} }}\n", pid.display());
        std::fs::write(&file, text).unwrap();
        let output = Command::new("nginx").args(["-t", "-q", "-e", "stderr", "-c"]).arg(&file).output();
        let output = output.unwrap_or_else(|error| panic!("nginx is needed for the system tests: {error}"));
        assert!(output.status.success(), "{snippet}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
