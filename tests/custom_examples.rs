//! The examples of `docs/custom-metrics.md`, each run over a library small enough to count by hand.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use mongodb::Database;
use mongodb::bson::{Bson, DateTime, Document, doc};
use playarr_jobs::custom::{compile, preview, readable_collections, stages};
use playarr_jobs::metric::Points;
use playarr_metrics::custom::CustomFile;

const DOCS: &str = include_str!("../docs/custom-metrics.md");

/// Every example, by its name.
fn examples() -> BTreeMap<String, CustomFile> {
    let blocks = DOCS.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let files =
        blocks.map(|block| serde_yaml_ng::from_str::<CustomFile>(block).unwrap_or_else(|e| panic!("{e}: {block}")));
    files.map(|file| (file.metrics[0].name.clone(), file)).collect()
}

async fn library() -> (playarr_sandbox::TestDatabase, Database) {
    let own = playarr_sandbox::mongodb().await.unwrap().database();
    let database = own.connect().await.unwrap();
    let day = |days_ago: u64| {
        let time = SystemTime::now() - Duration::from_secs(days_ago * 86_400);
        Bson::from(humantime::format_rfc3339_seconds(time).to_string()[..10].to_owned())
    };
    let genre = |name: &str| doc! { "id": 1, "name": name };
    let source = |provider: &str| doc! { "provider_id": provider, "provider_url": "http://u:p@tv.example/1" };
    let movie = |title: &str, date: &str, genres: Vec<Document>, sources: Vec<Document>| {
        doc! { "type": "movies", "title": title, "release_date": date, "genres": genres,
        "media": [{ "name": "main", "sources": sources }] }
    };
    let titles = vec![
        movie("Heat", "1995-12-15", vec![genre("Crime"), genre("Drama")], vec![source("a"), source("b")]),
        movie("Heat", "1995-12-15", vec![genre("Crime")], vec![source("a")]),
        movie("Heat", "2013-06-28", vec![genre("Comedy")], vec![source("a")]),
        movie("Nothing", "", vec![], vec![]),
        doc! { "type": "tvshows", "title": "Dark", "release_date": "2017-12-01", "genres": [genre("Drama")],
        "media": [{ "air_date": day(2) }, { "air_date": day(6) }, { "air_date": day(30) }, {}] },
    ];
    let provider_titles = vec![
        doc! { "provider_id": "a", "tmdb_id": 949 },
        doc! { "provider_id": "a", "tmdb_id": null },
        doc! { "provider_id": "a", "ignored": true },
        doc! { "provider_id": "b" },
        doc! { "provider_id": "b", "ignored": false },
    ];
    let channel =
        |provider: &str, id: i32| doc! { "provider_id": provider, "channel_id": id, "url": "http://u:p@tv/1" };
    let channels = vec![channel("a", 1), channel("a", 2), channel("b", 1)];
    let programs = vec![doc! { "provider_id": "a", "channel_id": 1, "title": "News" }];
    let users = vec![
        doc! { "username": "x", "watchlist": { "movies": [], "tvshows": [], "live": [] } },
        doc! { "username": "y" },
        doc! { "username": "z", "watchlist": { "movies": ["movies-1"], "tvshows": [], "live": [] } },
    ];
    let at = |seconds: i64| DateTime::from_millis(seconds * 1_000);
    let jobs = vec![
        doc! { "job_name": "one", "provider_id": "a", "last_execution": at(2_000) },
        doc! { "job_name": "two", "provider_id": "a", "last_execution": at(1_000) },
        doc! { "job_name": "one", "provider_id": "b", "last_execution": at(3_000) },
        doc! { "job_name": "all", "last_execution": at(1) },
    ];
    for (collection, documents) in [
        ("titles", titles),
        ("provider_titles", provider_titles),
        ("channels", channels),
        ("programs", programs),
        ("users", users),
        ("job_history", jobs),
    ] {
        database.collection(collection).insert_many(documents).await.unwrap();
    }
    (own, database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_example_gives_what_can_be_counted_by_hand() {
    let (_own, database) = library().await;
    let expected: &[(&str, &[(&str, f64)])] = &[
        (
            "titles_by_genre",
            &[("movies,Comedy", 1.0), ("movies,Crime", 2.0), ("movies,Drama", 1.0), ("tvshows,Drama", 1.0)],
        ),
        ("titles_by_year", &[("movies,1995", 2.0), ("movies,2013", 1.0), ("tvshows,2017", 1.0)]),
        ("unmatched_titles", &[("a", 1.0), ("b", 2.0)]),
        ("channels_without_guide", &[("a", 1.0), ("b", 1.0)]),
        ("episodes_this_week", &[("", 2.0)]),
        ("users_without_watchlist", &[("", 2.0)]),
        ("duplicate_titles", &[("movies", 1.0), ("tvshows", 0.0)]),
        ("movies_by_sources", &[("0", 1.0), ("1", 2.0), ("2", 1.0)]),
        ("oldest_sync_timestamp_seconds", &[("a", 1_000.0), ("b", 3_000.0)]),
        // The addresses are not in it.
        ("documents_bytes", &[("channels", 3.0 * 57.0), ("programs", 73.0), ("titles", f64::NAN)]),
    ];
    let mut examples = examples();
    for (name, expected) in expected {
        let file = examples.remove(&format!("playarr_custom_{name}")).unwrap_or_else(|| panic!("{name}"));
        let compiled = compile(&file.metrics[0]).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let shown = preview(&database, &compiled).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        let Points::Numbers(values) = &shown.sample.points else { panic!("{name} is a gauge") };
        let labels = |row| shown.sample.labels(row).map(|(_, value)| value).collect::<Vec<_>>().join(",");
        let found: Vec<_> = values.iter().enumerate().map(|(row, &value)| (labels(row), value)).collect();
        assert_eq!(found.len(), expected.len(), "{name}: {found:?}");
        for ((labels, value), (expected_labels, expected)) in found.iter().zip(*expected) {
            assert_eq!(labels, expected_labels, "{name}");
            assert!(expected.is_nan() || (value - expected).abs() < 1e-9, "{name}{{{labels}}} is {value}");
        }
    }
    assert_eq!(examples.into_keys().collect::<Vec<_>>(), Vec::<String>::new(), "examples without a test");
}

#[test]
fn the_documentation_names_every_stage_and_collection_with_what_can_be_read() {
    for stage in stages() {
        assert!(DOCS.contains(&format!("`{stage}`")), "{stage}");
    }
    for collection in readable_collections() {
        let row = format!("| `{}` | {} |", collection.name, collection.description());
        assert!(DOCS.contains(&row), "missing: {row}");
    }
}
