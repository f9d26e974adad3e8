//! From the page *Settings > Metrics* to a graph: the files that are there, and that what they name exists.

use std::path::Path;

use playarr_metrics::web::Setup;
use reqwest::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST};
use reqwest::{Method, StatusCode};

use crate::support::library::fixtures;
use crate::support::service::Service;

/// The routes of files, each with its name, its media type, and the same file of the packages.
const FILES: [(&str, &str, &str, Option<&str>); 3] = [
    ("prometheus", "prometheus.yml", "application/yaml", None),
    ("rules", "playarr.rules.yml", "application/yaml", Some("packaging/prometheus/playarr.rules.yml")),
    ("dashboard", "playarr.json", "application/json", Some("packaging/grafana/playarr.json")),
];

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_files_are_those_of_the_packages_and_only_admins_get_them() {
    let service = Service::with(fixtures()).ready().await;
    let admin = service.session("admin", "admin-password").await;
    let alice = service.session("alice", "alice-password").await;
    for (route, name, media_type, packaged) in FILES {
        let path = format!("/api/settings/metrics/{route}");
        let answer = service.get(&path).header(COOKIE, &admin).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()[CONTENT_TYPE], media_type);
        assert_eq!(answer.headers()[CONTENT_DISPOSITION], format!("attachment; filename=\"{name}\""));
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let text = answer.text().await.unwrap();
        let expected = packaged.map_or_else(|| text.clone(), read);
        assert!(text == expected && text.len() > 500, "{name}");
        let head = service.client.request(Method::HEAD, format!("{}{path}", service.url));
        let head = head.header(COOKIE, &admin).send().await.unwrap();
        assert_eq!(head.headers()[CONTENT_LENGTH], text.len().to_string(), "{path}");

        assert_eq!(service.status(&path).await, StatusCode::UNAUTHORIZED, "{path}");
        let user = service.get(&path).header(COOKIE, &alice).send().await.unwrap();
        assert_eq!(user.status(), StatusCode::FORBIDDEN, "{path}");
        let scraper = service.get(&path).bearer_auth(service.token().await).send().await.unwrap();
        assert_eq!(scraper.status(), StatusCode::UNAUTHORIZED, "the metrics token is for metrics: {path}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_is_for_where_it_was_asked_for_and_holds_no_token() {
    let service = Service::with(fixtures()).setting("BASE_PATH", "/pm").ready().await;
    let token = service.token().await;
    let file = async |query: &str, host: &str, protocol: &str| {
        let request = service.get(&format!("/api/settings/metrics/prometheus{query}")).header("x-api-key", "admin001");
        let request = request.header(HOST, host).header("x-forwarded-proto", protocol);
        let answer = request.header("x-forwarded-for", "203.0.113.1").send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(!text.contains(&token), "{text}");
        (status, text)
    };
    let (_, plain) = file("", "metrics.example:3000", "http").await;
    assert!(plain.contains("- targets: [\"metrics.example:3000\"]\n"), "{plain}");
    assert!(plain.contains("    metrics_path: /pm/metrics\n") && !plain.contains("scheme"), "{plain}");
    assert_eq!(file("?setup=manual", "metrics.example:3000", "http").await.1, plain);
    let (_, by_proxy) = file("?setup=systemd", "metrics.example", "https").await;
    assert!(by_proxy.contains("    scheme: https\n") && by_proxy.contains("[\"metrics.example:443\"]"), "{by_proxy}");
    // Within Compose nobody meets the proxy.
    let (_, within) = file("?setup=compose", "metrics.example", "https").await;
    assert!(within.contains("[\"playarr-metrics:3000\"]") && !within.contains("scheme"), "{within}");
    let (status, refused) = file("?setup=docker", "metrics.example", "https").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    let (_, hostile) = file("", "a\"]}evil", "http").await;
    assert!(!hostile.contains("evil"), "{hostile}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_leads_to_every_file_to_the_documentation_and_to_prometheus_and_grafana() {
    let service = Service::with(fixtures());
    let service = service.setting("PROMETHEUS_URL", "https://prometheus.example:9090");
    let service = service.setting("GRAFANA_URL", "https://example/grafana").ready().await;
    let request = service.get("/settings/metrics").header(COOKIE, service.session("admin", "admin-password").await);
    let html = request.header(ACCEPT, "text/html").send().await.unwrap().text().await.unwrap();
    for (route, name, ..) in FILES {
        let link = format!("href=\"api/settings/metrics/{route}\"");
        assert!(html.contains(&link) && html.contains(name), "{link}: {html}");
    }
    for setup in Setup::ALL {
        let setup = setup.as_str();
        assert!(html.contains(&format!("href=\"api/settings/metrics/prometheus?setup={setup}\"")), "{setup}: {html}");
    }
    for link in ["https://prometheus.example:9090/targets", "https://example/grafana/d/playarr-metrics"] {
        assert!(html.contains(&format!("<a href=\"{link}\"")), "{link}: {html}");
    }
    let dashboard: serde_json::Value = serde_json::from_str(&read("packaging/grafana/playarr.json")).unwrap();
    assert_eq!(dashboard["uid"], "playarr-metrics", "where the link to Grafana leads");
    let build = service.series().await["playarr_metrics_build_info"].keys().next().unwrap().clone();
    let about = format!("playarr-metrics {}, revision <code>{}</code>", build["version"], build["revision"]);
    assert!(html.contains(&about), "{about}: {html}");

    // Each page of the documentation that is linked to exists, with its heading.
    let docs = format!("{}/", playarr_metrics::catalog::DOCS);
    let linked: Vec<_> = html.split(&*docs).skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(linked.len() > 5, "{linked:?}");
    for link in linked {
        let (page, heading) = link.split_once('#').unwrap_or((link, ""));
        let text = read(&format!("docs/{page}"));
        assert!(text.to_lowercase().contains(&format!("# {heading}")), "{link}");
    }
    service.stop().await;
}

/// The page says what packages do. It is wrong when they change.
#[test]
fn the_commands_and_the_paths_of_each_installation_are_those_of_its_package() {
    let unit = read("packaging/systemd/playarr-metrics-token.service");
    let written = Setup::Systemd.token_file().replace("/run/", "%t/");
    assert!(unit.contains(&format!("token --file {written} --follow")), "{written}");
    assert!(read("packaging/release/deb.sh").contains("usr/share/playarr-metrics"));
    assert!(Setup::Systemd.rules_file().starts_with("/usr/share/playarr-metrics/"));

    let compose: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("packaging/compose/compose.yaml")).unwrap();
    let command = &compose["services"]["token"]["command"];
    assert_eq!(command[2], Setup::Compose.token_file());
    let mounted = compose["services"]["prometheus"]["volumes"].as_sequence().unwrap();
    assert!(mounted.iter().any(|volume| volume == "token:/run/playarr-metrics:ro"), "{mounted:?}");
    let scraped = "targets: [\"playarr-metrics:3000\"]";
    assert!(read("packaging/compose/prometheus/prometheus.yml").contains(scraped), "{scraped}");

    let tutorial = read("docs/tutorials/kubernetes.md");
    assert!(tutorial.contains(Setup::Kubernetes.token_commands()));
    for (setup, page) in [(Setup::Systemd, "docs/tutorials/systemd.md"), (Setup::Manual, "docs/configuration.md")] {
        assert!(read(page).contains(setup.token_commands().trim()), "{page}");
    }
    assert!(Setup::Manual.token_commands().contains(Setup::Manual.token_file()));
}
