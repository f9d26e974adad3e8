//! `GET /api/metrics/overview`: what the pictures are drawn from. Exact, small, and for admins.

use std::time::SystemTime;

use mongodb::bson::{Document, doc};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::support::exposition::value;
use crate::support::library::{Library, fixtures};
use crate::support::oracle::{self, Detail, Gauge};
use crate::support::service::Service;

async fn overview(service: &Service) -> Value {
    overview_of(service, "").await
}

async fn overview_of(service: &Service, query: &str) -> Value {
    let path = format!("/api/metrics/overview{query}");
    let response = service.get(&path).header("x-api-key", "admin001").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["content-type"], "application/json");
    response.json().await.unwrap()
}

async fn report(service: &Service, events: Value) {
    let request = service.post("/api/metrics/events").bearer_auth(service.ingest_token().await);
    let body = json!({ "events": events }).to_string();
    let response = request.header(CONTENT_TYPE, "application/json").body(body).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{}", response.text().await.unwrap());
}

/// The sum of the series of which all these labels have these values.
fn sum(gauge: &Gauge, labels: &[(&str, &str)]) -> u64 {
    let of = gauge.iter().filter(|(of, _)| labels.iter().all(|(name, value)| of[*name] == *value));
    of.map(|(_, value)| value).sum::<f64>() as u64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_library_is_that_of_the_snapshot_added_up() {
    let service = Service::with(fixtures()).ready().await;
    let gauges = oracle::gauges(&fixtures(), Detail::Title);
    let overview = overview(&service).await;
    assert_eq!((&overview["snapshot"]["generation"], &overview["snapshot"]["failed"]), (&json!(1), &json!([])));
    assert!(overview["snapshot"]["taken_at"].as_str().unwrap().ends_with('Z'));

    let library = &overview["library"];
    let titles = |gauge: &Gauge, provider: Option<&str>| {
        let of = |media_type: Option<&str>| {
            let provider = provider.map(|provider| ("provider_id", provider));
            let media_type = media_type.map(|media_type| ("media_type", media_type));
            sum(gauge, &provider.into_iter().chain(media_type).collect::<Vec<_>>())
        };
        let (movies, tvshows) = (of(Some("movies")), of(Some("tvshows")));
        json!({ "movies": movies, "tvshows": tvshows, "other": of(None) - movies - tvshows })
    };
    assert_eq!(library["titles"], titles(&gauges["playarr_main_titles_count"], None));
    assert_eq!(library["titles"], json!({ "movies": 28, "tvshows": 57, "other": 24 }));
    assert_eq!(library["episodes"], sum(&gauges["playarr_episodes_count"], &[]));
    assert_eq!(library["active_users"], sum(&gauges["playarr_active_users"], &[]));

    let by_provider = &gauges["playarr_provider_titles_count"];
    let providers = &library["providers"];
    assert_eq!(providers["total"], titles(by_provider, None));
    let shown = providers["shown"].as_array().unwrap();
    let ids: Vec<_> = shown.iter().map(|entry| entry["provider_id"].as_str().unwrap()).collect();
    assert_eq!(ids[..5], ["xtream-one", "nordic-streams", "agtv", "unknown", "42"]);
    let names: Vec<_> = shown.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    let expected = ["Xtream One", "Nordic Streams", "AGTV (agtv)", "unknown", "Number as id"];
    assert_eq!(names[..5], expected, "with the id where two have the same name");
    assert_eq!(shown.len(), 10);
    for (entry, id) in shown.iter().zip(ids) {
        let mut expected = titles(by_provider, Some(id));
        (expected["name"], expected["provider_id"]) = (entry["name"].clone(), id.into());
        expected["state"] = entry["state"].clone();
        assert_eq!(*entry, expected);
    }
    let inactive = shown.iter().filter(|entry| entry["state"] == "inactive");
    assert_eq!(inactive.map(|entry| &entry["provider_id"]).collect::<Vec<_>>(), ["nordic-streams"]);

    let channels = &library["categories"];
    assert_eq!(channels["total"]["channels"], sum(&gauges["playarr_channels_count"], &[]));
    for entry in channels["shown"].as_array().unwrap() {
        let category = entry["name"].as_str().unwrap();
        let expected = sum(&gauges["playarr_channels_count"], &[("category", category)]);
        assert_eq!(entry["channels"], expected, "{category}");
    }
    let alice = library["watchlists"]["shown"].as_array().unwrap().iter().find(|user| user["name"] == "alice");
    let on_watchlist = |media_type| {
        let labels = [("user", "alice"), ("media_type", media_type)];
        sum(&gauges["playarr_watchlist_titles_count"], &labels)
    };
    let live = sum(&gauges["playarr_watchlist_channels_count"], &[("user", "alice")]);
    let expected = json!({
        "name": "alice", "movies": on_watchlist("movies"), "tvshows": on_watchlist("tvshows"), "channels": live,
    });
    assert_eq!(*alice.unwrap(), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_told_by_how_urgent_and_how_busy_they_are() {
    const DAY: i64 = 86_400;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let provider = |id: &str, days: Option<i64>, active: bool, used: i32, max: i32| {
        // Half a day to spare, so that a slow test does not round differently.
        let expiration_date = days.map(|days| now + days * DAY + DAY / 2);
        doc! { "id": id, "provider_details": {
            "active": active, "expiration_date": expiration_date, "active_connections": used, "max_connections": max,
        } }
    };
    let mut library = fixtures();
    library.insert(
        "iptv_providers".to_owned(),
        vec![
            provider("free", None, true, 0, 5),
            provider("month", Some(20), true, 3, 4),
            provider("week", Some(3), true, 2, 2),
            provider("expired", Some(-2), false, 0, 1),
            provider("far", Some(700), true, 1, 8),
        ],
    );
    let service = Service::with(library).ready().await;
    let providers = overview(&service).await["providers"].clone();
    assert_eq!((&providers["members"], &providers["active"]), (&json!(5), &json!(4)));
    let expiry = &providers["expiry"];
    let counts = ["expired", "week", "month", "later", "never"].map(|when| expiry[when].as_u64().unwrap());
    assert_eq!(counts, [1; 5]);
    let shown = expiry["shown"].as_array().unwrap();
    let order: Vec<_> = shown.iter().map(|account| account["name"].as_str().unwrap()).collect();
    assert_eq!(order, ["expired", "week", "month", "far", "free"]);
    let days: Vec<_> =
        shown.iter().map(|account| account["seconds_left"].as_i64().map(|left| left.div_euclid(DAY))).collect();
    assert_eq!(days, [Some(-2), Some(3), Some(20), Some(700), None]);
    assert_eq!((&shown[0]["state"], &shown[1]["state"]), (&json!("inactive"), &json!("active")));

    let connections = &providers["connections"];
    assert_eq!(
        (&connections["used"], &connections["max"], &connections["members"]),
        (&json!(6), &json!(20), &json!(5))
    );
    let busiest = json!({ "name": "week", "provider_id": "week", "state": "active", "used": 2, "max": 2 });
    assert_eq!(connections["shown"][0], busiest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn activity_is_what_was_reported_and_history_has_it_at_once() {
    let service = Service::with(fixtures()).ready().await;
    let before = overview(&service).await;
    assert_eq!(before["activity"]["any"], false, "the service's own job is no news");
    let stream = |user: &str, media_type: &str, seconds: f64| -> Value {
        json!({"type":"stream_request","user":user,"media_type":media_type,"duration_seconds":seconds})
    };
    let sync = |provider: &str, status: &str| -> Value {
        json!({"type":"provider_sync","provider_id":provider,"status":status,"duration_seconds":1})
    };
    let cache = |operation: &str| json!({"type":"cache_operation","operation":operation});
    let job = json!({"type":"job_execution","job_type":"SyncLiveTVJob","status":"failure","duration_seconds":1});
    report(
        &service,
        json!([
            stream("alice", "movies", 0.3),
            stream("alice", "movies", 0.3),
            stream("carol", "movies", 0.3),
            stream("carol", "live", 99.0),
            stream("carol", "movies", 1.5),
            sync("agtv", "success"),
            sync("agtv", "success"),
            sync("xtream-one", "failure"),
            cache("hit"),
            cache("hit"),
            cache("hit"),
            cache("miss"),
            job,
        ]),
    )
    .await;
    let after = overview(&service).await;
    let activity = &after["activity"];
    assert_eq!(activity["any"], true);
    let streams = json!({
        "members": 2, "total": { "count": 5 }, "others": null, "removed": null,
        "shown": [{ "name": "carol", "count": 3 }, { "name": "alice", "count": 2 }],
    });
    assert_eq!(activity["streams"], streams);
    let exactly = |seconds: f64| json!({ "seconds": seconds, "at_least": false });
    let beyond = json!({ "seconds": 30.0, "at_least": true });
    // Three of four between 0.1 and 0.5, one between 1 and 2.
    let p50 = 0.1 + (0.5 - 0.1) * (2.0 / 3.0);
    let durations = json!([
        { "media_type": "movies", "count": 4, "p50": exactly(p50), "p95": exactly(1.0 + (0.95 * 4.0 - 3.0)) },
        { "media_type": "tvshows", "count": 0, "p50": null, "p95": null },
        { "media_type": "live", "count": 1, "p50": beyond, "p95": beyond },
    ]);
    assert_eq!(activity["durations"], durations);
    assert_eq!(activity["cache"], json!({ "hits": 3, "misses": 1 }));
    let syncs = activity["syncs"]["shown"].as_array().unwrap().iter();
    let syncs = syncs.map(|one| (&one["name"], one["success"].as_u64(), one["failure"].as_u64()));
    let expected = [(&json!("Xtream One"), Some(0), Some(1)), (&json!("AGTV (agtv)"), Some(2), Some(0))];
    assert_eq!(syncs.collect::<Vec<_>>(), expected);
    assert_eq!(activity["jobs"]["shown"][0], json!({ "name": "SyncLiveTVJob", "success": 0, "failure": 1 }));
    assert_eq!(activity["jobs"]["shown"][1]["name"], "UpdateMetricsJob");

    for (history, step) in [(&after["history"], 30), (&overview_of(&service, "?window=life").await["history"], 10)] {
        assert_eq!(history["step_seconds"], step);
        assert!(history["begins"].as_str().unwrap().ends_with('Z'));
        let all = |numbers: &Value| numbers.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum::<u64>();
        let streams = ["movies", "tvshows", "live"].map(|media_type| all(&history["streams"][media_type]));
        assert_eq!((streams, all(&history["cache"]["hits"]), all(&history["cache"]["misses"])), ([4, 0, 1], 3, 1));
    }
    let unknown = service.get("/api/metrics/overview?window=year").header("x-api-key", "admin001");
    assert_eq!(unknown.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_restored_did_not_happen_now() {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let start =
        |library: Library| Service::with(library).server(own.uri()).setting("MONGODB_DB_NAME", own.name()).ready();
    let service = start(fixtures()).await;
    report(&service, json!([{"type":"cache_operation","operation":"hit"}])).await;
    service.stop().await;
    let service = start(Library::new()).await;
    let overview = overview(&service).await;
    assert_eq!(overview["activity"]["cache"]["hits"], 1, "the total goes on");
    let hits = overview["history"]["cache"]["hits"].as_array().unwrap();
    assert!(hits.iter().all(|hits| *hits == 0), "the past is that of the process: {hits:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_takes_nothing_away_from_scrapes() {
    let service = Service::with(fixtures()).ready().await;
    for n in 1..=20 {
        service.series().await;
        report(&service, json!([{"type":"cache_operation","operation":"hit"}])).await;
        overview(&service).await;
        let hits = value(&service.series().await, "playarr_cache_operations_total", &[("operation", "hit")]);
        assert_eq!(hits, Some(f64::from(n)), "the next scrape shows it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_get_it() {
    let service = Service::with(fixtures()).ready().await;
    let nobody = service.get("/api/metrics/overview").send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let session = service.session("alice", "alice-password").await;
    let user = service.get("/api/metrics/overview").header("cookie", session).send().await.unwrap();
    assert_eq!(user.status(), StatusCode::FORBIDDEN);
    assert!(!user.text().await.unwrap().contains("library"));
    let session = service.session("admin", "admin-password").await;
    let admin = service.get("/api/metrics/overview").header("cookie", session).send().await.unwrap();
    assert_eq!(admin.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_arrive_as_they_are_whatever_is_in_them() {
    let service = Service::with(fixtures()).ready().await;
    let name = "</script><script>alert(\"1\")</script>'";
    let channels = service.database.collection::<Document>("channels");
    let many = (0..500).map(|n| doc! { "provider_id": "agtv", "channel_id": format!("x{n}"), "group_title": name });
    channels.insert_many(many).await.unwrap();
    service.refresh().await;
    report(&service, json!([{"type":"stream_request","user":name,"media_type":"live","duration_seconds":1}])).await;
    let overview = overview(&service).await;
    assert_eq!(overview["snapshot"]["generation"], 2);
    assert_eq!(overview["library"]["categories"]["shown"][0], json!({ "name": name, "channels": 500 }));
    assert_eq!(overview["activity"]["streams"]["shown"][0], json!({ "name": name, "count": 1 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_providers_make_a_small_answer_and_sums_stay_exact() {
    let mut library = fixtures();
    let of_each = |make: fn(i32) -> Document| (0..500).map(make).collect::<Vec<_>>();
    let providers = of_each(|n| {
        doc! { "id": format!("provider-{n:03}"), "provider_details": {
            "active": n % 2 == 0, "expiration_date": 1_900_000_000 + n, "active_connections": 1, "max_connections": 2,
        } }
    });
    let titles = of_each(|n| {
        doc! { "provider_id": format!("provider-{n:03}"), "title_key": format!("movies-{n}"), "type": "movies" }
    });
    let channels = of_each(|n| {
        doc! { "provider_id": format!("provider-{n:03}"), "channel_id": n, "group_title": format!("Category {n:03}") }
    });
    library.insert("iptv_providers".to_owned(), providers);
    library.insert("provider_titles".to_owned(), titles);
    library.insert("channels".to_owned(), channels);
    for (budget, folded) in [("10000", false), ("100", true)] {
        let service = Service::with(library.clone()).setting("SERIES_BUDGET", budget).ready().await;
        let syncs: Vec<_> = (0..500)
            .map(|number| {
                let provider = format!("provider-{number:03}");
                json!({"type":"provider_sync","provider_id":provider,"status":"success","duration_seconds":1})
            })
            .collect();
        report(&service, json!(syncs)).await;
        let overview = overview(&service).await;
        assert!(overview.to_string().len() < 16_000, "{}", overview.to_string().len());
        let titles = &overview["library"]["providers"];
        assert_eq!((&titles["total"]["movies"], &titles["shown"].as_array().unwrap().len()), (&json!(500), &10));
        assert_eq!((&titles["others"]["movies"], &titles["others"]["folded"]), (&json!(490), &json!(folded)));
        assert_eq!(overview["library"]["categories"]["total"]["channels"], 500);
        assert_eq!(overview["library"]["categories"]["shown"].as_array().unwrap().len(), 12);
        let connections = &overview["providers"]["connections"];
        assert_eq!((&connections["used"], &connections["max"]), (&json!(500), &json!(1_000)));
        assert_eq!(overview["activity"]["syncs"]["others"]["success"], 490);
        if !folded {
            assert_eq!((&titles["members"], &titles["others"]["members"]), (&json!(500), &json!(490)));
            assert_eq!(overview["providers"]["active"], 250);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_fails_is_named_and_its_last_values_stay() {
    let service = Service::with(fixtures()).ready().await;
    let before = overview(&service).await;
    let channels = service.database.collection::<Document>("channels");
    channels.drop().await.unwrap();
    let divide = doc! { "$project": { "provider_id": { "$divide": [1, 0] } } };
    service.database.create_collection("channels").view_on("users").pipeline([divide]).await.unwrap();
    service.refresh().await;
    let after = overview(&service).await;
    assert_eq!(after["snapshot"]["failed"], json!(["playarr_channels_count"]));
    assert_eq!(after["library"], before["library"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_library_has_pictures_of_nothing() {
    let service = Service::empty().setting("DEFAULT_ADMIN_PASSWORD", "a-password").ready().await;
    let session = crate::support::awaited("the first admin", || async {
        let response = service.login("admin", "a-password").await;
        let cookie = response.headers().get("set-cookie")?.to_str().ok()?.to_owned();
        Some(cookie.split(';').next()?.to_owned())
    })
    .await;
    let response = service.get("/api/metrics/overview").header("cookie", session).send().await.unwrap();
    let overview: Value = response.json().await.unwrap();
    let library = &overview["library"];
    assert_eq!(library["titles"], json!({ "movies": 0, "tvshows": 0, "other": 0 }));
    let nothing = json!({ "members": 0, "total": { "channels": 0 }, "shown": [], "others": null, "removed": null });
    assert_eq!(library["categories"], nothing);
    assert_eq!((&overview["providers"]["members"], &overview["activity"]["any"]), (&json!(0), &json!(false)));
}
