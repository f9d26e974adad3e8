//! The large library of the specification: 900 thousand provider titles, 140 thousand titles of which 20 thousand are
//! shows with 60 episodes of 1 to 3 sources, 60 thousand channels, 2 thousand users. With Playarr's indexes.

use mongodb::bson::{Document, doc};
use mongodb::options::IndexOptions;
use mongodb::{Database, IndexModel};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const PROVIDERS: i32 = 12;
const BATCH: usize = 5_000;

/// Fills an empty database.
pub(crate) async fn load(database: &Database) -> mongodb::error::Result<()> {
    create_indexes(database).await?;
    let mut random = StdRng::seed_from_u64(1);
    let provider = |number: i32| format!("provider-{:02}", number % PROVIDERS);

    let provider_titles = (0..900_000).map(|number| {
        let media_type = if number % 100 < 85 { "movies" } else { "tvshows" };
        doc! {
            "provider_id": provider(number),
            "title_key": format!("{media_type}-{}", number / PROVIDERS),
            "type": media_type,
            "ignored": number % 10 == 0,
            "title": format!("A title of the provider {number}"),
            "category_id": number % 40,
        }
    });
    insert(database, "provider_titles", provider_titles).await?;

    let source = |number: i32, path: String| doc! { "provider_id": provider(number), "value": path };
    let movies: Vec<_> = (0..120_000)
        .map(|number| {
            let sources: Vec<_> =
                (0..random.random_range(1..=3)).map(|s| source(number + s, format!("/movie/{number}.mkv"))).collect();
            doc! {
                "title_key": format!("movies-{number}"), "type": "movies", "title": format!("Movie {number}"),
                "release_date": "2020-01-01", "media": [{ "name": "main", "sources": sources }],
            }
        })
        .collect();
    insert(database, "titles", movies.into_iter()).await?;
    let shows = (0..20_000).map(|number| {
        let media: Vec<_> = (0..60)
            .map(|episode| {
                let sources: Vec<_> = (0..random.random_range(1..=3))
                    .map(|s| source(number + s, format!("/series/{number}/{episode}.mkv")))
                    .collect();
                doc! {
                    "name": format!("Episode {episode}"), "season": episode / 10 + 1, "episode": episode % 10 + 1,
                    "air_date": "2020-01-01", "overview": "What happens in it. ".repeat(5),
                    "still_path": "/abcdefghijklmnopqrstuvwxyz.jpg", "sources": sources,
                }
            })
            .collect();
        doc! {
            "title_key": format!("tvshows-{number}"), "type": "tvshows", "title": format!("Show {number}"),
            "overview": "What it is about. ".repeat(10), "media": media,
        }
    });
    insert(database, "titles", shows).await?;

    let channels = (0..60_000).map(|number| {
        doc! {
            "provider_id": provider(number), "channel_id": number.to_string(),
            "channel_key": format!("live-{number}"), "group_title": format!("Category {}", number % 300),
            "name": format!("Channel {number}"),
        }
    });
    insert(database, "channels", channels).await?;
    let users = (0..2_000).map(|number| {
        let movies: Vec<_> = (0..number % 50).map(|title| format!("movies-{title}")).collect();
        doc! {
            "username": format!("user-{number}"), "api_key": format!("{number:08}"), "status": "active",
            "role": if number == 0 { "admin" } else { "user" },
            "watchlist": { "movies": movies, "tvshows": [], "live": ["live-1"] },
        }
    });
    insert(database, "users", users).await?;
    let providers = (0..PROVIDERS).map(|number| {
        doc! {
            "id": provider(number), "name": provider(number), "enabled": true,
            "provider_details": {
                "active_connections": 1, "max_connections": 3, "active": true, "expiration_date": 1_900_000_000,
            },
        }
    });
    insert(database, "iptv_providers", providers).await
}

/// How many provider titles there are to a user, and to a title that is a show, in a library that grows.
pub(crate) const TITLES_OF_A_USER: usize = 100;

