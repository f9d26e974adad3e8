//! Custom metrics: what an admin may define, and what nobody can.

use std::collections::BTreeMap;

use futures_util::TryStreamExt;
use mongodb::Database;
use mongodb::bson::{Bson, Document, doc};
use playarr_jobs::custom::{Compiled, CustomMetric, Pipeline, Preview, compile, preview};
use playarr_jobs::metric::Points;

use crate::support::hostile::{Hostile, PLANTED, forbidden, guesses, secrets, sneaky, without_secrets};
use crate::support::library::{fixtures, load, load_indexed};

fn metric(collection: &str, labels: &[&str], pipeline: impl Into<Pipeline>) -> CustomMetric {
    CustomMetric {
        name: "playarr_custom_test".to_owned(),
        help: "A test.".to_owned(),
        unit: "things".to_owned(),
        collection: collection.to_owned(),
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
        value: "value".to_owned(),
        budget: None,
        pipeline: pipeline.into(),
    }
}

fn compiled(metric: &CustomMetric) -> Compiled {
    compile(metric).unwrap_or_else(|problems| panic!("{metric:?}: {problems:?}"))
}

async fn planted() -> (playarr_sandbox::TestDatabase, Database) {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    for (collection, document) in secrets() {
        connected.collection(collection).insert_one(document).await.unwrap();
    }
    connected.collection("provider_categories").insert_one(doc! { "role": "user" }).await.unwrap();
    (database, connected)
}

