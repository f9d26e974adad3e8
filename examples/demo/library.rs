//! A small library as Playarr would have gathered it from two providers, for seven people. A third provider is
//! disabled, a fourth deleted. The names are real; who has what is made up, and is the same at each start.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use mongodb::bson::{Bson, DateTime, Document, doc};
use sha2::{Digest, Sha256};

/// The name and the password of the admin.
pub(crate) const ADMIN: (&str, &str) = ("admin", "admin-password");

/// The API key of the admin.
pub(crate) const ADMIN_API_KEY: &str = "admin001";

/// The users that watch something.
pub(crate) const USERS: [&str; 6] = ["marta", "jonas", "priya", "tom", "ines", "grandpa"];

/// The ids of the providers in use.
pub(crate) const PROVIDERS: [&str; 2] = ["aurora", "harbour"];

/// A line for each movie: the year and the title.
const MOVIES: &str = include_str!("library/movies.txt");

/// A line for each show: the year, the title and the number of episodes of each season.
const SHOWS: &str = include_str!("library/shows.txt");

/// Lines of channels, after their category.
const CHANNELS: &str = include_str!("library/channels.txt");

/// The number that the ids of titles start from. They only look like those of TMDB.
const FIRST_ID: usize = 1_000;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The documents of each of Playarr's collections.
pub(crate) fn documents() -> BTreeMap<String, Vec<Document>> {
    let mut library = Library::default();
    for (number, (year, title)) in MOVIES.lines().filter_map(|line| line.split_once(' ')).enumerate() {
        library.movie(number, year, title);
    }
    for (number, (year, line)) in SHOWS.lines().filter_map(|line| line.split_once(' ')).enumerate() {
        if let Some((title, seasons)) = line.rsplit_once(": ") {
            let seasons = seasons.split(' ').map(|count| count.parse().expect("a number of episodes"));
            library.show(number, year, title, &seasons.collect::<Vec<i32>>());
        }
    }
    let collections = [
        ("titles", library.titles),
        ("provider_titles", library.provider_titles),
        ("iptv_providers", providers()),
        ("channels", channels()),
        ("users", users()),
        ("job_history", jobs()),
    ];
    collections.map(|(name, documents)| (name.to_owned(), documents)).into()
}

#[derive(Default)]
struct Library {
    titles: Vec<Document>,
    provider_titles: Vec<Document>,
}

impl Library {
    fn movie(&mut self, number: usize, year: &str, title: &str) {
        let key = format!("movies-{}", FIRST_ID + number);
        let sources = self.list(number, &key, "movies", title);
        self.titles.push(doc! {
            "title_key": key,
            "type": "movies",
            "title": title,
            "release_date": format!("{year}-01-01"),
            "media": [{ "name": "main", "sources": sources }],
        });
    }

    /// A show with this many episodes in each season.
    fn show(&mut self, number: usize, year: &str, title: &str, seasons: &[i32]) {
        let key = format!("tvshows-{}", FIRST_ID + number);
        let sources = self.list(number, &key, "tvshows", title);
        let episodes = (1..).zip(seasons).flat_map(|(season, &count)| {
            let sources = sources.clone();
            (1..=count).map(move |episode| {
                doc! {
                    "name": format!("S{season:02}E{episode:02}"),
                    "season": season,
                    "episode": episode,
                    "sources": sources.clone(),
                }
            })
        });
        self.titles.push(doc! {
            "title_key": key,
            "type": "tvshows",
            "title": title,
            "release_date": format!("{year}-01-01"),
            "media": episodes.collect::<Vec<_>>(),
        });
    }

    /// Enters a title with the providers that have it, and returns them as its sources.
    fn list(&mut self, number: usize, key: &str, media_type: &str, title: &str) -> Vec<Document> {
        let [aurora, harbour] = PROVIDERS;
        // The large provider lacks every ninth title; the small one has two of five, and all that the other lacks.
        let is_at_aurora = number % 9 != 4;
        let is_at_harbour = number % 5 < 2 || !is_at_aurora;
        let having = [(aurora, is_at_aurora), (harbour, is_at_harbour)];
        let having: Vec<_> = having.into_iter().filter(|(_, has)| *has).map(|(provider, _)| provider).collect();
        for provider in &having {
            self.provider_titles.push(doc! {
                "provider_id": *provider,
                "title_key": key,
                "type": media_type,
                "title": title,
                "ignored": false,
            });
        }
        // Now and then a title of a provider cannot be matched, and does not get into the library.
        if number % 20 == 7 {
            self.provider_titles.push(doc! {
                "provider_id": aurora,
                "title_key": format!("{key}-unmatched"),
                "type": media_type,
                "title": format!("{title} (4K, dubbed)"),
                "ignored": true,
            });
        }
        having.into_iter().map(|provider| doc! { "provider_id": provider }).collect()
    }
}