/// Adds what a library of `to` provider titles has over one of `from`: users and shows, of two seasons with ten
/// episodes, a hundredth as many; movies a tenth, channels a twentieth.
pub(crate) async fn grow(database: &Database, from: usize, to: usize) -> mongodb::error::Result<()> {
    let provider = |number: usize| format!("provider-{:02}", number % 12);
    let titles = (from..to).map(|number| {
        let media_type = if number % 100 < 85 { "movies" } else { "tvshows" };
        doc! {
            "provider_id": provider(number), "title_key": format!("{media_type}-{}", number / 12), "type": media_type,
            "ignored": number % 10 == 0, "title": format!("A title of the provider {number}"),
        }
    });
    insert(database, "provider_titles", titles).await?;
    let movies = (from / 10..to / 10).map(|number| {
        doc! {
            "title_key": format!("movies-{number}"), "type": "movies", "title": format!("Movie {number}"),
            "media": [{ "name": "main", "sources": [{ "provider_id": provider(number) }] }],
        }
    });
    insert(database, "titles", movies).await?;
    let shows = (from / TITLES_OF_A_USER..to / TITLES_OF_A_USER).map(|number| {
        let episode = |of: usize| {
            let season = i32::from(of >= 10) + 1;
            doc! { "season": season, "sources": [{ "provider_id": provider(number) }] }
        };
        let media: Vec<_> = (0..20).map(episode).collect();
        let title = format!("Show {number}");
        doc! { "title_key": format!("tvshows-{number}"), "type": "tvshows", "title": title, "media": media }
    });
    insert(database, "titles", shows).await?;
    let channels = (from / 20..to / 20).map(|number| {
        doc! {
            "provider_id": provider(number), "channel_id": number.to_string(), "name": format!("Channel {number}"),
            "group_title": format!("Category {}", number % 300),
        }
    });
    insert(database, "channels", channels).await?;
    let users = (from / TITLES_OF_A_USER..to / TITLES_OF_A_USER).map(|number| {
        let movies: Vec<_> = (0..number % 50).map(|title| format!("movies-{title}")).collect();
        doc! {
            "username": format!("user-{number}"), "api_key": format!("{number:08}"), "status": "active", "role": "user",
            "watchlist": { "movies": movies, "tvshows": [], "live": ["live-1"] },
        }
    });
    insert(database, "users", users).await?;
    if from > 0 {
        return Ok(());
    }
    let providers = (0..12).map(|number| doc! { "id": provider(number), "name": provider(number), "enabled": true });
    insert(database, "iptv_providers", providers).await
}

/// What titles are made of.
const WORDS: [&str; 48] = [
    "Abyss",
    "Anatomy",
    "Archive",
    "Bitter",
    "Blue",
    "Border",
    "Broken",
    "Carnival",
    "City",
    "Cold",
    "Crown",
    "Dark",
    "Daughters",
    "Desert",
    "Dragon",
    "Echo",
    "Empire",
    "Fallen",
    "Father",
    "Fjord",
    "Garden",
    "Ghosts",
    "Glass",
    "Harbour",
    "Hidden",
    "House",
    "Hunters",
    "Island",
    "Justice",
    "Kitchen",
    "Last",
    "Letters",
    "Midnight",
    "Murder",
    "Northern",
    "Orchard",
    "Patrol",
    "Quiet",
    "River",
    "Secrets",
    "Shadow",
    "Silent",
    "Station",
    "Storm",
    "Summer",
    "Tales",
    "Winter",
    "Wolves",
];

/// Shows of ten seasons of some episodes from one source, so that the episodes gauge has this many series.
pub(crate) async fn load_series(database: &Database, series: usize) -> mongodb::error::Result<()> {
    let mut random = StdRng::seed_from_u64(2);
    let shows = (0..series / 10).map(|number| {
        let mut media = Vec::new();
        for season in 1..=10 {
            let episode = doc! { "season": season, "sources": [{ "provider_id": "provider-01" }] };
            media.extend(std::iter::repeat_n(episode, random.random_range(1..=24)));
        }
        let words: Vec<_> =
            (0..random.random_range(1..=4)).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect();
        let title = format!("{} ({}) {number}", words.join(" "), random.random_range(1950..=2026));
        doc! { "title_key": format!("tvshows-{number}"), "type": "tvshows", "title": title, "media": media }
    });
    insert(database, "titles", shows).await?;
    let admin = doc! { "username": "admin", "role": "admin", "status": "active", "api_key": "admin001" };
    insert(database, "users", std::iter::once(admin)).await
}

async fn insert(
    database: &Database,
    collection: &str,
    documents: impl Iterator<Item = Document>,
) -> mongodb::error::Result<()> {
    let collection = database.collection::<Document>(collection);
    let mut documents = documents.peekable();
    while documents.peek().is_some() {
        let batch: Vec<_> = documents.by_ref().take(BATCH).collect();
        collection.insert_many(batch).ordered(false).await?;
    }
    Ok(())
}

pub(crate) async fn create_indexes(database: &Database) -> mongodb::error::Result<()> {
    let plain = |keys| IndexModel::builder().keys(keys).build();
    let unique = |keys| IndexModel::builder().keys(keys).options(IndexOptions::builder().unique(true).build()).build();
    for (collection, indexes) in [
        (
            "titles",
            vec![
                unique(doc! { "title_key": 1 }),
                plain(doc! { "type": 1, "title": 1 }),
                plain(doc! { "media.sources.provider_id": 1 }),
                plain(doc! { "type": 1, "media.sources.provider_id": 1 }),
            ],
        ),
        (
            "provider_titles",
            vec![
                unique(doc! { "provider_id": 1, "title_key": 1 }),
                plain(doc! { "provider_id": 1, "type": 1 }),
                plain(doc! { "provider_id": 1, "ignored": 1 }),
                plain(doc! { "provider_id": 1, "type": 1, "ignored": 1 }),
                plain(doc! { "title_key": 1 }),
            ],
        ),
        ("iptv_providers", vec![unique(doc! { "id": 1 })]),
        ("channels", vec![unique(doc! { "provider_id": 1, "channel_id": 1 }), plain(doc! { "provider_id": 1 })]),
        ("users", vec![unique(doc! { "username": 1 })]),
    ] {
        database.collection::<Document>(collection).create_indexes(indexes).await?;
    }
    Ok(())
}
