//! What the library holds: titles, channels and watchlists.

use serde::Serialize;

use super::families::{Families, whole};
use super::top::{Amount, Top, amounts};

/// How many providers, categories and users have a bar of their own.
const MOST_PROVIDERS: usize = 10;
const MOST_CATEGORIES: usize = 12;
const MOST_USERS: usize = 10;

/// The library of a snapshot.
#[derive(Debug, Serialize)]
pub struct Library {
    /// Titles of the merged library.
    pub titles: Titles,
    /// (Episode, source) pairs.
    pub episodes: u64,
    /// Titles by provider.
    pub providers: Top<Titles>,
    /// Channels by category, of all providers together.
    pub categories: Top<Channels>,
    /// Watchlists by user.
    pub watchlists: Top<Watchlist>,
    /// Users with an API key who are not inactive.
    pub active_users: u64,
}

amounts! {
    /// Titles by media type.
    Titles {
        /// Films.
        movies,
        /// Series.
        tvshows,
        /// Whatever else the database calls them.
        other,
    } first |it| (it.movies.saturating_add(it.tvshows).saturating_add(it.other), 0);

    /// Live channels.
    Channels {
        /// How many.
        channels,
    } first |it| (it.channels, 0);

    /// What is on a watchlist.
    Watchlist {
        /// Films.
        movies,
        /// Series.
        tvshows,
        /// Live channels.
        channels,
    } first |it| (it.movies.saturating_add(it.tvshows).saturating_add(it.channels), 0);
}

impl Library {
    pub(super) fn of(families: &Families<'_>) -> Self {
        let mut titles = Titles::default();
        for ([media_type], count) in families.numbers("playarr_main_titles_count", ["media_type"]) {
            titles.add(&Titles::of(media_type, whole(count)));
        }
        let providers = families.numbers("playarr_provider_titles_count", ["provider_id", "media_type"]);
        let categories = families.numbers("playarr_channels_count", ["category"]);
        Self {
            titles,
            episodes: families.sum("playarr_episodes_count"),
            providers: Top::of(
                MOST_PROVIDERS,
                providers
                    .map(|([provider, media_type], count)| (provider, Titles::of(media_type, whole(count)))),
            ),
            categories: Top::of(
                MOST_CATEGORIES,
                categories.map(|([category], count)| (category, Channels { channels: whole(count) })),
            ),
            watchlists: Top::of(MOST_USERS, watchlists(families)),
            active_users: families.sum("playarr_active_users"),
        }
    }
}

impl Titles {
    fn of(media_type: &str, count: u64) -> Self {
        match media_type {
            "movies" => Self { movies: count, ..Self::default() },
            "tvshows" => Self { tvshows: count, ..Self::default() },
            _ => Self { other: count, ..Self::default() },
        }
    }
}

fn watchlists<'f>(families: &Families<'f>) -> impl Iterator<Item = (&'f str, Watchlist)> {
    let titles = families.numbers("playarr_watchlist_titles_count", ["user", "media_type"]);
    let titles = titles.map(|([user, media_type], count)| match media_type {
        "movies" => (user, Watchlist { movies: whole(count), ..Watchlist::default() }),
        _ => (user, Watchlist { tvshows: whole(count), ..Watchlist::default() }),
    });
    let channels = families.numbers("playarr_watchlist_channels_count", ["user"]);
    titles.chain(
        channels.map(|([user], count)| (user, Watchlist { channels: whole(count), ..Watchlist::default() })),
    )
}