#[test]
fn a_hostile_pipeline_is_refused_and_the_message_says_why() {
    let forbidden = forbidden();
    assert!(forbidden.len() > 1_000, "{}", forbidden.len());
    for Hostile { collection, pipeline } in forbidden {
        let metric = metric(collection, &["leak"], Pipeline::Stages(pipeline));
        let problems = compile(&metric).expect_err(&format!("{metric:?}"));
        for problem in problems {
            assert!(problem.message.len() > 20, "{metric:?}: {problem}");
            assert!(problem.stage.is_some() || problem.message.starts_with("collection"), "{metric:?}: {problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_trick_brings_a_secret_into_a_label_a_warning_or_an_error() {
    let (_database, connected) = planted().await;
    let sneaky = sneaky();
    assert!(sneaky.len() > 1_000, "{}", sneaky.len());
    let (mut ran, mut rows, mut leaks) = (0, 0, Vec::new());
    for Hostile { collection, pipeline } in sneaky {
        let metric = metric(collection, &["leak"], Pipeline::Stages(pipeline));
        let said = match compile(&metric) {
            Err(problems) => format!("{problems:?}"),
            Ok(compiled) => match preview(&connected, &compiled).await {
                Ok(preview) => {
                    ran += 1;
                    rows += preview.series;
                    format!("{preview:?}")
                }
                Err(error) => error.to_string(),
            },
        };
        if said.contains(PLANTED) {
            leaks.push(format!("{metric:?}: {said}"));
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    assert!(ran > 700 && rows > 700, "only {ran} ran and gave {rows} series: the test shows nothing");
}

/// The tricks work where nothing is removed; else the test above would show nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_tricks_find_every_secret_where_nothing_is_removed() {
    let (_database, connected) = planted().await;
    let mut found = BTreeMap::new();
    for Hostile { collection, pipeline } in sneaky() {
        let stages: Vec<Document> = pipeline.iter().map(|stage| stage.as_document().unwrap().clone()).collect();
        let Ok(mut rows) = connected.collection::<Document>(collection).aggregate(stages).await else { continue };
        while rows.advance().await.unwrap_or(false) {
            let leak = rows.deserialize_current().unwrap().get("leak").cloned().unwrap_or(Bson::Null);
            if leak.to_string().contains(PLANTED) {
                *found.entry(leak.to_string()).or_insert(0) += 1;
            }
        }
    }
    assert!(found.len() > 12 && found.values().sum::<i32>() > 600, "{found:?}");
}

/// Two databases that differ in their secrets only: the second one has none.
async fn with_and_without_secrets() -> [(playarr_sandbox::TestDatabase, Database); 2] {
    let mongod = playarr_sandbox::mongodb().await.unwrap();
    let (with, without) = (mongod.database(), mongod.database());
    let (secret, clean) = (with.connect().await.unwrap(), without.connect().await.unwrap());
    let others = ["stats", "provider_categories"].map(|collection| (collection, doc! { "role": "user" }));
    for (position, (collection, mut document)) in (0_i32..).zip(secrets().into_iter().chain(others)) {
        document.insert("_id", format!("document {position}"));
        clean.collection(collection).insert_one(without_secrets(&document)).await.unwrap();
        secret.collection(collection).insert_one(document).await.unwrap();
    }
    [(with, secret), (without, clean)]
}

/// Whether a secret is there, what it starts with, where it sorts: nothing of that shows in an answer or an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_the_same_whether_the_secrets_are_there_or_not() {
    let [(_with, secret), (_without, clean)] = with_and_without_secrets().await;
    let guesses = guesses();
    assert!(guesses.len() > 2_000, "{}", guesses.len());
    let (mut rows, mut refused, mut leaks) = (0, 0, Vec::new());
    for Hostile { collection, pipeline } in guesses {
        let metric = metric(collection, &["leak"], Pipeline::Stages(pipeline));
        let Ok(compiled) = compile(&metric) else {
            refused += 1;
            continue;
        };
        let (one, other) = tokio::join!(told(&secret, &compiled), told(&clean, &compiled));
        rows += one.matches("leak").count();
        if one != other || one.contains(PLANTED) {
            leaks.push(format!("{metric:?}: {one} is not {other}"));
        }
    }
    assert!(leaks.is_empty(), "{} leaks:\n{}", leaks.len(), leaks.join("\n"));
    assert!(rows > 1_000 && refused < 100, "{rows} rows, {refused} refused: the test shows little");
}

/// The guesses work where nothing is removed; else the test above would show nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_guesses_tell_of_secrets_where_nothing_is_removed() {
    let [(_with, secret), (_without, clean)] = with_and_without_secrets().await;
    let rows = async |database: &Database, collection: &str, pipeline: &[Bson]| {
        let stages = pipeline.iter().map(|stage| stage.as_document().unwrap().clone());
        let rows = database.collection::<Document>(collection).aggregate(stages).await.ok()?;
        let mut rows: Vec<_> =
            rows.try_collect::<Vec<_>>().await.ok()?.iter().map(std::string::ToString::to_string).collect();
        rows.sort();
        Some(rows)
    };
    let (mut told, mut all) = (0, 0);
    for Hostile { collection, pipeline } in guesses().into_iter().step_by(3) {
        all += 1;
        let (one, other) = tokio::join!(rows(&secret, collection, &pipeline), rows(&clean, collection, &pipeline));
        told += usize::from(one != other);
    }
    assert!(told * 3 > all, "only {told} of {all} guesses tell something");
}

/// What a pipeline says to somebody who runs it: its series, or its error.
async fn told(database: &Database, compiled: &Compiled) -> String {
    match preview(database, compiled).await {
        Ok(Preview { sample, series, folded, largest_label, cost, .. }) => {
            format!("{:?} {:?} {series} {folded} {largest_label:?} {cost:?}", sample.columns, sample.points)
        }
        Err(error) => error.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipeline_with_more_series_than_can_be_held_fails_instead_of_filling_the_memory() {
    let (_database, connected) = planted().await;
    let unwound = |most: i32| {
        let text = doc! { "$concat": ["x".repeat(1_000), { "$toString": "$r" }] };
        vec![
            doc! { "$limit": 1 },
            doc! { "$project": { "r": { "$range": [0, most] } } },
            doc! { "$unwind": "$r" },
            doc! { "$project": { "leak": text, "value": { "$literal": 1 } } },
        ]
    };
    let few = preview(&connected, &compiled(&metric("titles", &["leak"], unwound(20_000)))).await.unwrap();
    assert_eq!((few.series, few.folded), (1_000, 19_001));
    let many = preview(&connected, &compiled(&metric("titles", &["leak"], unwound(200_000)))).await;
    let error = many.unwrap_err().to_string();
    assert!(error.contains("more than can be held") && error.contains("drop a label"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_under_the_name_of_a_collection_is_not_read() {
    let (_database, connected) = planted().await;
    connected.create_collection("stats").view_on("settings").await.unwrap();
    connected.create_collection("programs").view_on("users").await.unwrap();
    let join = |from: &str| doc! { "$lookup": { "from": from, "pipeline": [], "as": "x" } };
    for (collection, pipeline) in [
        ("stats", vec![]),
        ("programs", vec![doc! { "$limit": 1 }]),
        ("users", vec![join("stats")]),
        ("users", vec![doc! { "$unionWith": "programs" }]),
        ("users", vec![doc! { "$facet": { "x": [join("programs")] } }]),
    ] {
        let error = preview(&connected, &compiled(&metric(collection, &["value2"], pipeline))).await.unwrap_err();
        assert!(error.to_string().contains("is a view"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_preview_tells_what_a_run_reads_and_finds_an_index_behind_the_removal_of_secrets() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    load_indexed(&connected, &fixtures()).await.unwrap();
    let titles = connected.collection::<Document>("titles");
    let (all, shows) = (doc! {}, doc! { "type": "tvshows" });
    let [all, shows] = [titles.count_documents(all).await.unwrap(), titles.count_documents(shows).await.unwrap()];
    let group = doc! { "$group": { "_id": null, "value": { "$sum": 1 } } };

    let scan = preview(&connected, &compiled(&metric("titles", &[], vec![group.clone()]))).await.unwrap();
    assert_eq!((scan.cost.documents, scan.cost.is_scan, scan.cost.index), (Some(all), true, None));
    let indexed = vec![doc! { "$match": { "type": "tvshows" } }, group];
    let indexed = preview(&connected, &compiled(&metric("titles", &[], indexed))).await.unwrap();
    assert_eq!((indexed.cost.documents, indexed.cost.keys, indexed.cost.is_scan), (Some(shows), Some(shows), false));
    assert!(indexed.cost.index.is_some_and(|index| index.starts_with("type_1")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_allowed_pipeline_gives_what_mongodb_gives() {
    let database = playarr_sandbox::mongodb().await.unwrap().database();
    let connected = database.connect().await.unwrap();
    load(&connected, &fixtures()).await.unwrap();
    let group =
        |id: Bson| vec![doc! { "$group": { "_id": id, "value": { "$sum": 1 } } }, doc! { "$set": { "a": "$_id" } }];
    let join =
        doc! { "$lookup": { "from": "iptv_providers", "localField": "provider_id", "foreignField": "id", "as": "p" } };
    let by_name = [vec![join, doc! { "$unwind": "$p" }], group("$p.name".into())].concat();
    let union = [vec![doc! { "$unionWith": "channels" }], group("$provider_id".into())].concat();
    let facet = vec![
        doc! { "$facet": { "x": group("$type".into()), "y": group("$ignored".into()) } },
        doc! { "$project": { "all": { "$concatArrays": ["$x", "$y"] } } },
        doc! { "$unwind": "$all" },
        doc! { "$replaceRoot": { "newRoot": "$all" } },
    ];
    for (collection, pipeline) in [
        ("titles", group("$type".into())),
        ("users", group("$role".into())),
        ("channels", by_name.clone()),
        ("provider_titles", by_name),
        ("provider_titles", union),
        ("provider_titles", facet),
    ] {
        let mut expected = BTreeMap::<String, f64>::new();
        let mut rows = connected.collection::<Document>(collection).aggregate(pipeline.clone()).await.unwrap();
        while rows.advance().await.unwrap() {
            let row = rows.deserialize_current().unwrap();
            let label = match row.get("a") {
                Some(Bson::String(text)) if !text.is_empty() => text.clone(),
                Some(Bson::Int32(number)) => number.to_string(),
                Some(Bson::Int64(number)) => number.to_string(),
                Some(Bson::Double(number)) if number.fract() == 0.0 => (number + 0.0).to_string(),
                _ => "unknown".to_owned(),
            };
            *expected.entry(label).or_default() += f64::from(row.get_i32("value").unwrap());
        }
        assert!(!expected.is_empty(), "{collection}");
        let shown = preview(&connected, &compiled(&metric(collection, &["a"], pipeline))).await.unwrap();
        let Points::Numbers(values) = &shown.sample.points else { panic!("a gauge") };
        let label = |row| shown.sample.labels(row).next().unwrap().1.to_owned();
        let found: BTreeMap<_, _> = values.iter().enumerate().map(|(row, &value)| (label(row), value)).collect();
        assert_eq!(found, expected, "{collection}");
    }
}
