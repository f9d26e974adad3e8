//! A library as it might be at somebody's home, and an evening in it: for pictures that are worth looking at.

use std::time::SystemTime;

use mongodb::bson::{Bson, doc};
use serde_json::{Value, json};

use super::library::{Library, fixtures};

/// Five providers, some thousand titles, and people with watchlists.
pub(crate) fn home() -> Library {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let provider = |id: &str, days: Option<i64>, active: bool, used: i32, max: i32| {
        let expiration_date = days.map(|days| now + days * 86_400 + 40_000);
        doc! { "id": id, "provider_details": {
            "active": active, "expiration_date": expiration_date, "active_connections": used, "max_connections": max,
        } }
    };
    let providers = vec![
        provider("agtv", Some(212), true, 2, 3),
        provider("xtream-one", Some(24), true, 2, 2),
        provider("nordic-streams", Some(5), true, 1, 5),
        provider("sat-box", None, true, 7, 40),
        provider("old-faithful", Some(-3), false, 0, 1),
    ];
    let mut library = Library::new();
    let mut provider_titles = Vec::new();
    for (provider, movies, shows) in [
        ("agtv", 1240, 320),
        ("xtream-one", 870, 410),
        ("nordic-streams", 390, 95),
        ("sat-box", 210, 40),
        ("old-faithful", 130, 20),
    ] {
        for (media_type, count) in [("movies", movies), ("tvshows", shows)] {
            provider_titles.extend((0..count).map(|number| {
                let key = format!("{media_type}-{number}");
                doc! { "provider_id": provider, "title_key": key, "type": media_type }
            }));
        }
    }
    let movies = (0..1460).map(|number| doc! { "title_key": format!("movies-{number}"), "type": "movies" });
    let shows = (0..480).map(|number| {
        let (key, title) = (format!("tvshows-{number}"), format!("Show {number}"));
        let sources = [doc! { "provider_id": "agtv" }];
        let media: Vec<_> =
            (1..=6).map(|episode| doc! { "season": 1, "episode": episode, "sources": &sources[..] }).collect();
        doc! { "title_key": key, "type": "tvshows", "title": title, "media": media }
    });
    let titles = movies.chain(shows);
    let mut channels = Vec::new();
    for (category, count) in [
        ("Sports", 184),
        ("News", 121),
        ("Movies", 117),
        ("Kids", 86),
        ("Documentary", 73),
        ("Music", 64),
        ("UK | Entertainment", 58),
        ("Nordic", 41),
        ("Regional", 37),
        ("Lifestyle", 22),
        ("Cooking", 14),
        ("Faith", 9),
        ("Shopping", 8),
        ("Radio", 5),
        ("24/7", 4),
    ] {
        channels.extend((0..count).map(|number| {
            let id = format!("{category}{number}");
            doc! { "provider_id": "agtv", "channel_id": id, "group_title": category }
        }));
    }
    let list = |length: usize| vec![Bson::Int32(0); length];
    let mut users = fixtures()["users"]
        .iter()
        .filter(|user| user.get_str("username").is_ok_and(|name| name == "admin"))
        .cloned()
        .collect::<Vec<_>>();
    for (username, movies, tvshows, live) in
        [("alice", 42, 17, 8), ("carol", 12, 31, 4), ("erin", 25, 3, 12), ("frank", 2, 6, 0), ("grace", 0, 0, 5)]
    {
        users.push(doc! { "username": username, "api_key": format!("key-{username}"), "role": "user", "watchlist": {
            "movies": list(movies), "tvshows": list(tvshows), "live": list(live),
        } });
    }
    for (collection, documents) in [
        ("iptv_providers", providers),
        ("provider_titles", provider_titles),
        ("titles", titles.collect()),
        ("channels", channels),
        ("users", users),
    ] {
        library.insert(collection.to_owned(), documents);
    }
    library
}

/// What may have happened in an evening.
pub(crate) fn evening() -> Vec<Value> {
    let mut events = Vec::new();
    for (user, media_type, seconds, count) in [
        ("alice", "movies", 0.3, 14),
        ("alice", "live", 0.7, 22),
        ("carol", "tvshows", 0.4, 19),
        ("carol", "tvshows", 3.0, 2),
        ("erin", "live", 0.8, 11),
        ("erin", "movies", 1.7, 3),
        ("frank", "tvshows", 0.2, 6),
        ("grace", "live", 2.4, 2),
    ] {
        events.extend((0..6 * count).map(|_| stream(user, media_type, seconds)));
    }
    for (operation, count) in [("hit", 963), ("miss", 167)] {
        events.extend((0..count).map(|_| json!({"type":"cache_operation","operation":operation})));
    }
    for (provider, status, count) in [
        ("agtv", "success", 24),
        ("xtream-one", "success", 22),
        ("xtream-one", "failure", 2),
        ("nordic-streams", "success", 24),
        ("sat-box", "success", 23),
        ("old-faithful", "failure", 6),
    ] {
        events.extend(
            (0..count)
                .map(|_| json!({"type":"provider_sync","provider_id":provider,"status":status,"duration_seconds":63})),
        );
    }
    for (job, status, count) in [
        ("SyncIPTVProviderTitlesJob", "success", 24),
        ("SyncLiveTVJob", "success", 47),
        ("SyncLiveTVJob", "failure", 1),
        ("ProviderTitlesMonitorJob", "success", 96),
    ] {
        events.extend(
            (0..count).map(|_| json!({"type":"job_execution","job_type":job,"status":status,"duration_seconds":12})),
        );
    }
    events
}

/// A stream that somebody requested.
pub(crate) fn stream(user: &str, media_type: &str, seconds: f64) -> Value {
    json!({"type":"stream_request","user":user,"media_type":media_type,"duration_seconds":seconds})
}
