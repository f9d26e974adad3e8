//! Every gauge equals an independent count over the raw documents, however messy they are.

use mongodb::Database;
use playarr_jobs::gauges::EpisodesDetail;
use playarr_jobs::refresh::Trigger;
use playarr_metrics::app::App;
use playarr_metrics::config::Config;
use playarr_metrics::database::{self, Connection};

use crate::support::exposition::{database_gauges, parse};
use crate::support::library::{Library, fixtures, load, load_indexed, read};
use crate::support::oracle::{self, Detail, Gauges};
use crate::support::random_library::random_library;

const DETAILS: [(EpisodesDetail, &str, Detail); 3] = [
    (EpisodesDetail::Title, "title", Detail::Title),
    (EpisodesDetail::Season, "season", Detail::Season),
    (EpisodesDetail::Source, "source", Detail::Source),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fixtures_are_counted_as_the_specification_says() {
    let fixtures = fixtures();
    for (_, name, detail) in DETAILS {
        let collected = Collected::of(&fixtures, &[("EPISODES_DETAIL", name)]).await;
        assert_same(&collected.gauges, &oracle::gauges(&fixtures, detail), name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_messy_libraries_without_indexes_are_counted_exactly() {
    for seed in 1..=12 {
        let library = random_library(seed);
        let collected = Collected::of(&library, &[]).await;
        assert_same(&collected.gauges, &oracle::gauges(&library, Detail::Title), &format!("seed {seed}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_messy_libraries_with_playarrs_indexes_are_counted_exactly() {
    for seed in 101..=112 {
        let database = playarr_sandbox::mongodb().await.unwrap().database();
        let connected = database.connect().await.unwrap();
        let library = load_indexed(&connected, &random_library(seed)).await.unwrap();
        let gauges = gauges(&connected, database.uri(), &[]).await;
        assert_same(&gauges, &oracle::gauges(&library, Detail::Title), &format!("seed {seed}"));
    }
}

/// Without arrays in the indexed fields the indexes have one key for each document, and counting takes them. (Nor
/// with symbols: an index does not tell them from strings.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn counting_through_the_indexes_is_as_exact_as_counting_documents() {
    use mongodb::bson::Bson;
    for seed in 201..=208 {
        let mut library = random_library(seed);
        for collection in ["provider_titles", "titles"] {
            for document in library.get_mut(collection).unwrap() {
                for field in ["provider_id", "type", "ignored"] {
                    if matches!(document.get(field), Some(Bson::Array(_) | Bson::Symbol(_))) {
                        document.remove(field);
                    }
                }
            }
        }
        let database = playarr_sandbox::mongodb().await.unwrap().database();
        let connected = database.connect().await.unwrap();
        let library = load_indexed(&connected, &library).await.unwrap();
        let gauges = gauges(&connected, database.uri(), &[]).await;
        assert_same(&gauges, &oracle::gauges(&library, Detail::Title), &format!("seed {seed}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_budget_the_rest_is_folded_and_sums_stay_exact() {
    let library = random_library(42);
    let all = oracle::gauges(&library, Detail::Title);
    for budget in [1, 2, 3, 5, 8, 13, 40, 100, 1000] {
        let collected = Collected::of(&library, &[("SERIES_BUDGET", &budget.to_string())]).await;
        assert_same(&collected.gauges, &oracle::folded(&all, budget), &format!("budget {budget}"));
        for (name, gauge) in &collected.gauges {
            assert!(gauge.len() <= budget, "{name} keeps to the budget of {budget}: {}", gauge.len());
            let sum = |gauge: &oracle::Gauge| gauge.values().sum::<f64>();
            let (shown, counted) = (sum(gauge), sum(&all[name]));
            assert!((shown - counted).abs() <= counted.abs() * 1e-12, "{name}: {shown} of {counted}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_database_shows_its_known_zeros() {
    let collected = Collected::of(&Library::new(), &[]).await;
    assert_same(&collected.gauges, &oracle::gauges(&Library::new(), Detail::Title), "empty");
    assert_eq!(collected.gauges["playarr_main_titles_count"].len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reading_a_library_back_gives_what_was_loaded() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    let library = random_library(7);
    load(&connected, &library).await.unwrap();
    let count = |library: &Library| library.values().map(Vec::len).sum::<usize>();
    assert_eq!(count(&read(&connected).await.unwrap()), count(&library));
}

struct Collected {
    gauges: Gauges,
}

impl Collected {
    async fn of(library: &Library, settings: &[(&str, &str)]) -> Self {
        let database = playarr_sandbox::mongodb().await.unwrap().database();
        let connected = database.connect().await.unwrap();
        load(&connected, library).await.unwrap();
        Self { gauges: gauges(&connected, database.uri(), settings).await }
    }
}

async fn gauges(database: &Database, uri: &str, settings: &[(&str, &str)]) -> Gauges {
    let value = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let given = |name: &str| match name {
        "MONGODB_URI" => Some(uri.to_owned()),
        "SERIES_BUDGET" => Some(value(name).unwrap_or_else(|| "1000000".to_owned())),
        name => value(name),
    };
    let config = Config::read(given).unwrap();
    let connection = Connection { database: database.clone(), ..database::connect(&config).await.unwrap() };
    let app = App::new(&config, &connection).unwrap();
    let report = app.job.refresh(Trigger::Manual).await.unwrap();
    assert!(report.is_success(), "{report:?}");
    let text = app.snapshots.load().prepared.text.clone();
    database_gauges(parse(std::str::from_utf8(&text).unwrap()))
}

/// Says which series differ, rather than printing two whole expositions.
fn assert_same(collected: &Gauges, expected: &Gauges, what: &str) {
    let names: Vec<_> = collected.keys().collect();
    assert_eq!(names, expected.keys().collect::<Vec<_>>(), "{what}: families");
    for (name, gauge) in collected {
        let expected = &expected[name];
        for (labels, value) in gauge {
            let counted = expected.get(labels).copied();
            let same = counted.is_some_and(|counted| (counted - value).abs() <= counted.abs() * 1e-12);
            assert!(same, "{what}: {name}{labels:?} is {value}, counted {counted:?}");
        }
        let missing = expected.keys().find(|labels| !gauge.contains_key(*labels));
        assert_eq!(missing, None, "{what}: {name} lacks a series");
    }
}
