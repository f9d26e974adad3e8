//! A library of yesterday and what it is today, with every kind of difference in it.

use mongodb::Database;
use mongodb::bson::{DateTime, Document, doc};

use super::library::{Library, fixtures};
use super::service::{Builder, Service};
use super::{awaited, until};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// The library of yesterday: two providers with known channels beside the users of the fixtures.
pub(crate) fn yesterday() -> Library {
    let mut library = fixtures();
    library.insert("channels".to_owned(), [channels("north", "Sports", 60), channels("north", "News", 40)].concat());
    library.insert("titles".to_owned(), vec![doc! { "title_key": "movies-1", "type": "movies", "title": "One" }]);
    library.insert("provider_titles".to_owned(), Vec::new());
    library.insert("iptv_providers".to_owned(), vec![provider("north", "Nordic TV"), provider("sat", "Sat")]);
    library
}

/// Today, Nordic TV has lost channels and gained a category, Sat is gone, and there is another film.
async fn change(database: &Database) {
    let channels_now = database.collection::<Document>("channels");
    for number in 0..45 {
        channels_now.delete_one(doc! { "channel_id": format!("Sports-{number}") }).await.unwrap();
    }
    channels_now.insert_many(channels("north", "=Kids", 4)).await.unwrap();
    database.collection::<Document>("iptv_providers").delete_one(doc! { "id": "sat" }).await.unwrap();
    let film = doc! { "title_key": "movies-2", "type": "movies", "title": "Two" };
    database.collection::<Document>("titles").insert_one(film).await.unwrap();
}

/// A service that remembers yesterday and has counted today.
pub(crate) async fn two_days() -> Service {
    two_days_of(Service::with(yesterday())).await
}

/// The same with a service that is started as this says.
pub(crate) async fn two_days_of(builder: Builder) -> Service {
    let service = builder.setting("CHANGE_DETECTION", "off").ready().await;
    let snapshots = service.database.collection::<Document>("playarr_metrics_snapshots");
    let history = doc! { "_id": { "$regex": "^(hour|day):" } };
    let remembered = || async { snapshots.count_documents(history.clone()).await.unwrap() == 2 };
    until("the first snapshot is remembered", std::time::Duration::from_secs(20), remembered).await;
    let head = awaited("a head", || async { snapshots.find_one(history.clone()).await.unwrap() }).await;
    let written = head.get_datetime("written_at").unwrap().timestamp_millis();
    let yesterday = doc! { "$set": { "written_at": DateTime::from_millis(written - DAY_MS) } };
    snapshots.update_many(history.clone(), yesterday).await.unwrap();

    change(&service.database).await;
    service.refresh().await;
    let second = || async { snapshots.find_one(doc! { "_id": "last", "generation": 2_i64 }).await.unwrap() };
    awaited("the second snapshot", second).await;
    // What the service knows of the history follows what it has written.
    awaited("yesterday is known", || async {
        let overview = service.get("/api/metrics/overview").header("x-api-key", "admin001").send().await.unwrap();
        let overview: serde_json::Value = overview.json().await.unwrap();
        (!overview["changes"].is_null()).then_some(())
    })
    .await;
    service
}

fn channels(provider: &str, category: &str, count: usize) -> Vec<Document> {
    let channel = |number| {
        doc! { "provider_id": provider, "channel_id": format!("{category}-{number}"), "group_title": category }
    };
    (0..count).map(channel).collect()
}

fn provider(id: &str, name: &str) -> Document {
    doc! { "id": id, "name": name, "type": "xtream", "enabled": true, "provider_details": { "active": true } }
}
