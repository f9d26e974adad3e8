//! Finding series: selectors on scrapes, families, pages of series, cardinality.

use std::collections::BTreeSet;
use std::time::Duration;

use mongodb::bson::doc;
use reqwest::StatusCode;
use serde_json::Value;

use crate::support::exposition::parse;
use crate::support::library::{Library, fixtures};
use crate::support::service::Service;
use crate::support::until;

const ADMIN: (&str, &str) = ("x-api-key", "admin001");

async fn ask(service: &Service, path: &str, query: &[(&str, &str)]) -> (StatusCode, Value) {
    let response = service.query(path, query).header(ADMIN.0, ADMIN.1).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn found(service: &Service, path: &str, query: &[(&str, &str)]) -> Value {
    let (status, answer) = ask(service, path, query).await;
    assert_eq!(status, StatusCode::OK, "{path} {query:?}: {answer}");
    answer
}

async fn scrape(service: &Service, selectors: &[&str]) -> String {
    let query: Vec<_> = selectors.iter().map(|selector| ("match[]", *selector)).collect();
    let scrape = service.query("/metrics", &query).bearer_auth(service.token().await);
    let response = scrape.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.text().await.unwrap()
}

/// Name and labels of each series of an exposition.
fn series(text: &str) -> BTreeSet<String> {
    let samples = parse(text).into_iter();
    samples.flat_map(|(name, samples)| samples.into_keys().map(move |labels| format!("{name}{labels:?}"))).collect()
}

/// Name and labels of each series of a page.
fn listed(page: &Value) -> Vec<String> {
    let name = |series: &Value| format!("{} {}", series["metric"].as_str().unwrap(), series["labels"]);
    page["series"].as_array().unwrap().iter().map(name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_scrapes_of_complementary_selectors_are_a_whole_one_without_overlap() {
    let service = Service::with(fixtures()).ready().await;
    for name in ["playarr_episodes_count|playarr_channels_count", "playarr_.*_bucket", ".*_count"] {
        // What was asked before this test began becomes live series when it is committed, between two scrapes perhaps.
        let (chosen, rest) = loop {
            let before = series(&service.text().await);
            let chosen = series(&scrape(&service, &[&format!("{{__name__=~\"{name}\"}}")]).await);
            let rest = series(&scrape(&service, &[&format!("{{__name__!~\"{name}\",__name__!=\"\"}}")]).await);
            let after = series(&service.text().await);
            if before == after {
                let both = &chosen | &rest;
                assert!(both == after, "{name}: {:?}", both.symmetric_difference(&after).collect::<Vec<_>>());
                break (chosen, rest);
            }
        };
        assert!(!chosen.is_empty() && chosen.is_disjoint(&rest), "{name}");
    }
    let (one, other) = ("playarr_active_users", "playarr_provider_enabled{provider_id=~\"agtv|beta\"}");
    let both = scrape(&service, &[one, other]).await;
    assert_eq!(series(&both), &series(&scrape(&service, &[one]).await) | &series(&scrape(&service, &[other]).await));
    assert_eq!(series(&scrape(&service, &["nothing"]).await), BTreeSet::new());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filtered_scrape_has_the_token_formats_and_limits_of_any_other() {
    let service = Service::with(fixtures()).setting("MAX_CONCURRENT_SCRAPES", "1").ready().await;
    let token = service.token().await;
    let path = "/metrics?match[]=playarr_active_users";
    assert_eq!(service.status(path).await, StatusCode::UNAUTHORIZED);
    assert_eq!(service.status("/metrics?match[]=a{").await, StatusCode::UNAUTHORIZED, "the token comes first");
    let get = |accept: &str, encoding: &str| {
        service.get(path).bearer_auth(&token).header("accept", accept).header("accept-encoding", encoding)
    };
    let text = get("*/*", "identity").send().await.unwrap();
    assert_eq!(text.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    assert!(text.text().await.unwrap().contains("\nplayarr_active_users "));
    let openmetrics = get("application/openmetrics-text", "identity").send().await.unwrap();
    assert!(openmetrics.text().await.unwrap().ends_with("# EOF\n"));
    let zipped = get("*/*", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    let mut unzipped = String::new();
    let zipped = zipped.bytes().await.unwrap();
    std::io::Read::read_to_string(&mut flate2::bufread::GzDecoder::new(&*zipped), &mut unzipped).unwrap();
    assert!(unzipped.contains("\nplayarr_active_users "));
    let head = service.client.head(format!("{}{path}", service.url)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(head.status(), StatusCode::OK);
    // Each of them has given its permit back.
    let again = get("*/*", "identity").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::OK);
    again.bytes().await.unwrap();
    let answer = service.get("/metrics?match[]=up{job=x}").bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let error = answer.json::<Value>().await.unwrap()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("at character 8, a text in quotes is expected"), "{error}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn admins_and_the_scraper_may_look_for_series_and_nobody_else() {
    let service = Service::with(fixtures()).ready().await;
    let token = service.token().await;
    for path in ["families", "series", "cardinality", "export"].map(|name| format!("/api/metrics/{name}")) {
        assert_eq!(service.status(&path).await, StatusCode::UNAUTHORIZED);
        let with = |name: &str, value: &str| service.get(&path).header(name, value).send();
        assert_eq!(with("x-api-key", "alice001").await.unwrap().status(), StatusCode::FORBIDDEN);
        assert_eq!(with("x-api-key", "admin001").await.unwrap().status(), StatusCode::OK);
        assert_eq!(with("authorization", "Bearer wrong").await.unwrap().status(), StatusCode::UNAUTHORIZED);
        assert_eq!(with("authorization", &format!("Bearer {token}")).await.unwrap().status(), StatusCode::OK);
        let (status, answer) = ask(&service, &path, &[("match[]", "{a")]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"].as_str().unwrap().contains("at character 3"), "{answer}");
        let (status, answer) = ask(&service, &path, &[("match", "up")]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "a misspelt parameter must not choose all");
        assert!(answer["error"].as_str().unwrap().contains("\"match\" is unknown; accepted: match[]"), "{answer}");
    }
    for (name, value) in [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("sort", "a b"), ("after", "x")] {
        let (status, answer) = ask(&service, "/api/metrics/series", &[(name, value)]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{name}={value}");
        assert!(answer["error"].as_str().unwrap().contains(name), "{answer}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_in_any_order_give_each_series_once() {
    let service = Service::with(fixtures()).ready().await;
    let path = "/api/metrics/series";
    let chosen = ("match[]", r#"{__name__=~"playarr_(episodes|channels|watchlist_titles)_count"}"#);
    let whole = found(&service, path, &[chosen, ("limit", "1000")]).await;
    let all = listed(&whole);
    assert_eq!(whole["total"], all.len());
    assert!(all.len() > 20 && whole["next"].is_null());
    for sort in ["exposition", "-exposition", "value", "-value", "source", "-user"] {
        let (mut pages, mut values, mut after) = (Vec::new(), Vec::new(), String::new());
        loop {
            let page = found(&service, path, &[chosen, ("sort", sort), ("limit", "7"), ("after", &after)]).await;
            pages.extend(listed(&page));
            values.extend(page["series"].as_array().unwrap().iter().map(|series| series["value"].as_f64().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            after = next.to_owned();
        }
        assert_eq!(BTreeSet::from_iter(&pages), BTreeSet::from_iter(&all), "{sort}");
        assert_eq!(pages.len(), all.len(), "{sort}");
        match sort {
            "exposition" => assert_eq!(pages, all),
            "-exposition" => assert!(pages.iter().rev().eq(&all)),
            "value" => assert!(values.is_sorted()),
            "-value" => assert!(values.iter().rev().is_sorted()),
            _ => {}
        }
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_generation_that_is_gone_says_so() {
    let service = Service::with(fixtures()).ready().await;
    let path = "/api/metrics/series";
    let page = found(&service, path, &[("limit", "3")]).await;
    let next = page["next"].as_str().unwrap();
    let (status, answer) = ask(&service, path, &[("limit", "3"), ("after", next), ("sort", "value")]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    service.refresh().await;
    let (status, answer) = ask(&service, path, &[("limit", "3"), ("after", next)]).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(answer["error"].as_str().unwrap().starts_with("generation 1 is gone"), "{answer}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn families_are_found_by_name_help_and_label_values() {
    let service = Service::with(fixtures()).ready().await;
    let path = "/api/metrics/families";
    let names = |answer: &Value| -> Vec<String> {
        let families = answer["families"].as_array().unwrap().iter();
        families.map(|family| family["name"].as_str().unwrap().to_owned()).collect()
    };
    let all = found(&service, path, &[]).await;
    let exposed = parse(&service.text().await);
    for name in names(&all) {
        assert!(exposed.contains_key(&name), "{name}");
    }
    let by_name = found(&service, path, &[("search", "EPISODES_count")]).await;
    let family = &by_name["families"][0];
    assert_eq!(names(&by_name)[0], "playarr_episodes_count");
    assert!(names(&by_name).contains(&"playarr_metrics_collector_series".to_owned()), "by the value of a label");
    assert_eq!((&family["type"], &family["origin"]), (&"gauge".into(), &"database".into()));
    assert_eq!(family["series"], exposed["playarr_episodes_count"].len());
    assert_eq!(family["queries"][0]["expr"], "max by (source, title_name, season) (playarr_episodes_count)");
    let by_help = found(&service, path, &[("search", "resident memory size")]).await;
    assert_eq!(names(&by_help), ["process_resident_memory_bytes"]);
    let by_value = found(&service, path, &[("search", "alice")]).await;
    assert!(names(&by_value).contains(&"playarr_watchlist_titles_count".to_owned()));
    let hit = &by_value["families"][0]["found"][0];
    assert_eq!((&hit["label"], &hit["value"]), (&"user".into(), &"ALICE".into()), "whatever the case");
    let chosen = found(&service, path, &[("match[]", "{user=\"alice\"}")]).await;
    assert_eq!(chosen["total"], 3, "{chosen}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cardinality_says_what_was_folded_and_which_setting_unfolds_it() {
    let mut library = Library::new();
    let channel = |number: i32| {
        let group = format!("group {}", number % 20);
        doc! { "provider_id": "agtv", "channel_id": number, "channel_key": number, "group_title": group }
    };
    library.insert("channels".to_owned(), (0..100).map(channel).collect());
    library.insert("users".to_owned(), fixtures().remove("users").unwrap());
    let service = Service::with(library).setting("SERIES_BUDGET", "10").ready().await;
    let answer = found(&service, "/api/metrics/cardinality", &[("match[]", "playarr_channels_count")]).await;
    assert_eq!(answer["total"], 10);
    assert_eq!((&answer["families"][0]["series"], &answer["families"][0]["share"]), (&10.into(), &1.0.into()));
    let label = |name: &str| {
        let labels = answer["labels"].as_array().unwrap();
        labels.iter().find(|label| label["name"] == name).cloned().unwrap()
    };
    assert_eq!((&label("category")["distinct"], &label("provider_id")["distinct"]), (&10.into(), &1.into()));
    assert_eq!(label("provider_id")["top"][0]["series"], 10);
    assert_eq!(answer["values"][0]["value"], "agtv");
    let folded = &answer["folded"][0];
    assert_eq!((&folded["name"], &folded["series"]), (&"playarr_channels_count".into(), &11.into()));
    assert!(folded["advice"].as_str().unwrap().starts_with("Raise SERIES_BUDGET (now 10)"), "{folded}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_custom_metric_shows_where_it_comes_from_and_which_budget_would_unfold_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("custom.yaml");
    let of_file = "
metrics:
  - name: playarr_custom_of_file
    help: Users.
    unit: users
    collection: users
    labels: [user]
    budget: 2
    pipeline: [{ $project: { user: $username, value: { $literal: 1 } } }]
";
    std::fs::write(&path, of_file).unwrap();
    let service = Service::with(fixtures()).setting("CUSTOM_METRICS_FILE", path.to_str().unwrap()).ready().await;
    let metric = serde_json::json!({
        "help": "Watched titles.", "unit": "titles", "collection": "users", "labels": ["user"], "budget": 3,
        "pipeline": [{ "$project": { "user": "$username", "value": { "$literal": 1 } } }],
    });
    let url = format!("{}/api/metrics/custom/playarr_custom_of_page", service.url);
    let put = service.client.put(url).header(ADMIN.0, ADMIN.1).json(&metric);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::CREATED);
    for name in ["playarr_custom_of_file", "playarr_custom_of_page"] {
        until(name, Duration::from_secs(20), || async { service.text().await.contains(&format!("\n{name}{{")) }).await;
    }

    for (name, unit, budget, place) in [
        ("playarr_custom_of_file", "users", 2, "in CUSTOM_METRICS_FILE"),
        ("playarr_custom_of_page", "titles", 3, "on the page of custom metrics"),
    ] {
        let families = found(&service, "/api/metrics/families", &[("match[]", name)]).await;
        let family = &families["families"][0];
        assert_eq!((&family["origin"], &family["unit"]), (&"custom".into(), &unit.into()), "{family}");
        assert_eq!(family["queries"][0]["expr"], format!("max by (user) ({name})"));
        let cardinality = found(&service, "/api/metrics/cardinality", &[("match[]", name)]).await;
        assert_eq!(cardinality["families"][0]["origin"], "custom");
        let folded = &cardinality["folded"][0];
        assert_eq!((&folded["name"], &folded["setting"]), (&name.into(), &"budget".into()));
        let advice = folded["advice"].as_str().unwrap();
        let needed = usize::try_from(folded["series"].as_u64().unwrap()).unwrap() + budget;
        assert!(needed > 20, "{folded}");
        let expected = format!("Raise its budget (now {budget}) to at least {needed} {place} to see them all");
        assert!(advice.starts_with(&expected), "{advice}");
        let exported = ask_text(&service, "/api/metrics/export", &[("format", "csv"), ("match[]", name)]).await;
        assert!(exported.contains(&format!("\r\n{name},gauge,")) && exported.contains(&format!(",{unit},")));
    }
    service.stop().await;
}

async fn ask_text(service: &Service, path: &str, query: &[(&str, &str)]) -> String {
    let response = service.query(path, query).header(ADMIN.0, ADMIN.1).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{path} {query:?}");
    response.text().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tables_of_the_explorer_are_files_as_well() {
    let service = Service::with(fixtures()).setting("SERIES_BUDGET", "20").ready().await;
    let families = found(&service, "/api/metrics/families", &[("search", "watchlist")]).await;
    let path = "/api/metrics/families";
    let csv = ask_text(&service, path, &[("search", "watchlist"), ("format", "csv")]).await;
    let names = |csv: &str| -> Vec<String> {
        csv.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect()
    };
    let listed = families["families"].as_array().unwrap().iter();
    assert_eq!(names(&csv), listed.map(|family| family["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
    assert!(csv.starts_with("name,type,origin,unit,labels,series,share,folded,taken_at,help,generation\r\n"), "{csv}");

    let path = "/api/metrics/cardinality";
    let cardinality = found(&service, path, &[]).await;
    for table in ["families", "labels", "values", "folded"] {
        let query = [("format", "csv"), ("table", table)];
        let response = service.query(path, &query).header(ADMIN.0, ADMIN.1).send().await.unwrap();
        let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert_eq!(disposition, format!("attachment; filename=\"playarr-metrics-cardinality-{table}-1.csv\""));
        assert_eq!(response.headers()["content-type"], "text/csv; charset=utf-8; header=present");
        let rows = response.text().await.unwrap().matches("\r\n").count() - 1;
        let expected = cardinality[table].as_array().unwrap().len();
        assert!(rows > 0 && rows.abs_diff(expected) <= 1, "{table}: {rows} rows, {expected} in the answer");
    }
    for query in [("format", "xlsx"), ("table", "rows")] {
        let (status, answer) = ask(&service, path, &[query]).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(answer["error"].as_str().unwrap().contains("accepted: "), "{answer}");
    }
    service.stop().await;
}
