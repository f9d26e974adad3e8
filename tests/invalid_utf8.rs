//! Text that is not valid UTF-8, as other drivers store it: it fails no refresh, and the document counts under
//! `unknown`.

use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::{Collection, Database};

use crate::support::exposition::database_gauges;
use crate::support::library::{Library, create_playarr_indexes, fixtures};
use crate::support::oracle::{self, Detail, Gauges};
use crate::support::service::Service;

/// Stands for the invalid text until the document is bytes.
const PLACEHOLDER: &str = "<<not UTF-8>>";

/// Every field that is read, and the other texts of the documents that hold them. Array positions are numbers.
const FIELDS: [(&str, &[&str]); 7] = [
    (
        "titles",
        &[
            "title_key",
            "type",
            "title",
            "media",
            "media.0",
            "media.0.name",
            "media.0.season",
            "media.0.sources",
            "media.0.sources.0",
            "media.0.sources.0.provider_id",
        ],
    ),
    ("provider_titles", &["provider_id", "title_key", "type", "ignored"]),
    (
        "iptv_providers",
        &[
            "id",
            "name",
            "type",
            "enabled",
            "deleted",
            "provider_details",
            "provider_details.active_connections",
            "provider_details.max_connections",
            "provider_details.active",
            "provider_details.expiration_date",
        ],
    ),
    ("channels", &["provider_id", "channel_id", "group_title"]),
    (
        "users",
        &[
            "username",
            "password_hash",
            "role",
            "status",
            "watchlist",
            "watchlist.movies",
            "watchlist.movies.0",
            "watchlist.tvshows",
            "watchlist.live",
        ],
    ),
    ("settings", &["value"]),
    ("job_history", &["job_name", "status"]),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_text_in_each_field_counts_as_unknown_without_indexes() {
    let service = Service::empty().ready().await;
    counted_as_unknown(&service).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_text_in_each_field_counts_as_unknown_with_playarrs_indexes() {
    let service = Service::empty().ready().await;
    create_playarr_indexes(&service.database).await.unwrap();
    counted_as_unknown(&service).await;
}

/// The key of a user is counted, not shown: an invalid one is still a text that is not empty.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_whose_key_is_invalid_text_has_a_key() {
    let service = Service::with(fixtures()).ready().await;
    let active = |series: &Gauges| series["playarr_active_users"].values().sum::<f64>();
    let before = active(&service.series().await);
    insert(&service.database, "users", &[doc! { "username": "odd", "api_key": PLACEHOLDER }]).await;
    assert_eq!(service.refresh().await["success"], true);
    assert!((active(&service.series().await) - before - 1.0).abs() < 0.5);
}

/// Adds documents with invalid text to a library, and compares the gauges with a count of the same documents.
async fn counted_as_unknown(service: &Service) {
    let mut library = Library::new();
    for (collection, fields) in FIELDS {
        let valid = (0..3).map(|number| document(collection, number));
        let spoiled = (10..).zip(fields).map(|(number, field)| {
            let mut document = document(collection, number);
            spoil(&mut document, field);
            document
        });
        library.insert(collection.to_owned(), valid.chain(spoiled).collect());
    }
    // The admin that asks for the refresh.
    let users = library.get_mut("users").unwrap();
    users.push(doc! { "username": "admin", "api_key": "admin001", "role": "admin", "status": "active" });
    for (collection, documents) in &library {
        insert(&service.database, collection, documents).await;
    }

    let report = service.refresh().await;
    assert_eq!(report["success"], true, "{report}");
    for documents in library.values_mut() {
        documents.iter_mut().for_each(unreadable);
    }
    let counted = oracle::gauges(&library, Detail::Title);
    assert_eq!(database_gauges(service.series().await), counted);
    let unknown = counted["playarr_provider_titles_count"]
        .iter()
        .filter(|(labels, _)| labels["provider_id"] == "unknown")
        .map(|(_, value)| value)
        .sum::<f64>();
    assert!((unknown - 1.0).abs() < 0.5, "the title without a readable provider is counted: {unknown}");
}

/// A document as Playarr writes it.
fn document(collection: &str, number: i32) -> Document {
    match collection {
        "titles" => doc! {
            "title_key": format!("tvshows-{number}"), "type": "tvshows", "title": "Dark",
            "media": [{ "name": "S01E01", "season": 1, "sources": [{ "provider_id": "agtv" }] }],
        },
        "provider_titles" => doc! {
            "provider_id": "agtv", "title_key": format!("movies-{number}"), "type": "movies", "ignored": true,
        },
        "iptv_providers" => doc! {
            "id": format!("provider-{number}"), "name": "A provider", "type": "xtream", "enabled": true,
            "deleted": false, "provider_details": {
                "active_connections": 1, "max_connections": 2, "active": true, "expiration_date": 1_800_000_000,
            },
        },
        "channels" => doc! {
            "provider_id": "agtv", "channel_id": format!("channel-{number}"), "group_title": "News",
        },
        "users" => doc! {
            "username": format!("user-{number}"), "password_hash": "none", "api_key": format!("key-{number:04}"),
            "role": "user", "status": "active",
            "watchlist": { "movies": ["movies-1"], "tvshows": ["tvshows-1"], "live": ["channel-1"] },
        },
        "settings" => doc! { "_id": format!("setting-{number}"), "value": "on" },
        "job_history" => {
            doc! { "job_name": "UpdateMetricsJob", "status": "completed", "execution_count": number }
        }
        other => panic!("{other} is no collection of Playarr"),
    }
}

/// Puts the placeholder where the path leads.
fn spoil(document: &mut Document, path: &str) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let mut place = document.get_mut(first).unwrap();
    for step in rest.into_iter().flat_map(|rest| rest.split('.')) {
        place = match place {
            Bson::Array(elements) => &mut elements[step.parse::<usize>().unwrap()],
            Bson::Document(document) => document.get_mut(step).unwrap(),
            other => panic!("{path} ends at {other}"),
        };
    }
    *place = PLACEHOLDER.into();
}

/// Replaces the placeholder by a value that no rule can use, for the count to compare with.
fn unreadable(document: &mut Document) {
    fn walk(value: &mut Bson) {
        match value {
            Bson::String(text) if text == PLACEHOLDER => *value = Bson::Undefined,
            Bson::Array(elements) => elements.iter_mut().for_each(walk),
            Bson::Document(document) => unreadable(document),
            _ => {}
        }
    }
    document.iter_mut().for_each(|(_, value)| walk(value));
}

async fn insert(database: &Database, collection: &str, documents: &[Document]) {
    let collection: Collection<RawDocumentBuf> = database.collection(collection);
    let raw = documents.iter().map(|document| {
        let mut bytes = document.to_vec().unwrap();
        let placeholder = PLACEHOLDER.as_bytes();
        if let Some(place) = bytes.windows(placeholder.len()).position(|window| window == placeholder) {
            bytes[place..place + PLACEHOLDER.len()].fill(0xff);
        }
        RawDocumentBuf::from_bytes(bytes).unwrap()
    });
    collection.insert_many(raw.collect::<Vec<_>>()).await.unwrap();
}