fn providers() -> Vec<Document> {
    let in_days = |days: u32| {
        let expiry = SystemTime::now() + days * DAY;
        let expiry = expiry.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Bson::from(i64::try_from(expiry.as_secs()).unwrap_or(i64::MAX))
    };
    let provider = |id: &str, name: &str, connections: [i32; 2], is_active: bool, expiration: Bson| {
        let [in_use, allowed] = connections;
        doc! {
            "id": id,
            "type": "xtream",
            "name": name,
            "enabled": true,
            "deleted": false,
            "provider_details": {
                "active_connections": in_use,
                "max_connections": allowed,
                "active": is_active,
                "expiration_date": expiration,
                "last_checked": DateTime::now(),
            },
        }
    };
    let [aurora, harbour] = PROVIDERS;
    let mut disabled = provider("oldmill", "Old Mill TV", [0, 2], false, in_days(3));
    disabled.insert("enabled", false);
    let mut deleted = provider("trial", "Free Trial", [0, 1], false, in_days(1));
    deleted.insert("deleted", true);
    vec![
        provider(aurora, "Aurora TV", [2, 5], true, in_days(212)),
        provider(harbour, "Harbour IPTV", [1, 2], true, in_days(44)),
        disabled,
        deleted,
    ]
}

fn channels() -> Vec<Document> {
    let lines = CHANNELS.lines().filter_map(|line| line.split_once(": "));
    let named = lines.flat_map(|(category, names)| names.split(", ").map(move |name| (category, name)));
    let mut channels = Vec::new();
    for (number, (category, name)) in named.enumerate() {
        let [aurora, harbour] = PROVIDERS;
        let is_local = matches!(category, "News" | "General" | "Kids");
        let having: &[&str] = if is_local { &[aurora, harbour] } else { &[aurora] };
        for provider in having {
            let id = (100 + number).to_string();
            channels.push(doc! {
                "provider_id": *provider,
                "channel_id": &id,
                "channel_key": format!("live-{provider}-{id}"),
                "name": name,
                "group_title": category,
            });
        }
    }
    channels
}

fn users() -> Vec<Document> {
    let (admin, password) = ADMIN;
    // As Playarr does it: the bytes of the digest, not of the password.
    let password_hash = bcrypt::hash(Sha256::digest(password), 10).expect("a digest of less than 72 bytes");
    let mut users = vec![doc! {
        "username": admin,
        "password_hash": password_hash,
        "api_key": ADMIN_API_KEY,
        "role": "admin",
        "status": "active",
        "watchlist": watchlist(5, 2, 3),
    }];
    for (number, user) in USERS.into_iter().enumerate() {
        users.push(doc! {
            "username": user,
            // Nobody signs in as one of them: no password has this hash.
            "password_hash": "",
            "api_key": format!("{user}00000001")[..8].to_owned(),
            "role": "user",
            "status": "active",
            "watchlist": watchlist(3 + number * 7 % 19, 1 + number * 5 % 8, number * 3 % 7),
        });
    }
    // Somebody who was invited, and has not signed in yet.
    users.push(doc! {
        "username": "neighbour",
        "password_hash": "",
        "role": "user",
        "status": "inactive",
        "watchlist": watchlist(0, 0, 0),
    });
    users
}

fn watchlist(movies: usize, shows: usize, channels: usize) -> Document {
    let keys = |prefix: &str, first: usize, count: usize| -> Vec<String> {
        (0..count).map(|number| format!("{prefix}-{}", first + number)).collect()
    };
    doc! {
        "movies": keys("movies", FIRST_ID + movies, movies),
        "tvshows": keys("tvshows", FIRST_ID + shows, shows),
        "live": keys("live-aurora", 100, channels),
    }
}

fn jobs() -> Vec<Document> {
    let now = DateTime::now();
    let jobs = [("SyncIPTVProviderTitlesJob", 63), ("SyncLiveTVJob", 126), ("ProviderTitlesMonitorJob", 412)];
    let line = |(name, count): (&str, i32)| {
        doc! {
            "job_name": name,
            "status": "completed",
            "last_execution": now,
            "execution_count": count,
            "last_result": {},
            "createdAt": now,
            "lastUpdated": now,
        }
    };
    jobs.into_iter().map(line).collect()
}
