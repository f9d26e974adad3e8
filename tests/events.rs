//! `POST /api/metrics/events`: what an event moves, what is refused, and what is counted once.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use playarr_metrics::live::Event;
use playarr_metrics::live::FAMILIES;
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::support::exposition::{parse, value};
use crate::support::oracle::Gauges;
use crate::support::running::Running;
use crate::support::service::Service;
use crate::support::until;

/// The events of the specification, and every series that each must move, by how much.
fn examples() -> Vec<(Value, Vec<(&'static str, f64)>)> {
    vec![
        (
            json!({"type":"stream_request","user":"alice","media_type":"movies","duration_seconds":0.231}),
            vec![
                ("playarr_stream_requests_total{user=alice}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=0.5,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=1,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=2,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=5,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=10,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=30,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_bucket{le=+Inf,media_type=movies}", 1.0),
                ("playarr_stream_request_duration_seconds_sum{media_type=movies}", 0.231),
                ("playarr_stream_request_duration_seconds_count{media_type=movies}", 1.0),
            ],
        ),
        (
            json!({"type":"best_source_selected","provider_id":"agtv","media_type":"tvshows","duration_seconds":31}),
            vec![
                ("playarr_best_source_selections_total{provider_id=agtv}", 1.0),
                ("playarr_best_source_selection_duration_seconds_bucket{le=+Inf,media_type=tvshows}", 1.0),
                ("playarr_best_source_selection_duration_seconds_sum{media_type=tvshows}", 31.0),
                ("playarr_best_source_selection_duration_seconds_count{media_type=tvshows}", 1.0),
            ],
        ),
        (
            json!({"type":"cache_operation","operation":"hit"}),
            vec![("playarr_cache_operations_total{operation=hit}", 1.0)],
        ),
        (
            json!({"type":"provider_sync","provider_id":"agtv","status":"success","duration_seconds":3600}),
            vec![
                ("playarr_provider_sync_total{provider_id=agtv,status=success}", 1.0),
                ("playarr_provider_sync_duration_seconds_bucket{le=3600,provider_id=agtv}", 1.0),
                ("playarr_provider_sync_duration_seconds_bucket{le=+Inf,provider_id=agtv}", 1.0),
                ("playarr_provider_sync_duration_seconds_sum{provider_id=agtv}", 3600.0),
                ("playarr_provider_sync_duration_seconds_count{provider_id=agtv}", 1.0),
            ],
        ),
        (
            json!({"type":"provider_api_error","provider_id":"agtv","error_type":"timeout"}),
            vec![("playarr_provider_api_errors_total{error_type=timeout,provider_id=agtv}", 1.0)],
        ),
        (
            json!({
                "type": "provider_api_request",
                "provider_id": "agtv",
                "endpoint": "get_live_streams",
                "status_code": 200,
                "duration_seconds": 60.5
            }),
            vec![
                (
                    "playarr_provider_api_requests_total{endpoint=get_live_streams,provider_id=agtv,status_code=200}",
                    1.0,
                ),
                (
                    "playarr_provider_api_request_duration_seconds_bucket\
                     {endpoint=get_live_streams,le=+Inf,provider_id=agtv}",
                    1.0,
                ),
                ("playarr_provider_api_request_duration_seconds_sum{endpoint=get_live_streams,provider_id=agtv}", 60.5),
                (
                    "playarr_provider_api_request_duration_seconds_count{endpoint=get_live_streams,provider_id=agtv}",
                    1.0,
                ),
            ],
        ),
        (
            json!({"type":"job_execution","job_type":"SyncLiveTVJob","status":"failure","duration_seconds":4000}),
            vec![
                ("playarr_job_executions_total{job_type=SyncLiveTVJob,status=failure}", 1.0),
                ("playarr_job_duration_seconds_bucket{job_type=SyncLiveTVJob,le=+Inf}", 1.0),
                ("playarr_job_duration_seconds_sum{job_type=SyncLiveTVJob}", 4000.0),
                ("playarr_job_duration_seconds_count{job_type=SyncLiveTVJob}", 1.0),
            ],
        ),
        (
            json!({"type":"websocket_connections","reporter":"web-api","count":3}),
            vec![("playarr_websocket_connections{}", 3.0)],
        ),
        (
            json!({"type":"titles_processed","kind":"provider","provider_id":"agtv","media_type":"movies","count":120}),
            vec![("playarr_provider_titles_processed_total{media_type=movies,provider_id=agtv}", 120.0)],
        ),
        (
            json!({"type":"titles_processed","kind":"main","provider_id":"agtv","media_type":"tvshows","count":7}),
            vec![("playarr_main_titles_processed_total{media_type=tvshows,provider_id=agtv}", 7.0)],
        ),
        (
            json!({"type":"categories_synced","provider_id":"agtv","media_type":"live","count":14}),
            vec![("playarr_provider_categories_synced_total{media_type=live,provider_id=agtv}", 14.0)],
        ),
        (
            json!({"type":"watchlist_operation","operation":"add","media_type":"movies","username":"alice"}),
            vec![("playarr_watchlist_operations_total{media_type=movies,operation=add,username=alice}", 1.0)],
        ),
        (
            json!({"type":"provider_operation","operation":"create","username":"admin"}),
            vec![("playarr_provider_operations_total{operation=create,username=admin}", 1.0)],
        ),
        (
            json!({"type":"user_operation","operation":"delete","username":"admin"}),
            vec![("playarr_user_operations_total{operation=delete,username=admin}", 1.0)],
        ),
        (
            json!({"type":"http_request","endpoint":"/api/titles/:id","status_code":200,"duration_seconds":30.5}),
            vec![
                ("playarr_http_requests_total{endpoint=/api/titles/:id,status_code=200}", 1.0),
                ("playarr_http_request_duration_seconds_bucket{endpoint=/api/titles/:id,le=+Inf}", 1.0),
                ("playarr_http_request_duration_seconds_sum{endpoint=/api/titles/:id}", 30.5),
                ("playarr_http_request_duration_seconds_count{endpoint=/api/titles/:id}", 1.0),
            ],
        ),
        (
            json!({"type":"managed_error","endpoint":"/api/titles/:id","error_type":"NotFoundError"}),
            vec![("playarr_managed_errors_total{endpoint=/api/titles/:id,error_type=NotFoundError}", 1.0)],
        ),
        (
            json!({"type":"authentication_failure","endpoint":"/api/auth/login","reason":"bad_password"}),
            vec![("playarr_authentication_failures_total{endpoint=/api/auth/login,reason=bad_password}", 1.0)],
        ),
    ]
}

/// The live series, without those of the service's own routes and jobs.
fn live(series: &Gauges) -> BTreeMap<String, f64> {
    let mut live = BTreeMap::new();
    for (name, samples) in series {
        if !FAMILIES.iter().any(|family| name.starts_with(family.name)) {
            continue;
        }
        for (labels, value) in samples {
            let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let own = ["/metrics", "/-/", "/api/metrics/", "UpdateMetricsJob"];
            if !labels.iter().any(|label| own.iter().any(|own| label.contains(own))) {
                live.insert(format!("{name}{{{}}}", labels.join(",")), *value);
            }
        }
    }
    live
}

async fn post(service: &Service, body: impl Into<reqwest::Body>) -> Response {
    let token = service.ingest_token().await;
    let request = service.post("/api/metrics/events").bearer_auth(token);
    request.header(CONTENT_TYPE, "application/json").body(body).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_event_moves_exactly_the_series_it_should() {
    let kinds: BTreeSet<_> = Event::ALL.iter().map(|event| event.name.to_owned()).collect();
    let shown = examples().into_iter().map(|(event, _)| event["type"].as_str().unwrap().to_owned());
    assert_eq!(shown.collect::<BTreeSet<_>>(), kinds, "each event has an example");
    let service = Service::empty().ready().await;
    for (event, moves) in examples() {
        let before = live(&service.series().await);
        let response = post(&service, json!({ "events": [event] }).to_string()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "accepted": 1 }));
        let mut moved = live(&service.series().await);
        moved.retain(|series, value| {
            *value -= before.get(series).copied().unwrap_or_default();
            *value != 0.0
        });
        let expected: BTreeMap<_, _> = moves.into_iter().map(|(series, by)| (series.to_owned(), by)).collect();
        assert_eq!(moved, expected, "{event}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_family_is_there_from_the_start_and_closed_label_sets_at_zero() {
    let service = Service::empty().ready().await;
    let text = service.text().await;
    for family in FAMILIES {
        assert!(text.contains(&format!("# HELP {} {}\n", family.name, family.help)), "{}", family.name);
        let kind = format!("{:?}", family.kind).to_lowercase();
        assert!(text.contains(&format!("# TYPE {} {kind}\n", family.name)), "{}", family.name);
    }
    assert_eq!(FAMILIES.len(), 23);
    let series = parse(&text);
    for media_type in ["movies", "tvshows", "live"] {
        for family in ["stream_request", "best_source_selection"] {
            let count = format!("playarr_{family}_duration_seconds_count");
            assert_eq!(value(&series, &count, &[("media_type", media_type)]), Some(0.0));
        }
    }
    for operation in ["hit", "miss"] {
        let shown = value(&series, "playarr_cache_operations_total", &[("operation", operation)]);
        assert_eq!(shown, Some(0.0));
    }
    assert_eq!(value(&series, "playarr_websocket_connections", &[]), Some(0.0));

    // Once a provider is known, so is each way in which its synchronisation can end.
    let sync = json!({"type":"provider_sync","provider_id":"agtv","status":"success","duration_seconds":1});
    post(&service, json!({ "events": [sync] }).to_string()).await;
    let labels = [("provider_id", "agtv"), ("status", "failure")];
    assert_eq!(value(&service.series().await, "playarr_provider_sync_total", &labels), Some(0.0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_and_packed_bodies_are_read_as_well() {
    let service = Service::empty().ready().await;
    let token = service.ingest_token().await;
    let lines = "{\"type\":\"cache_operation\",\"operation\":\"hit\"}\n".repeat(3);
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(lines.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    for (encoding, body) in [("identity", lines.into_bytes()), ("gzip", packed)] {
        let request = service.post("/api/metrics/events").bearer_auth(&token);
        let request = request.header(CONTENT_TYPE, "application/x-ndjson; charset=utf-8");
        let response = request.header(CONTENT_ENCODING, encoding).body(body).send().await.unwrap();
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "accepted": 3 }), "{encoding}");
    }
    assert_eq!(hits(&service).await, 6.0);
}

async fn hits(service: &Service) -> f64 {
    value(&service.series().await, "playarr_cache_operations_total", &[("operation", "hit")]).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_batch_of_events_is_refused_with_a_reason_and_nothing_is_counted() {
    let service = Service::empty().ready().await;
    let hit = r#"{"type":"cache_operation","operation":"hit"}"#;
    let with = |event: &str| format!(r#"{{"events":[{hit},{event},{hit}]}}"#);
    let job = |duration: &str| {
        with(&format!(r#"{{"type":"job_execution","job_type":"a","status":"success","duration_seconds":{duration}}}"#))
    };
    let user = |name: &str| with(&format!(r#"{{"type":"user_operation","operation":"create","username":{name}}}"#));
    let long = format!("\"{}\"", "x".repeat(10_000));
    let bad_request = StatusCode::BAD_REQUEST;
    for (body, status, reason) in [
        (with(r#"{"type":"stream"}"#), bad_request, "no event of type \"stream\""),
        (with(r#"{"type":"cache_operation","operation":"hit","extra":1}"#), bad_request, "no field \"extra\""),
        (with(r#"{"type":"cache_operation"}"#), bad_request, "\"operation\" is missing"),
        (with(r#"{"type":"cache_operation","operation":"Hit"}"#), bad_request, "the text \"Hit\""),
        (job("-1"), bad_request, "the number -1"),
        (job("NaN"), bad_request, "the JSON is broken: expected value"),
        (job("\"NaN\""), bad_request, "the text \"NaN\""),
        (job("1e999"), bad_request, "number out of range"),
        (job("null"), bad_request, "is null"),
        (user(&long), bad_request, "10000 bytes"),
        (user(r#""a\nb""#), bad_request, "control character U+000A"),
        (user("\"\""), bad_request, "an empty text"),
        (user("7"), bad_request, "the number 7"),
        (user(r#""\ud800""#), bad_request, "the JSON is broken: "),
        ("{\"events\":[".to_owned(), bad_request, "EOF while parsing"),
        ("hello".to_owned(), bad_request, "expected value"),
        (String::new(), bad_request, "EOF while parsing"),
        ("[]".to_owned(), bad_request, "expected an object"),
        (format!(r#"{{"events":[{hit}],"batch":1}}"#), bad_request, "no field \"batch\""),
        (
            format!(r#"{{"events":[{}]}}"#, vec![hit; 10_001].join(",")),
            StatusCode::PAYLOAD_TOO_LARGE,
            "more than 10000 events",
        ),
        (format!(r#"{{"events":[{hit}{}]}}"#, " ".repeat(5 << 20)), StatusCode::PAYLOAD_TOO_LARGE, "4194304 bytes"),
    ] {
        let response = post(&service, body.clone()).await;
        let shown = &body[..body.len().min(200)];
        assert_eq!(response.status(), status, "{shown}");
        let answer = response.text().await.unwrap();
        assert!(serde_json::from_str::<Value>(&answer).unwrap()["error"].is_string(), "{answer}");
        assert!(answer.replace("\\\"", "\"").contains(reason), "{shown}: {answer}");
    }
    assert_eq!(hits(&service).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_sends_too_much_reads_why() {
    let service = Service::empty().ready().await;
    for _ in 0..40 {
        assert_eq!(post(&service, " ".repeat(12 << 20)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_limits_are_the_most_that_is_taken() {
    let service = Service::empty().ready().await;
    let hit = r#"{"type":"cache_operation","operation":"hit"}"#;
    let most = format!(r#"{{"events":[{}]}}"#, vec![hit; 10_000].join(","));
    assert_eq!(post(&service, most).await.json::<Value>().await.unwrap(), json!({ "accepted": 10_000 }));
    let padded = |length: usize| {
        let batch = format!(r#"{{"events":[{hit}]}}"#);
        format!("{batch}{}", " ".repeat(length - batch.len()))
    };
    assert_eq!(post(&service, padded(4 << 20)).await.status(), StatusCode::OK);
    assert_eq!(post(&service, padded((4 << 20) + 1)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(hits(&service).await, 10_001.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_bad_event_is_named_by_its_index() {
    let service = Service::empty().ready().await;
    let hit = json!({"type":"cache_operation","operation":"hit"});
    let response = post(&service, json!({ "events": [hit, 1, hit, {"type":"x"}, {}] }).to_string()).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["error"], "3 of 5 events cannot be counted, so none was; correct or leave out those named");
    let indexes: Vec<_> = answer["events"].as_array().unwrap().iter().map(|bad| bad["index"].clone()).collect();
    assert_eq!(indexes, [1, 3, 4]);
    assert_eq!(answer["events"][0]["error"], "an event is an object, but this is a number");
    assert_eq!(hits(&service).await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_cannot_be_meant_is_refused_and_moves_nothing() {
    let service = Service::empty().ready().await;
    let month = r#"{"type":"provider_sync","provider_id":"a","status":"success","duration_seconds":2592000}"#;
    assert_eq!(post(&service, format!(r#"{{"events":[{month}]}}"#)).await.status(), 200);
    let before = live(&service.series().await);
    for event in [
        r#"{"type":"provider_sync","provider_id":"a","status":"success","duration_seconds":2592001}"#,
        r#"{"type":"provider_sync","provider_id":"a","status":"success","duration_seconds":1e308}"#,
        r#"{"type":"provider_sync","provider_id":"a","status":{"success":null},"duration_seconds":1}"#,
        r#"{"type":"http_request","endpoint":"/SECRETKEY1/manifest.json","status_code":200,"duration_seconds":1}"#,
        r#"{"type":"authentication_failure","endpoint":"/movie/alice/PASSWORD/1.mp4","reason":"key"}"#,
        r#"{"type":"provider_api_request","provider_id":"a","endpoint":"b","status_code":"timeout",
            "duration_seconds":1}"#,
        r#"{"type":"provider_api_request","provider_id":"a","status_code":200,"duration_seconds":1,
            "endpoint":"/player_api.php?username=alice&password=PASSWORD"}"#,
        r#"{"type":"websocket_connections","reporter":"a","count":1000000001}"#,
    ] {
        let response = post(&service, format!(r#"{{"events":[{event}]}}"#)).await;
        assert_eq!(response.status(), 400, "{event}");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["events"][0]["index"], 0, "{event}: {body}");
        let answer = body.to_string();
        assert!(!answer.contains("SECRETKEY1") && !answer.contains("PASSWORD"), "{answer}");
    }
    let after = service.series().await;
    assert_eq!(live(&after), before);
    let sum = value(&after, "playarr_provider_sync_duration_seconds_sum", &[("provider_id", "a")]);
    assert_eq!(sum, Some(2_592_000.0), "the sum is what was accepted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_not_what_they_say_are_refused() {
    let service = Service::empty().ready().await;
    let token = service.ingest_token().await;
    let hit = br#"{"events":[{"type":"cache_operation","operation":"hit"}]}"#;
    let gzip = |body: &[u8]| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(body).unwrap();
        packed.finish().unwrap()
    };
    let bomb = gzip(&vec![b' '; 16 << 20]);
    let packed = gzip(hit);
    let cut_short = packed[..packed.len() - 3].to_vec();
    // Several members one after the other are one body (RFC 1952, section 2.2); anything else after them is none.
    let halves = [gzip(&hit[..20]), gzip(&hit[20..])].concat();
    let trailing = [&*packed, b"garbage"].concat();
    let mut wrong_sum = packed.clone();
    let last = wrong_sum.len() - 5;
    wrong_sum[last] ^= 1;
    for (content_type, encoding, body, status, reason) in [
        ("text/plain", "identity", hit.to_vec(), 415, "Content-Type \"text/plain\""),
        ("", "identity", hit.to_vec(), 415, "send application/json"),
        ("application/json", "br", hit.to_vec(), 415, "Content-Encoding \"br\""),
        ("application/json", "gzip", hit.to_vec(), 400, "cannot be unpacked"),
        ("application/json", "gzip", cut_short, 400, "cannot be unpacked"),
        ("application/json", "gzip", wrong_sum, 400, "cannot be unpacked"),
        ("application/json", "gzip", trailing, 400, "cannot be unpacked"),
        ("application/json", "gzip", bomb, 413, "more than 4194304 bytes"),
    ] {
        let mut request = service.post("/api/metrics/events").bearer_auth(&token);
        request = request.header(CONTENT_TYPE, content_type).header(CONTENT_ENCODING, encoding);
        let response = request.body(body).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{content_type} {encoding}");
        let answer: Value = response.json().await.unwrap();
        assert!(answer["error"].as_str().unwrap().contains(reason), "{answer}");
    }
    assert_eq!(hits(&service).await, 0.0);
    let request = service.post("/api/metrics/events").bearer_auth(&token).header(CONTENT_ENCODING, "gzip");
    let response = request.header(CONTENT_TYPE, "Application/JSON").body(halves).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(hits(&service).await, 1.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_bearer_of_the_ingest_token_may_report() {
    let service = Service::empty().ready().await;
    let (ingest, metrics) = (service.ingest_token().await, service.token().await);
    assert_ne!(ingest, metrics);
    let missing = "Missing or invalid Authorization header";
    for (header, expected) in [
        (None, missing),
        (Some(ingest.clone()), missing),
        (Some(format!("Bearer {metrics}")), "Invalid ingest token"),
        (Some("Bearer x".to_owned()), "Invalid ingest token"),
    ] {
        let mut request = service.post("/api/metrics/events").header(CONTENT_TYPE, "application/json");
        if let Some(header) = &header {
            request = request.header(AUTHORIZATION, header);
        }
        let response = request.body(r#"{"events":[]}"#).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "error": expected }));
    }
    for reason in ["missing_token", "wrong_token"] {
        let labels = [("endpoint", "/api/metrics/events"), ("reason", reason)];
        service.until_value("playarr_authentication_failures_total", &labels, 2.0).await;
    }
    // And it is no key to anything else.
    assert_eq!(service.scrape_with(&ingest).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_sent_again_is_answered_as_before_and_not_counted_again() {
    let service = Service::empty().ready().await;
    let hit = json!({"type":"cache_operation","operation":"hit"});
    let bad = json!({ "batch_id": "b", "events": [hit, {}] }).to_string();
    assert_eq!(post(&service, bad).await.status(), StatusCode::BAD_REQUEST);
    for batch in [json!([hit, hit]), json!([hit, hit]), json!([hit])] {
        let body = json!({ "batch_id": "b", "events": batch }).to_string();
        let response = post(&service, body).await;
        assert_eq!(response.json::<Value>().await.unwrap(), json!({ "accepted": 2 }));
    }
    assert_eq!(hits(&service).await, 2.0);
    // Lines have no room for an id, so it may stand in a header.
    let token = service.ingest_token().await;
    for _ in 0..3 {
        let request = service.post("/api/metrics/events").bearer_auth(&token).header("x-batch-id", "c");
        let request = request.header(CONTENT_TYPE, "application/x-ndjson").body(hit.to_string());
        assert_eq!(request.send().await.unwrap().json::<Value>().await.unwrap(), json!({ "accepted": 1 }));
    }
    assert_eq!(hits(&service).await, 3.0);
    // Two ids are none, and so is one that cannot be read.
    let two = json!({ "batch_id": "d", "events": [hit] }).to_string();
    for id in ["e".as_bytes(), b"\xff", b" ", "x".repeat(129).as_bytes()] {
        let id = HeaderValue::from_bytes(id).unwrap();
        let request = service.post("/api/metrics/events").bearer_auth(&token).header("x-batch-id", id);
        let request = request.header(CONTENT_TYPE, "application/json").body(two.clone());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    }
    // Batches without an id are counted each time.
    for _ in 0..2 {
        post(&service, json!({ "events": [hit] }).to_string()).await;
    }
    assert_eq!(hits(&service).await, 5.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_service_answers_is_counted_by_route_and_status() {
    let service = Service::empty().ready().await;
    for path in ["/nowhere", "/api/titles/123", "/metrics/123"] {
        service.get(path).send().await.unwrap();
    }
    service.get("/metrics").send().await.unwrap();
    service.post("/metrics").send().await.unwrap();
    for _ in 0..5 {
        service.text().await;
    }
    let requests = |series: &Gauges, endpoint, status| {
        let labels = [("endpoint", endpoint), ("status_code", status)];
        value(series, "playarr_http_requests_total", &labels)
    };
    // Scrapes that were answered show a moment later.
    until("five scrapes", Duration::from_secs(5), || async {
        requests(&service.series().await, "/metrics", "200") >= Some(5.0)
    })
    .await;
    let series = service.series().await;
    assert_eq!(requests(&series, "unmatched", "404"), Some(3.0));
    assert_eq!(requests(&series, "/metrics", "401"), Some(1.0));
    assert_eq!(requests(&series, "/metrics", "405"), Some(1.0));
    let failures = [("endpoint", "/metrics"), ("reason", "missing_token")];
    assert_eq!(value(&series, "playarr_authentication_failures_total", &failures), Some(1.0));
    let duration = value(&series, "playarr_http_request_duration_seconds_count", &[("endpoint", "/metrics")]);
    assert_eq!(duration, requests(&series, "/metrics", "200").map(|scrapes| scrapes + 2.0));
    assert!(series["playarr_http_requests_total"].keys().all(|labels| !labels["endpoint"].contains("123")));
}

const CLIENTS: usize = 64;
const BATCHES: usize = 25;
const EVENTS: usize = 625;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_send_a_million_events_some_of_them_twice_and_each_counts_once() {
    let service = Arc::new(Service::empty().ready().await);
    let token = service.ingest_token().await;
    let over = Arc::new(AtomicBool::new(false));
    let scraping = tokio::spawn(scrape_in_a_loop(service.clone(), over.clone()));
    let clients = (0..CLIENTS).map(|client| {
        let (service, token) = (service.clone(), token.clone());
        tokio::spawn(async move {
            for batch in 0..BATCHES {
                let events: Vec<_> = (0..EVENTS)
                    .map(|event| {
                        let media_type = ["movies", "tvshows", "live"][event % 3];
                        let user = format!("user-{client}");
                        json!({
                            "type": "stream_request",
                            "user": user,
                            "media_type": media_type,
                            "duration_seconds": 0.1
                        })
                        .to_string()
                    })
                    .collect();
                let body = format!(r#"{{"batch_id":"{client}/{batch}","events":[{}]}}"#, events.join(","));
                // Every fifth is sent again, as a client does that got no answer; some while the first is under way.
                let times = if batch % 5 == 0 { 2 } else { 1 };
                let sent = (0..times).map(|_| {
                    let request = service.post("/api/metrics/events").bearer_auth(&token);
                    let request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
                    async move { request.send().await.unwrap().json::<Value>().await.unwrap() }
                });
                for answer in futures_util::future::join_all(sent).await {
                    assert_eq!(answer, json!({ "accepted": EVENTS }));
                }
            }
        })
    });
    let clients: Vec<_> = clients.collect();
    for client in clients {
        client.await.unwrap();
    }
    over.store(true, Ordering::Relaxed);
    assert!(scraping.await.unwrap() > 0);

    let series = service.series().await;
    let requests = &series["playarr_stream_requests_total"];
    assert_eq!(requests.len(), CLIENTS);
    assert!(requests.values().all(|&count| count == (BATCHES * EVENTS) as f64), "{requests:?}");
    let total = (CLIENTS * BATCHES * EVENTS) as f64;
    let sum = |name| series[name].values().sum::<f64>();
    assert_eq!(sum("playarr_stream_request_duration_seconds_count"), total);
    // Exact as well: they are whole numbers of nanoseconds until they are shown.
    assert!((sum("playarr_stream_request_duration_seconds_sum") - total / 10.0).abs() < 1e-6);
}

/// Scrapes until it is over; what is counted only grows.
async fn scrape_in_a_loop(service: Arc<Service>, over: Arc<AtomicBool>) -> u32 {
    let (mut scrapes, mut last) = (0, 0.0);
    while !over.load(Ordering::Relaxed) {
        let series = service.series().await;
        let counted = series["playarr_stream_requests_total"].values().sum::<f64>();
        assert!(counted >= last, "{counted} after {last}");
        // Batches are counted as a whole.
        assert_eq!(counted % EVENTS as f64, 0.0);
        (scrapes, last) = (scrapes + 1, counted);
    }
    scrapes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_user_names_take_no_more_memory_than_a_thousand() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let running = Running::start_on(&database, &[]).await;
    let memory = |series: &Gauges| value(series, "process_resident_memory_bytes", &[]).unwrap();
    let mut after_first = 0.0;
    for batch in 0..100 {
        let mut body = String::new();
        for user in batch * 10_000..(batch + 1) * 10_000 {
            body += &format!(
                "{{\"type\":\"stream_request\",\"user\":\"u{user}\",\"media_type\":\"live\",\"duration_seconds\":0}}\n"
            );
        }
        let answer = running.post_lines(body).await;
        assert_eq!(answer, json!({ "accepted": 10_000 }));
        if batch == 9 {
            after_first = memory(&running.series().await);
        }
    }
    let series = running.series().await;
    let requests = &series["playarr_stream_requests_total"];
    assert_eq!(requests.len(), 1_001);
    assert_eq!(requests.values().sum::<f64>(), 1_000_000.0);
    assert_eq!(value(&series, "playarr_stream_requests_total", &[("user", "_other")]), Some(999_000.0));
    let folded = [("family", "playarr_stream_requests_total")];
    assert_eq!(value(&series, "playarr_metrics_live_folded_total", &folded), Some(999_000.0));
    let grown = memory(&series) - after_first;
    assert!(grown < 8e6, "grew by {grown} bytes over the last 900,000 events");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn websocket_connections_are_those_of_all_reporters_as_they_last_told() {
    let service = Service::empty().ready().await;
    let report = |reporter: &str, count: u32| json!({"type":"websocket_connections","reporter":reporter,"count":count});
    post(&service, json!({ "events": [report("a", 3), report("b", 4), report("a", 1)] }).to_string()).await;
    until("both counted", Duration::from_secs(5), || async {
        value(&service.series().await, "playarr_websocket_connections", &[]) == Some(5.0)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_bodies_leave_memory_as_it_was() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let running = Running::start_on(&database, &[]).await;
    let mut bomb = GzEncoder::new(Vec::new(), Compression::fast());
    bomb.write_all(&vec![b' '; 48 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let bodies = [
        ("gzip", bomb),
        ("identity", vec![b'['; 4 << 20]),
        ("identity", format!("{{\"events\":[\"{}\"]}}", "x".repeat(4 << 19)).into_bytes()),
        ("identity", format!("{{\"events\":[{}1]}}", "1,".repeat(20_000)).into_bytes()),
    ];
    let mut before = 0.0;
    for round in 0..10 {
        for (encoding, body) in &bodies {
            let request = running.events().header(CONTENT_TYPE, "application/json");
            let response = request.header(CONTENT_ENCODING, *encoding).body(body.clone()).send().await.unwrap();
            assert!(response.status().is_client_error(), "{}", response.status());
        }
        let memory = value(&running.series().await, "process_resident_memory_bytes", &[]).unwrap();
        if round == 4 {
            before = memory;
        }
        assert!(round <= 4 || memory - before < 24e6, "{before} grew to {memory} bytes");
    }
    assert!(running.end("TERM").await.success());
}

#[test]
fn the_docs_list_every_event_with_its_fields() {
    let page = include_str!("../docs/events.md");
    for event in Event::ALL {
        let row = page.lines().find(|line| line.starts_with("| `") && line.contains(&format!("`{}`", event.name)));
        let row = row.unwrap_or_else(|| panic!("no line for {}", event.name));
        for field in event.fields {
            assert!(row.contains(field.name), "{} has {}: {row}", event.name, field.name);
        }
    }
}
