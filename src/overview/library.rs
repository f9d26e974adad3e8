//! What the library holds: titles, channels and watchlists.

use serde::Serialize;

use super::directory::Directory;
use super::families::{Families, whole};
use super::ranking::{Amount, Ranking};

/// The numbers of providers, categories and users with a bar of their own.
const MAX_PROVIDERS: usize = 10;
const MAX_CATEGORIES: usize = 12;
const MAX_USERS: usize = 10;

/// The library of a snapshot.
#[derive(Debug, Serialize)]
pub(crate) struct Library {
    /// Titles of the merged library.
    pub(crate) titles: Titles,
    /// (Episode, source) pairs.
    pub(crate) episodes: u64,
    /// Titles by provider.
    pub(crate) providers: Ranking<Titles>,
    /// Channels of all providers by category.
    pub(crate) categories: Ranking<Channels>,
    /// Watchlists by user.
    pub(crate) watchlists: Ranking<Watchlist>,
    /// Users with an API key who are not inactive.
    pub(crate) active_users: u64,
    /// The providers that Playarr has.
    #[serde(skip)]
    pub(crate) directory: Directory,
}

/// Titles by media type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Titles {
    /// Films.
    pub(crate) movies: u64,
    /// Series.
    pub(crate) tvshows: u64,
    /// Titles of any other type.
    pub(crate) other: u64,
}

/// Live channels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Channels {
    /// Their number.
    pub(crate) channels: u64,
}

/// Entries of a watchlist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Watchlist {
    /// Films.
    pub(crate) movies: u64,
    /// Series.
    pub(crate) tvshows: u64,
    /// Live channels.
    pub(crate) channels: u64,
}

impl Library {
    pub(super) fn of(families: &Families<'_>) -> Self {
        let mut titles = Titles::default();
        for ([media_type], count) in families.numbers("playarr_main_titles_count", ["media_type"]) {
            titles.add(&Titles::of(media_type, whole(count)));
        }
        let directory = Directory::of(families);
        let by_provider = families
            .numbers("playarr_provider_titles_count", ["provider_id", "media_type"])
            .map(|([provider, media_type], count)| (provider, Titles::of(media_type, whole(count))));
        let by_category = families
            .numbers("playarr_channels_count", ["category"])
            .map(|([category], count)| (category, Channels { channels: whole(count) }));
        Self {
            titles,
            episodes: families.sum("playarr_episodes_count"),
            providers: Ranking::of_providers(MAX_PROVIDERS, &directory, by_provider),
            categories: Ranking::of(MAX_CATEGORIES, by_category),
            watchlists: Ranking::of(MAX_USERS, watchlists(families)),
            active_users: families.sum("playarr_active_users"),
            directory,
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

impl Amount for Titles {
    fn add(&mut self, other: &Self) {
        self.movies = self.movies.saturating_add(other.movies);
        self.tvshows = self.tvshows.saturating_add(other.tvshows);
        self.other = self.other.saturating_add(other.other);
    }

    fn rank(&self) -> (u64, u64) {
        (self.movies.saturating_add(self.tvshows).saturating_add(self.other), 0)
    }
}

impl Amount for Channels {
    fn add(&mut self, other: &Self) {
        self.channels = self.channels.saturating_add(other.channels);
    }

    fn rank(&self) -> (u64, u64) {
        (self.channels, 0)
    }
}

impl Amount for Watchlist {
    fn add(&mut self, other: &Self) {
        self.movies = self.movies.saturating_add(other.movies);
        self.tvshows = self.tvshows.saturating_add(other.tvshows);
        self.channels = self.channels.saturating_add(other.channels);
    }

    fn rank(&self) -> (u64, u64) {
        (self.movies.saturating_add(self.tvshows).saturating_add(self.channels), 0)
    }
}

fn watchlists<'f>(families: &Families<'f>) -> impl Iterator<Item = (&'f str, Watchlist)> {
    let titles = families.numbers("playarr_watchlist_titles_count", ["user", "media_type"]);
    let titles = titles.map(|([user, media_type], count)| match media_type {
        "movies" => (user, Watchlist { movies: whole(count), ..Watchlist::default() }),
        _ => (user, Watchlist { tvshows: whole(count), ..Watchlist::default() }),
    });
    let channels = families.numbers("playarr_watchlist_channels_count", ["user"]);
    let channels = channels.map(|([user], count)| {
        let channels = whole(count);
        (user, Watchlist { channels, ..Watchlist::default() })
    });
    titles.chain(channels)
}
